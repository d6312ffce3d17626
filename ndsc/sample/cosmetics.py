"""Cosmetics: bottles and tubes, palettes and compacts, lipsticks."""

from functools import partial

import numpy as np

from ndsc.sample.colours import GOLD, SILVER, WHITE, Colour, any_colour, darker, ink_on, lighter, mix, pick
from ndsc.sample.drawing import Drawing, Gradient, Part, Product, Text, placement, transformed
from ndsc.sample.outlines import Outline, bounds, ellipse, mirrored, path, rectangle, rim, stroke
from ndsc.sample.surfaces import cylinder, gleam, lit, rounded

BRANDS = ["lumi", "Rosa", "BELLA", "aura", "noir", "Petal", "GLOW", "mia", "Velvet", "dew"]
METALS: list[Colour] = [GOLD, SILVER, (226, 172, 160), (52, 52, 58), (40, 40, 44)]
SKIN, RED = (224, 184, 152), (198, 44, 78)


# Half the width, the top of the glass, and the boxes of the cap from top to bottom.
BOTTLES = {
    "Foundation": (
        0.19,
        -0.17,
        [(-0.16, -0.48, 0.05, -0.43), (-0.03, -0.44, 0.03, -0.3), (-0.09, -0.35, 0.09, -0.16)],
    ),
    "Lip Tint": (0.085, -0.12, [(-0.078, -0.5, 0.078, -0.1)]),
    "Setting Spray": (0.135, -0.25, [(-0.06, -0.5, 0.06, -0.38), (-0.075, -0.39, 0.075, -0.24)]),
}


def bottle(category: str, colour: Colour, rng: np.random.Generator) -> Drawing:
    """Return a clear bottle of a category (a key of `BOTTLES`): with a pump, a mist cap or the wand of a lip tint."""
    (half, top, boxes), metal = BOTTLES[category], pick(rng, METALS)
    liquid = mix(colour, {"Foundation": SKIN, "Lip Tint": RED, "Setting Spray": WHITE}[category], rng.uniform(0.3, 0.8))
    level = float(rng.uniform(top + 0.06, top + 0.14))
    side = [((half, top + 0.01), (half, top + 0.1)), (half, 0.46), ((half, 0.5), (half - 0.04, 0.5)), (0.0, 0.5)]
    glass = mirrored(path((0.0, top), (half * 0.4, top), *side))
    return [
        *(_smear(0.3, 0.25, liquid, rng) if category == "Lip Tint" and rng.random() < 0.6 else []),
        *[item for box in boxes for item in cylinder(*box, metal)],
        rounded(glass, lighter(liquid, 0.5)),
        rounded(rectangle(-half + 0.02, level, half - 0.02, 0.478, 0.03), liquid),
        gleam((0.04 - half, top + 0.1), (0.04 - half, 0.45), 0.04, glass, 0.65),
        *_brand(0.15, min(0.07, half * 0.5), darker(liquid, 0.6), rng),
    ]


def cream(colour: Colour, rng: np.random.Generator) -> Drawing:
    """Return a tube that stands on its cap."""
    second = any_colour(rng)
    body = mirrored(path((0.0, -0.5), (0.2, -0.5), (0.2, -0.46), ((0.185, 0.1), (0.14, 0.33)), (0.0, 0.33)))
    band = rectangle(-0.3, -0.28, 0.3, -0.08) if rng.random() < 0.5 else ellipse(0.0, -0.17, 0.12)
    return [
        *cylinder(-0.135, 0.31, 0.135, 0.5, pick(rng, METALS)),
        rounded(body, colour),
        Part(band, second, 0.9, within=body),
        Part(rectangle(-0.2, -0.5, 0.2, -0.46), darker(colour, 0.3), 0.3),
        gleam((-0.13, -0.42), (-0.1, 0.3), 0.05, body, 0.5),
        *_brand(-0.17, 0.07, ink_on(second), rng),
    ]


def face_palette(colour: Colour, rng: np.random.Generator) -> Drawing:
    """Return an open palette: a lid with a mirror, rows of pans below, sometimes a brush."""
    columns, rows = pick(rng, [(3, 3), (4, 3), (5, 2), (3, 2), (6, 3)])
    shell, pitch, is_round = any_colour(rng), 0.15, rng.random() < 0.4
    wide, deep = columns * pitch / 2 + 0.035, rows * pitch + 0.06
    base = rectangle(-wide, 0.0, wide, deep, 0.02)
    drawing = [
        Part(rectangle(-wide, -deep * 0.95, wide, -0.012, 0.02), shell),
        *_mirror(rectangle(-wide + 0.03, -deep * 0.95 + 0.03, wide - 0.03, -0.04, 0.008)),
        Part(base + (0.012, 0.03), darker(shell, 0.5)),
        lit(base, shell),
    ]
    for row in range(rows):
        for column in range(columns):
            x, y = (column - (columns - 1) / 2) * pitch, 0.03 + (row + 0.5) * pitch
            drawing += _pan(x, y, pitch * 0.43, mix(colour, any_colour(rng), float(rng.uniform(0, 0.7))), is_round)
    return [*drawing, *(transformed(_brush(colour, rng), placement(wide + 0.1, 0.5)) if rng.random() < 0.4 else [])]


