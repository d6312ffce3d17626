"""Shoes and bags: what fashion sells under "Others"."""

import numpy as np

from ndsc.sample.drawing.outlines import Outline, ellipse, mirrored, path, rectangle, star, stroke
from ndsc.sample.drawing.palette import BLACK, PALETTE, WHITE, Colour, any_colour, darker, ink_on, lighter, pick
from ndsc.sample.drawing.parts import Drawing, Gradient, part, placement, transformed
from ndsc.sample.drawing.patterns import pattern


def accessory(colour: Colour, rng: np.random.Generator) -> Drawing:
    """A bag or a pair of shoes."""
    return pick(rng, [handbag, heel, sneaker])(colour, rng)


def handbag(colour: Colour, rng: np.random.Generator) -> Drawing:
    """A bag with two handles and a clasp or a flap."""
    wide, hide = float(rng.uniform(0.36, 0.48)), darker(colour, 0.35)
    side = [((wide * 0.98, 0.2), (wide, 0.42)), ((wide, 0.5), (wide - 0.08, 0.5))]
    body = mirrored(path((0.0, -0.12), (wide * 0.86, -0.12), *side, (0.0, 0.5)))
    reach = float(rng.uniform(0.14, 0.22))
    loop = path((-reach, -0.02), ((-reach, -0.5), (0.0, -0.5)), ((reach, -0.5), (reach, -0.02)))
    drawing = [
        part(stroke(loop + (0.03, -0.03), 0.035), darker(colour, 0.55)),
        part(body, Gradient((-wide, -0.1), (wide, 0.5), (lighter(colour, 0.2), colour, darker(colour, 0.25)))),
        *pattern(body, colour, rng),
        *_leather_light(body),
        part(stroke(body * (0.93, 0.9) + (0, 0.02), 0.005), lighter(colour, 0.35), 0.8),
    ]
    flap = mirrored(path((0.0, -0.13), (wide * 0.88, -0.13), ((wide * 0.85, 0.1), (wide * 0.5, 0.14)), (0.0, 0.17)))
    if rng.random() < 0.5:
        drawing += [
            part(flap, Gradient((0, -0.1), (0, 0.17), (lighter(colour, 0.15), darker(colour, 0.1)))),
            part(stroke(flap, 0.007), darker(colour, 0.45)),
        ]
    metal = pick(rng, [PALETTE["gold"], PALETTE["silver"]])
    return [
        *drawing,
        part(stroke(loop, 0.035), hide),
        part([ellipse(x, -0.01, 0.028) for x in (-reach, reach)], metal),
        part(rectangle(-0.045, 0.12, 0.045, 0.19, 0.012), metal),
        part(rectangle(-0.02, 0.145, 0.02, 0.165, 0.006), darker(metal, 0.4)),
    ]


def sneaker(colour: Colour, rng: np.random.Generator) -> Drawing:
    """A pair of sneakers, side on, one behind the other."""
    accent = any_colour(rng)
    one = [*_upper(colour, accent, rng), *_sole(pick(rng, [WHITE, PALETTE["cream"], PALETTE["charcoal"]]), accent)]
    return [*transformed(one, placement(0.1, -0.24, 0.94, -6)), *transformed(one, placement(-0.06, 0.14, 1.0))]


