"""Screens: what a phone shows when a seller switches it on for the photo."""

import numpy as np

from ndsc.sample.drawing.lettering import lettering
from ndsc.sample.drawing.outlines import Outline, ellipse, path, rectangle, star
from ndsc.sample.drawing.palette import WHITE, Colour, any_colour, darker, ink_on, lighter, pick
from ndsc.sample.drawing.parts import Drawing, Gradient, part

GLASS: Colour = (16, 17, 22)


def lit_screen(screen: Outline, rng: np.random.Generator) -> Drawing:
    """A wallpaper with either the clock or rows of app icons."""
    left, top, right, bottom = *screen.min(axis=0), *screen.max(axis=0)
    first, second, third = any_colour(rng), any_colour(rng), any_colour(rng)
    drawing = [part(screen, Gradient((left, top), (right, bottom), (darker(first, 0.25), second)))]
    for colour in (third, lighter(first), second):
        x, y = rng.uniform(left, right), rng.uniform(top, bottom)
        blob = ellipse(x, y, float(rng.uniform(0.12, 0.3)), float(rng.uniform(0.12, 0.3)))
        drawing.append(part(blob, colour, opacity=0.75, softness=float(pick(rng, [0.0, 0.05])), within=screen))
    drawing += _clock(left, top, right, rng) if rng.random() < 0.4 else _icons(left, top, right, bottom, rng)
    return drawing


def _clock(left: float, top: float, right: float, rng: np.random.Generator) -> Drawing:
    middle, time = (left + right) / 2, f"{rng.integers(1, 24)}:{rng.integers(0, 60):02d}"
    day = pick(rng, ["MON 12", "TUE 4", "FRI 23", "SAT 8", "SUN 30"])
    return [
        part(lettering(time, middle, top + 0.16, 0.1), WHITE),
        part(lettering(day, middle, top + 0.25, 0.035), WHITE),
    ]


def _icons(left: float, top: float, right: float, bottom: float, rng: np.random.Generator) -> Drawing:
    columns, pitch = 4, (right - left) / 4.6
    half, drawing = pitch * 0.33, []
    rows = max(2, int((bottom - top) / pitch / 1.15) - 1)
    first = int(rng.integers(0, max(1, rows - 2)))
    for row in range(first, rows):
        y = top + pitch * (0.9 + row * 1.15) if row < rows - 1 else bottom - pitch * 0.6
        for column in range(columns):
            x = (left + right) / 2 + (column - 1.5) * pitch * 1.08
            colour = any_colour(rng)
            drawing.append(part(rectangle(x - half, y - half, x + half, y + half, half * 0.5), lighter(colour, 0.1)))
            ink = ink_on(colour)
            drawing.append(part(pick(rng, _glyphs(x, y, half * 0.5)), ink))
    return drawing


def _glyphs(x: float, y: float, size: float) -> list[Outline]:
    bubble = path(
        (x - size, y - size * 0.7),
        (x + size, y - size * 0.7),
        (x + size, y + size * 0.5),
        (x - size * 0.3, y + size * 0.5),
        (x - size * 0.8, y + size),
    )
    arrow = path((x - size * 0.6, y - size * 0.8), (x + size * 0.9, y), (x - size * 0.6, y + size * 0.8))
    return [
        ellipse(x, y, size)[::4],
        star(x, y, size * 1.1, size * 0.5, 5),
        rectangle(x - size, y - size * 0.6, x + size, y + size * 0.6),
        bubble,
        arrow,
    ]