def compact(category: str, colour: Colour, rng: np.random.Generator) -> Drawing:
    """Return powder below an open mirror, sometimes with a puff, or blush with a brush, sometimes with a mirror."""
    shell, is_powder, has_extra = any_colour(rng), category == "Powder", rng.random() < 0.5
    tone = mix(colour, SKIN, 0.75) if is_powder else mix(colour, (232, 120, 130), 0.45)
    is_round = is_powder or rng.random() < 0.5
    case = ellipse(0.0, 0.22, 0.28) if is_round else rectangle(-0.28, -0.06, 0.28, 0.5, 0.06)
    pan, puff = _pan(0.0, 0.22, 0.22, tone, is_round), ellipse(0.32, 0.38, 0.18, 0.16)
    if is_powder:
        behind = [Part(ellipse(0.0, -0.27, 0.27), shell), *_mirror(ellipse(0.0, -0.27, 0.23))]
        beside = [lit(puff, lighter(tone, 0.5)), Part(rim(puff, 0.03), shell, within=puff)] if has_extra else []
    else:
        behind = _mirror(case - (0.2, 0.26)) if has_extra else []
        beside = transformed(_brush(tone, rng), placement(0.4, 0.15, 1.0, float(rng.uniform(-5, 30))))
    name = Part(Text(pick(rng, BRANDS), 0.0, 0.22, 0.09), darker(tone, 0.15))
    return [*behind, Part(case + (0.015, 0.035), darker(shell, 0.5)), lit(case, shell), *pan, name, *beside]


def lipstick(colour: Colour, rng: np.random.Generator) -> Drawing:
    """Return an open lipstick, its cap next to it, sometimes a smear of its colour."""
    red, shell, metal = mix(colour, RED, float(rng.uniform(0.2, 0.8))), any_colour(rng), pick(rng, METALS)
    tip = [((-0.06, -0.5), (0.03, -0.5)), ((0.07, -0.47), (0.07, -0.38))]
    bullet = path((-0.07, -0.1), (-0.07, -0.36), *tip, (0.07, -0.1))
    slant = path((-0.06, -0.37), ((-0.05, -0.49), (0.025, -0.492)), ((0.075, -0.42), (-0.06, -0.37)))
    cap = cylinder(-0.11, -0.22, 0.11, 0.22, shell, 0.02)
    return [
        *(_smear(-0.34, 0.2, red, rng) if rng.random() < 0.4 else []),
        *transformed(cap, pick(rng, [placement(0.33, 0.28), placement(0.42, 0.39, 1.0, 90)])),
        *cylinder(-0.105, 0.12, 0.105, 0.5, shell),
        *cylinder(-0.09, -0.11, 0.09, 0.13, metal),
        rounded(bullet, red),
        Part(slant, lighter(red, 0.28)),
        Part(Text(pick(rng, BRANDS), 0.0, 0.32, 0.055), metal),
    ]


def _brand(y: float, height: float, ink: Colour, rng: np.random.Generator) -> Drawing:
    lines = [rectangle(-height, y + step * height, height, y + step * height + 0.01) for step in (1.0, 1.4, 1.8)]
    return [Part(Text(pick(rng, BRANDS), 0.0, y, height), ink), Part(lines, ink, 0.8)]


def _mirror(area: Outline) -> Drawing:
    left, top, right, bottom = bounds(area)
    return [lit(area, (208, 216, 224)), gleam((left, bottom), (right, top), 0.09, area, 0.6)]


def _pan(x: float, y: float, size: float, shade: Colour, is_round: bool) -> Drawing:
    area = ellipse(0.0, 0.0, size) if is_round else rectangle(-size, -size, size, size, size * 0.12)
    return [Part(area + (x, y), darker(shade, 0.55)), lit(area * 0.92 + (x, y), shade)]


def _brush(powder_colour: Colour, rng: np.random.Generator) -> Drawing:
    hair = mirrored(path((0.0, -0.5), (0.02, -0.5), ((0.11, -0.4), (0.035, -0.24)), (0.0, -0.24)))
    stick = mirrored(path((0.0, -0.12), (0.03, -0.12), ((0.035, 0.1), (0.008, 0.42)), (0.0, 0.42)))
    tones = (lighter(powder_colour, 0.2), mix(powder_colour, (90, 60, 50), 0.5), (70, 48, 42))
    ferrule = cylinder(-0.036, -0.25, 0.036, -0.11, pick(rng, METALS), 0.004)
    return [rounded(stick, any_colour(rng)), Part(hair, Gradient((0, -0.5), (0, -0.24), tones)), *ferrule]


def _smear(x: float, y: float, colour: Colour, rng: np.random.Generator) -> Drawing:
    wave = path((0.0, -0.22), ((0.05, 0.0), (-0.02, 0.2)))
    ends = [ellipse(0.0, -0.21, 0.075, 0.04), ellipse(-0.02, 0.2, 0.05, 0.05), stroke(wave, 0.15, 0.1)]
    drawing = [Part(ends, colour), Part(stroke(wave, 0.02, 0.004), lighter(colour, 0.5), 0.45, 0.006)]
    return transformed(drawing, placement(x, y, 1.0, float(rng.uniform(-30, 30))))


COSMETICS: dict[str, Product] = {
    "Lipstick": lipstick,
    "Face Palette": face_palette,
    "Foundation": partial(bottle, "Foundation"),
    "Powder": partial(compact, "Powder"),
    "BB & CC Cream": cream,
    "Blush On": partial(compact, "Blush On"),
    "Lip Tint": partial(bottle, "Lip Tint"),
    "Setting Spray": partial(bottle, "Setting Spray"),
}
