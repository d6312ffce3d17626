"""Phones with keys: the kind with twelve, and the kind with a keyboard for thumbs."""

import numpy as np

from ndsc.sample.drawing.lettering import lettering
from ndsc.sample.drawing.outlines import ellipse, path, rectangle, stroke
from ndsc.sample.drawing.palette import WHITE, Colour, darker, ink_on, lighter, pick
from ndsc.sample.drawing.parts import Drawing, Gradient, part
from ndsc.sample.drawing.solids import extruded
from ndsc.sample.products.screens import GLASS, lit_screen


def keypad_phone(colour: Colour, rng: np.random.Generator) -> Drawing:
    """A small phone with a small screen and twelve keys."""
    body = path((0.0, -0.5), ((0.2, -0.5), (0.2, -0.3)), ((0.185, 0.1), (0.195, 0.35)), ((0.19, 0.5), (0.0, 0.5)))
    outline = np.concatenate([body, body[::-1] * (-1, 1)])
    screen = rectangle(-0.135, -0.36, 0.135, -0.09, 0.008)
    keys = [(x, y) for y in (0.13, 0.21, 0.29, 0.37) for x in (-0.105, 0.0, 0.105)]
    key_colour = pick(rng, [lighter(colour, 0.5), darker(colour, 0.4), (225, 225, 228)])
    ink = ink_on(key_colour)
    labels = [
        glyph for (x, y), label in zip(keys, "123456789*0#", strict=True) for glyph in lettering(label, x, y, 0.04)
    ]
    drawing = [
        *extruded(outline, darker(colour, 0.45), 0.03),
        part(outline, Gradient((-0.2, -0.5), (0.2, 0.5), (lighter(colour, 0.25), colour, darker(colour, 0.2)))),
        part(rectangle(-0.16, -0.41, 0.16, -0.05, 0.03), GLASS),
        *lit_screen(screen, rng),
        part(rectangle(-0.05, -0.45, 0.05, -0.44, 0.005), darker(colour, 0.5)),
        part(ellipse(0.0, 0.03, 0.065, 0.045), lighter(key_colour, 0.2)),
        part(ellipse(0.0, 0.03, 0.035, 0.024), key_colour),
        part([rectangle(x - 0.05, 0.015, x + 0.05, 0.05, 0.015) for x in (-0.13, 0.13)], key_colour),
        part([rectangle(x - 0.046, y - 0.03, x + 0.046, y + 0.03, 0.02) for x, y in keys], key_colour),
        part(labels, ink),
    ]
    return [*drawing, part(stroke(path((-0.17, -0.4), ((-0.19, 0.0), (-0.17, 0.4))), 0.02), WHITE, 0.35, 0.01, outline)]


def keyboard_phone(colour: Colour, rng: np.random.Generator) -> Drawing:
    """A phone with a square screen above a keyboard for thumbs."""
    outline = rectangle(-0.27, -0.5, 0.27, 0.5, 0.07)
    deck = rectangle(-0.235, 0.1, 0.235, 0.46, 0.05)
    keys = [(x, y) for y in (0.15, 0.225, 0.3, 0.375) for x in np.linspace(-0.2, 0.2, 10)]
    labels = [
        glyph
        for (x, y), label in zip(keys, "QWERTYUIOPASDFGHJKL1ZXCVBNM2345678?!+-/#", strict=True)
        for glyph in lettering(label, x, y, 0.026)
    ]
    return [
        *extruded(outline, darker(colour, 0.45), 0.025),
        part(outline, Gradient((-0.27, -0.5), (0.27, 0.5), (lighter(colour, 0.3), colour, darker(colour, 0.3)))),
        part(rectangle(-0.245, -0.46, 0.245, 0.08, 0.04), GLASS),
        *lit_screen(rectangle(-0.215, -0.41, 0.215, -0.0, 0.006), rng),
        part(deck, (30, 31, 36)),
        part([rectangle(x - 0.019, y - 0.03, x + 0.019, y + 0.03, 0.008) for x, y in keys], (62, 64, 72)),
        part(labels, (232, 232, 236)),
        part(rectangle(-0.1, 0.415, 0.1, 0.448, 0.01), (62, 64, 72)),
        part(rectangle(-0.03, 0.025, 0.03, 0.065, 0.012), (120, 122, 132)),
    ]
