"""Patterns: what is printed on cloth, on phone cases and on table covers alike."""

from collections.abc import Callable

import numpy as np

from ndsc.sample.drawing.lettering import lettering
from ndsc.sample.drawing.outlines import CIRCLE, Outline, ellipse, path, rectangle, star, stroke, turned
from ndsc.sample.drawing.palette import WHITE, Colour, any_colour, darker, ink_on, lighter, pick
from ndsc.sample.drawing.parts import Drawing, part

PETALS = CIRCLE[::2] * (0.78 + 0.3 * np.cos(5 * np.linspace(0, 2 * np.pi, 24, endpoint=False)))[:, None]
SLOGANS = ["GOOD DAY", "89", "HELLO", "SUNNY", "BE KIND", "TOKYO", "NO. 7", "WEEKEND", "OK!", "SLOW", "BALI", "XOXO"]


def pattern(area: Outline, colour: Colour, rng: np.random.Generator) -> Drawing:
    """One of the patterns, or none, over an area whose own colour is given; it is cut off at the area's edge."""
    design: Callable[..., Drawing] = pick(rng, [plain, plain, stripes, dots, checks, flowers, blocks])
    ink = any_colour(rng)
    if sum(abs(a - b) for a, b in zip(ink, colour, strict=True)) < 120:
        ink = lighter(ink, 0.6) if sum(colour) < 380 else darker(ink, 0.5)
    return design(area, colour, ink, rng)


def plain(area: Outline, colour: Colour, ink: Colour, rng: np.random.Generator) -> Drawing:
    """Nothing at all: the most frequent design in any shop."""
    return []


def stripes(area: Outline, colour: Colour, ink: Colour, rng: np.random.Generator) -> Drawing:
    """Stripes, level or upright, broad or narrow."""
    (left, top), (right, bottom) = area.min(axis=0), area.max(axis=0)
    pitch = float(rng.uniform(0.03, 0.11))
    width = pitch * float(rng.uniform(0.3, 0.6))
    if rng.random() < 0.65:
        bands = [rectangle(left, y, right, y + width) for y in np.arange(top, bottom, pitch)]
    else:
        bands = [rectangle(x, top, x + width, bottom) for x in np.arange(left, right, pitch)]
    return [part(bands, ink, opacity=0.92, within=area)]


def dots(area: Outline, colour: Colour, ink: Colour, rng: np.random.Generator) -> Drawing:
    """Polka dots in staggered rows."""
    pitch = float(rng.uniform(0.05, 0.12))
    spots = [ellipse(x, y, pitch * 0.24)[::4] for x, y in _staggered(area, pitch)]
    return [part(spots, ink, opacity=0.95, within=area)]


def checks(area: Outline, colour: Colour, ink: Colour, rng: np.random.Generator) -> Drawing:
    """Crossing bands that shine through one another."""
    (left, top), (right, bottom) = area.min(axis=0), area.max(axis=0)
    pitch = float(rng.uniform(0.06, 0.14))
    level = [rectangle(left, y, right, y + pitch * 0.45) for y in np.arange(top, bottom, pitch)]
    upright = [rectangle(x, top, x + pitch * 0.45, bottom) for x in np.arange(left, right, pitch)]
    lines = [rectangle(x, top, x + pitch * 0.06, bottom) for x in np.arange(left + pitch * 0.7, right, pitch)]
    return [
        part(level, ink, 0.5, within=area),
        part(upright, ink, 0.5, within=area),
        part(lines, WHITE, 0.4, within=area),
    ]


def flowers(area: Outline, colour: Colour, ink: Colour, rng: np.random.Generator) -> Drawing:
    """Scattered blossoms with leaves."""
    pitch = float(rng.uniform(0.09, 0.16))
    heart = any_colour(rng)
    places = [
        (x + rng.uniform(-0.3, 0.3) * pitch, y + rng.uniform(-0.3, 0.3) * pitch) for x, y in _staggered(area, pitch)
    ]
    petals, leaves, hearts = [], [], []
    for x, y in places:
        size, angle = pitch * float(rng.uniform(0.2, 0.34)), float(rng.uniform(0, 2 * np.pi))
        tip = (x + 1.8 * size * np.cos(angle), y + 1.8 * size * np.sin(angle))
        petals.append(turned(PETALS * size, angle * 60) + (x, y))
        leaves.append(stroke(np.array([(x, y), tip]), size * 0.6, 0))
        hearts.append(CIRCLE[::6] * size * 0.3 + (x, y))
    return [part(leaves, (86, 122, 84), within=area), part(petals, ink, within=area), part(hearts, heart, within=area)]


def blocks(area: Outline, colour: Colour, ink: Colour, rng: np.random.Generator) -> Drawing:
    """The lower part, or a slanting half, in the other colour."""
    (left, top), (right, bottom) = area.min(axis=0), area.max(axis=0)
    middle = top + (bottom - top) * float(rng.uniform(0.4, 0.65))
    slant = (bottom - top) * float(pick(rng, [0.0, 0.0, 0.35]))
    half = path((left, middle + slant), (right, middle - slant), (right, bottom), (left, bottom))
    seam = stroke(path((left, middle + slant), (right, middle - slant)), 0.012)
    return [part(half, ink, within=area), part(seam, lighter(ink, 0.4), within=area)]


def chest_print(area: Outline, y: float, colour: Colour, rng: np.random.Generator) -> Drawing:
    """A motif with a slogan, as on T-shirts."""
    ink, second = any_colour(rng), any_colour(rng)
    if sum(abs(a - b) for a, b in zip(ink, colour, strict=True)) < 150:
        ink = ink_on(colour)
    motif = pick(rng, ["none", "sun", "star", "frame", "heart"])
    drawing: Drawing = []
    if motif == "sun":
        rays = rectangle(-0.14, y - 0.02, 0.14, y + 0.03)
        drawing = [
            part(ellipse(0.0, y - 0.03, 0.11), second),
            part([rays + (0, step) for step in (0.02, 0.06)], colour),
        ]
    elif motif == "star":
        drawing = [part(star(0.0, y - 0.03, 0.12, 0.05, 5), second)]
    elif motif == "frame":
        drawing = [part(rectangle(-0.15, y - 0.12, 0.15, y + 0.06, 0.02), second)]
    elif motif == "heart":
        half = path((0.0, y - 0.08), ((0.05, y - 0.17), (0.11, y - 0.11)), ((0.14, y - 0.04), (0.0, y + 0.06)))
        drawing = [part(np.concatenate([half, half[::-1] * (-1, 1)]), second)]
    below = 0.0 if motif == "none" else 0.13
    return [
        *drawing,
        part(lettering(pick(rng, SLOGANS), 0.0, y + below, float(rng.uniform(0.05, 0.09))), ink, within=area),
    ]


def _staggered(area: Outline, pitch: float) -> list[tuple[float, float]]:
    (left, top), (right, bottom) = area.min(axis=0), area.max(axis=0)
    rows = np.arange(top, bottom + pitch, pitch * 0.87)
    shifts = [(y, left + pitch / 2 * (row % 2)) for row, y in enumerate(rows)]
    return [(float(x), float(y)) for y, start in shifts for x in np.arange(start, right + pitch, pitch)]