def _upper(colour: Colour, accent: Colour, rng: np.random.Generator) -> Drawing:
    """A sneaker without its sole, the toe to the right."""
    opening = [(-0.47, -0.22), ((-0.4, -0.27), (-0.34, -0.23)), ((-0.26, -0.12), (-0.14, -0.24))]
    instep = [((-0.06, -0.24), (0.06, -0.1)), ((0.2, -0.03), (0.36, 0.0)), ((0.51, 0.03), (0.5, 0.14))]
    upper = path((-0.5, 0.14), ((-0.53, -0.06), opening[0]), *opening[1:], *instep)
    counter = path((-0.5, 0.14), ((-0.53, -0.06), (-0.47, -0.22)), (-0.4, -0.2), ((-0.43, 0.0), (-0.36, 0.14)))
    toe = path((0.3, 0.16), ((0.3, 0.05), (0.38, 0.0)), ((0.53, 0.03), (0.51, 0.16)))
    holes = [(-0.1, -0.1), (-0.04, -0.06), (0.02, -0.02), (0.08, 0.02)]
    band = stroke(path((-0.24, 0.15), ((-0.18, 0.0), (-0.06, -0.2))), 0.07, 0.04)
    mark = pick(rng, [[part(band, accent, within=upper)], [part(star(-0.2, 0.02, 0.07, 0.03, 5), accent)], []])
    return [
        part(upper, Gradient((0, -0.25), (0, 0.16), (lighter(colour, 0.25), colour, darker(colour, 0.25)))),
        *mark,
        part(counter, darker(accent, 0.1), 0.9, within=upper),
        part(toe, lighter(colour, 0.35), within=upper),
        part(stroke(path(*opening), 0.03), darker(colour, 0.4)),
        part([stroke(path((x, y), (x + 0.1, y - 0.045)), 0.022) for x, y in holes], ink_on(colour)),
        *_leather_light(upper),
    ]


def _sole(colour: Colour, accent: Colour) -> Drawing:
    right = [((0.0, 0.16), (0.51, 0.11)), ((0.55, 0.2), (0.48, 0.23))]
    left = [((0.0, 0.26), (-0.48, 0.23)), ((-0.55, 0.21), (-0.52, 0.11))]
    sole = path((-0.52, 0.11), *right, *left)
    line = stroke(path((-0.52, 0.17), ((0.0, 0.215), (0.52, 0.17))), 0.012)
    shade = Gradient((0, 0.1), (0, 0.25), (lighter(colour, 0.2), darker(colour, 0.18)))
    return [part(sole, shade), part(line, accent, within=sole)]


def heel(colour: Colour, rng: np.random.Generator) -> Drawing:
    """A pair of court shoes with a heel, side on."""
    height = float(rng.uniform(0.2, 0.3))
    shoe = path(
        (-0.46, -0.16),
        ((-0.4, -0.2), (-0.34, -0.16)),
        ((-0.2, 0.08), (0.12, 0.08)),
        ((0.26, 0.08), (0.3, 0.06)),
        ((0.46, 0.12), (0.47, 0.2)),
        ((0.3, 0.23), (0.06, 0.2)),
        ((-0.2, 0.14), (-0.32, 0.22 - height)),
        ((-0.44, 0.1 - height * 0.5), (-0.46, -0.16)),
    )
    spike = path(
        (-0.44, 0.08 - height * 0.6),
        (-0.3, 0.2 - height * 0.8),
        ((-0.37, 0.1), (-0.375, 0.24)),
        (-0.41, 0.24),
        ((-0.42, 0.1), (-0.46, 0.0 - height * 0.6)),
    )
    lining = path(
        (-0.44, -0.16), ((-0.4, -0.19), (-0.35, -0.15)), ((-0.2, 0.07), (0.12, 0.07)), ((-0.18, 0.13), (-0.44, -0.16))
    )
    one = [
        part(spike, darker(colour, 0.25)),
        part(shoe, Gradient((0, -0.2), (0, 0.22), (lighter(colour, 0.3), colour, darker(colour, 0.35)))),
        *_leather_light(shoe),
        part(lining, (226, 206, 180)),
        part(stroke(path((0.06, 0.2), ((0.3, 0.235), (0.47, 0.205))), 0.012), darker(colour, 0.6)),
        *([part(ellipse(0.3, 0.1, 0.028), PALETTE["gold"])] if rng.random() < 0.5 else []),
    ]
    return [*transformed(one, placement(0.1, -0.2, 0.94, -4)), *transformed(one, placement(-0.06, 0.14, 1.0))]


def _leather_light(area: Outline) -> Drawing:
    (left, top), (right, bottom) = area.min(axis=0), area.max(axis=0)
    high = stroke(path((left, top + 0.25 * (bottom - top)), (right, top + 0.1 * (bottom - top))), 0.05)
    edge = stroke(np.concatenate([area, area[:1]]), 0.05)
    return [part(edge, BLACK, 0.22, 0.025, area), part(high, WHITE, 0.22, 0.03, area)]
