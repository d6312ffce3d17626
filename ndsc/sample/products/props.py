"""Props: things that lie about in a photo and are not for sale."""

from collections.abc import Callable

import numpy as np

from ndsc.sample.drawing.outlines import ellipse, path, rectangle, star, stroke
from ndsc.sample.drawing.palette import PALETTE, WHITE, any_colour, darker, lighter, pick
from ndsc.sample.drawing.parts import Drawing, Gradient, part


def any_prop(rng: np.random.Generator) -> Drawing:
    """One of the props, about the origin and about one unit tall."""
    draw: Callable[[np.random.Generator], Drawing] = pick(
        rng, [sprig, cup, notebook, glasses, beads, gift, blossom, pencil]
    )
    return draw(rng)


def sprig(rng: np.random.Generator) -> Drawing:
    """A twig with leaves."""
    green, bend = (
        pick(rng, [(96, 134, 92), (120, 150, 110), (70, 110, 86), (168, 146, 98)]),
        float(rng.uniform(-0.3, 0.3)),
    )
    stem = path((0.0, 0.5), ((bend, 0.0), (bend * 0.5, -0.45)))
    leaves = []
    for index, (x, y) in enumerate(stem[1:]):
        side = 1 if index % 2 else -1
        tip = (x + side * 0.24, y - 0.14)
        leaves.append(path((x, y), ((x + side * 0.06, y - 0.16), tip), ((x + side * 0.2, y + 0.04), (x, y))))
    veins = [
        stroke(path((x, y), (x + side * 0.18, y - 0.1)), 0.008)
        for (x, y), side in zip(stem[1:], [-1, 1] * 6, strict=True)
    ]
    return [part(stroke(stem, 0.02, 0.01), darker(green, 0.3)), part(leaves, green), part(veins, lighter(green, 0.35))]


def cup(rng: np.random.Generator) -> Drawing:
    """A cup of coffee on its saucer, from above."""
    china = lighter(any_colour(rng), 0.5)
    return [
        part(ellipse(0, 0, 0.5), Gradient((-0.4, -0.4), (0.4, 0.4), (lighter(china, 0.3), darker(china, 0.1)))),
        part(ellipse(0, 0, 0.36), darker(china, 0.14)),
        part(rectangle(0.2, -0.06, 0.48, 0.06, 0.06), china),
        part(ellipse(-0.02, -0.02, 0.31), lighter(china, 0.4)),
        part(ellipse(-0.02, -0.02, 0.265), Gradient((-0.2, -0.2), (0.2, 0.2), ((86, 54, 38), (140, 96, 66)))),
        part(stroke(path((-0.14, 0.02), ((0.0, -0.16), (0.1, 0.06))), 0.06, 0.02), (196, 158, 120), 0.9),
    ]


def notebook(rng: np.random.Generator) -> Drawing:
    """A notebook with a ring binding."""
    cover = any_colour(rng)
    rings = [rectangle(-0.4, y, -0.3, y + 0.025, 0.01) for y in np.arange(-0.44, 0.44, 0.07)]
    return [
        part(rectangle(-0.34, -0.48, 0.38, 0.52, 0.02), (238, 236, 230)),
        part(
            rectangle(-0.36, -0.5, 0.36, 0.5, 0.02), Gradient((-0.36, -0.5), (0.36, 0.5), (lighter(cover, 0.15), cover))
        ),
        part(rectangle(-0.12, -0.3, 0.24, -0.16), lighter(cover, 0.6)),
        part(rings, (70, 70, 76)),
    ]


def glasses(rng: np.random.Generator) -> Drawing:
    """Sunglasses."""
    frame, tint = any_colour(rng), (52, 46, 50)
    lenses = [ellipse(x, 0.0, 0.21, 0.18) for x in (-0.27, 0.27)]
    arms = [stroke(path((side * 0.48, -0.04), ((side * 0.56, -0.2), (side * 0.4, -0.34))), 0.03) for side in (-1, 1)]
    return [
        part(arms, darker(frame, 0.3)),
        part([ellipse(x, 0.0, 0.245, 0.215) for x in (-0.27, 0.27)], frame),
        part(stroke(path((-0.08, -0.03), ((0.0, -0.1), (0.08, -0.03))), 0.04), frame),
        part(lenses, Gradient((0, -0.2), (0, 0.2), (tint, lighter(tint, 0.4)))),
        part([stroke(path((x - 0.1, 0.06), (x + 0.04, -0.12)), 0.04) for x in (-0.27, 0.27)], WHITE, 0.3),
    ]


def beads(rng: np.random.Generator) -> Drawing:
    """A string of beads."""
    colour, turn = lighter(any_colour(rng), 0.3), np.linspace(0.2, 2 * np.pi - 0.2, 26)
    places = [(0.4 * np.cos(a), 0.45 * np.sin(a) + 0.03 * np.sin(5 * a)) for a in turn]
    return [
        part([ellipse(x, y, 0.05)[::2] for x, y in places], darker(colour, 0.15)),
        part([ellipse(x - 0.008, y - 0.008, 0.038)[::3] for x, y in places], colour),
        part([ellipse(x - 0.015, y - 0.018, 0.013)[::4] for x, y in places], WHITE),
    ]


def gift(rng: np.random.Generator) -> Drawing:
    """A box with a ribbon, from above."""
    box, ribbon = any_colour(rng), any_colour(rng)
    loops = [
        path((0.0, 0.0), ((side * 0.22, -0.24), (side * 0.26, -0.02)), ((side * 0.16, 0.1), (0.0, 0.0)))
        for side in (-1, 1)
    ]
    return [
        part(
            rectangle(-0.42, -0.42, 0.42, 0.42, 0.02),
            Gradient((-0.4, -0.4), (0.4, 0.4), (lighter(box, 0.25), darker(box, 0.1))),
        ),
        part([rectangle(-0.06, -0.42, 0.06, 0.42), rectangle(-0.42, -0.06, 0.42, 0.06)], ribbon),
        part(loops, lighter(ribbon, 0.15)),
        part(ellipse(0, 0, 0.05), darker(ribbon, 0.2)),
    ]


def blossom(rng: np.random.Generator) -> Drawing:
    """A single flower."""
    colour = any_colour(rng)
    turn = np.arange(7) * 2 * np.pi / 7
    return [
        part([ellipse(0.3 * np.cos(a), 0.3 * np.sin(a), 0.19) for a in turn], darker(colour, 0.12)),
        part([ellipse(0.25 * np.cos(a), 0.25 * np.sin(a), 0.15) for a in turn], lighter(colour, 0.15)),
        part(star(0, 0, 0.17, 0.13, 12), PALETTE["mustard"]),
        part(ellipse(0, 0, 0.09), PALETTE["brown"]),
    ]


def pencil(rng: np.random.Generator) -> Drawing:
    """A pencil."""
    paint = any_colour(rng)
    return [
        part(rectangle(-0.035, -0.5, 0.035, -0.42, 0.02), PALETTE["rose"]),
        part(rectangle(-0.037, -0.43, 0.037, -0.36), PALETTE["silver"]),
        part(
            rectangle(-0.035, -0.36, 0.035, 0.36),
            Gradient((-0.035, 0), (0.035, 0), (lighter(paint), paint, darker(paint, 0.35))),
        ),
        part(path((-0.035, 0.36), (0.035, 0.36), (0.0, 0.5)), (226, 190, 146)),
        part(path((-0.011, 0.456), (0.011, 0.456), (0.0, 0.5)), (40, 40, 44)),
    ]
