"""Packaging: the tubes, pans and brushes that several kinds of make-up share."""

import numpy as np

from ndsc.sample.drawing.outlines import ellipse, path, rectangle, stroke
from ndsc.sample.drawing.palette import Colour, any_colour, darker, lighter, mix, pick
from ndsc.sample.drawing.parts import Drawing, Gradient, part, placement, transformed
from ndsc.sample.drawing.solids import cylinder, round_shade

BRANDS = ["lumi", "Rosa", "BELLA", "aura", "noir", "Petal", "GLOW", "mia", "Velvet", "dew"]
METALS: list[Colour] = [(212, 176, 116), (196, 198, 206), (226, 172, 160), (52, 52, 58), (40, 40, 44)]


def pan(x: float, y: float, size: float, shade: Colour, rounded: bool) -> Drawing:
    """A pan of pressed powder in its rim, a little sheen on it."""
    sheen = Gradient((x - size, y - size), (x + size, y + size), (lighter(shade, 0.25), shade, darker(shade, 0.12)))
    square = rectangle(-size, -size, size, size, size * 0.12)
    area = ellipse(0.0, 0.0, size) if rounded else square
    return [part(area + (x, y), darker(shade, 0.55)), part(area * 0.92 + (x, y), sheen)]


def brush(x: float, top: float, colour: Colour, rng: np.random.Generator) -> Drawing:
    """A brush that stands on its handle, its tip in the powder's colour."""
    handle, metal = any_colour(rng), pick(rng, METALS)
    hair = path((-0.035, 0.26), ((-0.11, 0.1), (-0.02, 0.0)), ((0.0, -0.01), (0.02, 0.0)), ((0.11, 0.1), (0.035, 0.26)))
    stick = path((-0.03, 0.38), ((-0.035, 0.6), (-0.008, 0.92)), (0.008, 0.92), ((0.035, 0.6), (0.03, 0.38)))
    lines = [stroke(path((shift * 0.4, 0.25), (shift, 0.04)), 0.004) for shift in np.linspace(-0.06, 0.06, 7)]
    drawing = [
        part(stick, round_shade(-0.03, 0.03, handle)),
        part(hair, Gradient((0, 0), (0, 0.26), (lighter(colour, 0.2), mix(colour, (90, 60, 50), 0.5), (70, 48, 42)))),
        part(lines, (50, 34, 30), 0.35, within=hair),
        *cylinder(-0.036, 0.25, 0.036, 0.39, metal, 0.004),
    ]
    return transformed(drawing, placement(x, top, 1.0))
