"""Face make-up: bottles and tubes, palettes and compacts with their lids open."""

import numpy as np

from ndsc.sample.drawing.lettering import lettering
from ndsc.sample.drawing.outlines import ellipse, mirrored, path, rectangle, stroke
from ndsc.sample.drawing.palette import WHITE, Colour, any_colour, darker, ink_on, lighter, mix, pick
from ndsc.sample.drawing.parts import Drawing, Gradient, part, placement, transformed
from ndsc.sample.drawing.solids import cylinder, round_shade
from ndsc.sample.products.packaging import BRANDS, METALS, brush, pan


def foundation(colour: Colour, rng: np.random.Generator) -> Drawing:
    """A bottle with a pump."""
    cap, skin = pick(rng, METALS), mix(colour, (222, 178, 146), 0.75)
    half = path(
        (0.0, -0.17),
        (0.07, -0.17),
        ((0.19, -0.16), (0.19, -0.06)),
        (0.19, 0.46),
        ((0.19, 0.5), (0.15, 0.5)),
        (0.0, 0.5),
    )
    glass = mirrored(half)
    pump = mirrored(path((0.0, -0.48), (0.05, -0.48), (0.05, -0.4), (0.022, -0.4), (0.022, -0.34), (0.0, -0.34)))
    label = rectangle(-0.13, 0.06, 0.13, 0.34, 0.01)
    return [
        part(rectangle(-0.16, -0.475, 0.0, -0.435, 0.012), round_shade(-0.16, 0.05, cap)),
        part(pump, round_shade(-0.05, 0.05, cap)),
        *cylinder(-0.085, -0.35, 0.085, -0.16, cap, 0.012),
        part(glass, round_shade(-0.19, 0.19, lighter(skin, 0.45))),
        part(rectangle(-0.165, -0.11, 0.165, 0.475, 0.04), round_shade(-0.165, 0.165, skin)),
        part(stroke(path((-0.145, -0.06), (-0.145, 0.44)), 0.03), WHITE, 0.6, 0.01),
        *([part(label, WHITE, 0.85)] if rng.random() < 0.5 else []),
        part(lettering(pick(rng, BRANDS), 0.0, 0.16, 0.07), darker(skin, 0.65)),
        part([rectangle(-0.08, y, 0.08, y + 0.01) for y in (0.23, 0.26, 0.29)], darker(skin, 0.5)),
    ]


def cream(colour: Colour, rng: np.random.Generator) -> Drawing:
    """A squeezed tube that stands on its cap."""
    cap, second = pick(rng, METALS), any_colour(rng)
    body = mirrored(path((0.0, -0.5), (0.2, -0.5), (0.2, -0.46), ((0.185, 0.1), (0.14, 0.33)), (0.0, 0.33)))
    band = rectangle(-0.3, -0.28, 0.3, -0.08) if rng.random() < 0.5 else ellipse(0.0, -0.15, 0.12)
    crimps = [rectangle(x, -0.495, x + 0.005, -0.46) for x in np.arange(-0.195, 0.195, 0.016)]
    return [
        *cylinder(-0.135, 0.31, 0.135, 0.5, cap, 0.014),
        part(body, round_shade(-0.2, 0.2, colour)),
        part(band, second, 0.9, within=body),
        part(crimps, darker(colour, 0.3), 0.5),
        part(stroke(path((-0.13, -0.42), ((-0.13, 0.0), (-0.09, 0.3))), 0.035), WHITE, 0.5, 0.014),
        part(lettering(pick(rng, BRANDS), 0.0, -0.17, 0.07), ink_on(second)),
        part([rectangle(-0.07, y, 0.07, y + 0.009) for y in (0.03, 0.06, 0.09)], darker(colour, 0.5), 0.8),
    ]


def setting_spray(colour: Colour, rng: np.random.Generator) -> Drawing:
    """A tall bottle with a mist cap."""
    cap, liquid = pick(rng, METALS), lighter(colour, 0.5)
    bottle = mirrored(
        path(
            (0.0, -0.25),
            (0.06, -0.25),
            ((0.135, -0.24), (0.135, -0.16)),
            (0.135, 0.47),
            ((0.135, 0.5), (0.1, 0.5)),
            (0.0, 0.5),
        )
    )
    level = float(rng.uniform(-0.16, 0.0))
    return [
        *cylinder(-0.06, -0.5, 0.06, -0.38, cap, 0.02),
        part(rectangle(-0.065, -0.465, -0.05, -0.445), darker(cap, 0.6)),
        *cylinder(-0.075, -0.39, 0.075, -0.24, lighter(cap, 0.2), 0.01),
        part(bottle, round_shade(-0.135, 0.135, lighter(liquid, 0.45))),
        part(rectangle(-0.115, level, 0.115, 0.48, 0.02), round_shade(-0.115, 0.115, liquid)),
        part(rectangle(-0.006, -0.24, 0.006, 0.46), WHITE, 0.4),
        part(stroke(path((-0.1, -0.14), (-0.1, 0.45)), 0.022), WHITE, 0.7, 0.007),
        part(lettering(pick(rng, BRANDS), 0.0, 0.14, 0.065), darker(colour, 0.45)),
        part([rectangle(-0.06, y, 0.06, y + 0.009) for y in (0.21, 0.24)], darker(colour, 0.4)),
    ]


