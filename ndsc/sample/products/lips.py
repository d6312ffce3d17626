"""Lip make-up: lipstick and lip tint, with their caps off and a smear of their colour."""

import numpy as np

from ndsc.sample.drawing.lettering import lettering
from ndsc.sample.drawing.outlines import ellipse, path, rectangle, stroke
from ndsc.sample.drawing.palette import WHITE, Colour, any_colour, darker, lighter, mix, pick
from ndsc.sample.drawing.parts import Drawing, part, placement, transformed
from ndsc.sample.drawing.solids import cylinder, round_shade
from ndsc.sample.products.packaging import BRANDS, METALS


def lipstick(colour: Colour, rng: np.random.Generator) -> Drawing:
    """A bullet turned out of its case, the cap beside it, sometimes a smear of its colour."""
    colour = mix(colour, (188, 40, 70), float(rng.uniform(0.2, 0.8)))
    shell, metal = any_colour(rng), pick(rng, METALS)
    bullet = path(
        (-0.07, -0.1), (-0.07, -0.36), ((-0.06, -0.5), (0.03, -0.5)), ((0.07, -0.47), (0.07, -0.38)), (0.07, -0.1)
    )
    slant = path((-0.06, -0.37), ((-0.05, -0.49), (0.025, -0.492)), ((0.075, -0.42), (-0.06, -0.37)))
    drawing = [
        *cylinder(-0.105, 0.12, 0.105, 0.5, shell, 0.012),
        *cylinder(-0.09, -0.11, 0.09, 0.13, metal, 0.008),
        part(bullet, round_shade(-0.07, 0.07, colour)),
        part(slant, lighter(colour, 0.28)),
        part(lettering(pick(rng, BRANDS), 0.0, 0.32, 0.055), metal),
    ]
    cap = transformed(cylinder(-0.11, -0.22, 0.11, 0.22, shell, 0.02), placement(0.33, 0.28, 1.0))
    lying = transformed(cylinder(-0.11, -0.22, 0.11, 0.22, shell, 0.02), placement(0.42, 0.39, 1.0, 90))
    extra = pick(rng, [cap, lying, []])
    return [*(smear(-0.34, 0.2, colour, rng) if rng.random() < 0.4 else []), *extra, *drawing]


def lip_tint(colour: Colour, rng: np.random.Generator) -> Drawing:
    """A clear tube of colour and its wand."""
    colour = mix(colour, (206, 50, 86), float(rng.uniform(0.2, 0.8)))
    metal = pick(rng, METALS)
    glass = rectangle(-0.085, -0.08, 0.085, 0.5, 0.03)
    tube = [
        *cylinder(-0.078, -0.5, 0.078, -0.1, metal, 0.02),
        part(glass, round_shade(-0.085, 0.085, lighter(colour, 0.35))),
        part(rectangle(-0.062, -0.02, 0.062, 0.46, 0.03), round_shade(-0.062, 0.062, colour)),
        part(stroke(path((-0.05, 0.0), (-0.05, 0.44)), 0.018), WHITE, 0.55, 0.006),
        part(lettering(pick(rng, BRANDS), 0.0, 0.25, 0.05), WHITE),
    ]
    wand = [
        *cylinder(-0.078, -0.5, 0.078, -0.1, metal, 0.02),
        part(rectangle(-0.014, -0.1, 0.014, 0.26), (224, 220, 214)),
        part(path((-0.022, 0.24), ((-0.05, 0.4), (0.0, 0.46)), ((0.05, 0.4), (0.022, 0.24))), colour),
    ]
    if rng.random() < 0.45:
        return tube
    opened = [*cylinder(-0.045, -0.17, 0.045, -0.02, lighter(metal, 0.5), 0.006), *tube[2:]]
    return [
        *smear(0.06, 0.3, colour, rng),
        *transformed(opened, placement(-0.16, 0.0, 1.0)),
        *transformed(wand, placement(0.22, 0.0, 1.0, float(rng.uniform(-14, 24)))),
    ]


def smear(x: float, y: float, colour: Colour, rng: np.random.Generator) -> Drawing:
    """A swatch of the colour, as wiped on with a finger."""
    wave = path((0.0, -0.22), ((0.05, 0.0), (-0.02, 0.2)))
    ends = [ellipse(0.0, -0.21, 0.075, 0.04)[::3], ellipse(-0.02, 0.2, 0.05, 0.05)[::3], stroke(wave, 0.15, 0.1)]
    streaks = [stroke(wave + (shift, 0.0), 0.012, 0.004) for shift in (-0.045, -0.015, 0.03)]
    drawing = [
        part(ends, colour),
        part(streaks[:2], lighter(colour, 0.5), 0.5, 0.006),
        part(streaks[2], darker(colour, 0.35), 0.4, 0.01),
    ]
    return transformed(drawing, placement(x, y, 1.0, float(rng.uniform(-30, 30))))