def face_palette(colour: Colour, rng: np.random.Generator) -> Drawing:
    """An open palette: a lid with a mirror or a print, rows of pans below."""
    columns, rows = pick(rng, [(3, 3), (4, 3), (5, 2), (3, 2), (6, 3)])
    shell, pitch = any_colour(rng), 0.15
    wide, deep = columns * pitch / 2 + 0.035, rows * pitch + 0.06
    base, lid = rectangle(-wide, 0.0, wide, deep, 0.02), rectangle(-wide, -deep * 0.95, wide, -0.012, 0.02)
    mirror = rectangle(-wide + 0.03, -deep * 0.95 + 0.03, wide - 0.03, -0.04, 0.008)
    shades = [mix(colour, any_colour(rng), float(rng.uniform(0, 0.7))) for _ in range(columns * rows)]
    places = [
        ((column - (columns - 1) / 2) * pitch, 0.03 + (row + 0.5) * pitch)
        for row in range(rows)
        for column in range(columns)
    ]
    rounded = rng.random() < 0.4
    drawing = [
        part(lid, shell),
        part(
            mirror,
            Gradient((-wide, -deep), (wide, 0), ((196, 206, 214), (236, 240, 244), (176, 188, 198), (226, 230, 236))),
        ),
        part(stroke(path((-wide, -0.05), (0.0, -deep)), 0.1), WHITE, 0.35, within=mirror),
        part([rectangle(x - 0.03, -0.02, x + 0.03, 0.01) for x in (-wide * 0.6, wide * 0.6)], darker(shell, 0.4)),
        part(base + (0.012, 0.03), darker(shell, 0.5)),
        part(base, Gradient((0, 0), (0, deep), (lighter(shell, 0.2), shell))),
    ]
    for (x, y), shade in zip(places, shades, strict=True):
        drawing += pan(x, y, pitch * 0.43, shade, rounded)
    return [*drawing, *(brush(wide + 0.1, 0.05, colour, rng) if rng.random() < 0.4 else [])]


def powder(colour: Colour, rng: np.random.Generator) -> Drawing:
    """A round compact with its mirror up, and a puff."""
    shell, skin = any_colour(rng), mix(colour, (226, 188, 158), 0.75)
    rim = pick(rng, METALS)
    mirror = ellipse(0.0, -0.24, 0.23)
    drawing = [
        part(ellipse(0.0, -0.24, 0.27), shell),
        part(mirror, Gradient((-0.2, -0.45), (0.2, 0.0), ((190, 200, 210), (240, 244, 248), (180, 192, 204)))),
        part(stroke(path((-0.25, -0.1), (0.1, -0.5)), 0.09), WHITE, 0.4, within=mirror),
        part(rectangle(-0.06, -0.005, 0.06, 0.04, 0.01), darker(rim, 0.2)),
        part(ellipse(0.012, 0.275, 0.275, 0.245), darker(shell, 0.55)),
        part(
            ellipse(0.0, 0.25, 0.275, 0.245),
            Gradient((-0.3, 0), (0.3, 0.4), (lighter(shell, 0.35), shell, darker(shell))),
        ),
        part(ellipse(0.0, 0.25, 0.235, 0.205), rim),
        part(
            ellipse(0.0, 0.25, 0.222, 0.192),
            Gradient((0, 0.05), (0, 0.45), (darker(skin, 0.16), skin, lighter(skin, 0.2))),
        ),
    ]
    drawing += [part(lettering(pick(rng, BRANDS), 0.0, 0.25, 0.08), darker(skin, 0.14))]
    puff = [
        part(ellipse(0.0, 0.0, 0.18, 0.16), Gradient((-0.1, -0.1), (0.1, 0.15), (WHITE, lighter(skin, 0.5), skin))),
        part(
            stroke(path((-0.19, 0.0), ((0.0, 0.05), (0.19, -0.02))), 0.05), shell, within=ellipse(0.0, 0.0, 0.18, 0.16)
        ),
    ]
    return [*drawing, *(transformed(puff, placement(0.34, 0.36, 1.0, -20)) if rng.random() < 0.6 else [])]


def blush(colour: Colour, rng: np.random.Generator) -> Drawing:
    """One pan in a small case, a brush beside it."""
    shell, rosy = any_colour(rng), mix(colour, (232, 120, 130), 0.45)
    rounded = rng.random() < 0.5
    case = ellipse(0.0, 0.1, 0.3) if rounded else rectangle(-0.3, -0.2, 0.3, 0.4, 0.06)
    drawing = [
        part(case + (0.015, 0.035), darker(shell, 0.5)),
        part(case, Gradient((-0.3, -0.2), (0.3, 0.4), (lighter(shell, 0.3), shell, darker(shell, 0.15)))),
        *pan(0.0, 0.1, 0.235, rosy, rounded),
        part(lettering(pick(rng, BRANDS), 0.0, 0.1, 0.09), darker(rosy, 0.15)),
    ]
    lid = [part(ellipse(0.0, 0.0, 0.3) if rounded else rectangle(-0.3, -0.3, 0.3, 0.3, 0.06), lighter(shell, 0.6))]
    lid.append(part(stroke(path((-0.2, 0.15), (0.15, -0.2)), 0.08), WHITE, 0.5, 0.02))
    behind = transformed(lid, placement(-0.2, -0.16, 1.0)) if rng.random() < 0.4 else []
    return [
        *behind,
        *drawing,
        *transformed(brush(0.0, -0.5, rosy, rng), placement(0.42, 0.05, 1.0, float(rng.uniform(-5, 30)))),
    ]
