"""Surfaces: the light that makes flat outlines look solid, and the patterns printed on them."""

from collections.abc import Callable

import numpy as np

from ndsc.sample.colours import BLACK, WHITE, Colour, contrasting, darker, lighter, pick
from ndsc.sample.drawing import Drawing, Gradient, Part
from ndsc.sample.outlines import Outline, Point, bounds, ellipse, path, rectangle, rim, star, stroke

LEAF: Colour = (86, 122, 84)


def lit(outline: Outline, colour: Colour) -> Part:
    """Return a flat or slightly curved surface, lit from the upper left."""
    left, top, right, bottom = bounds(outline)
    return Part(outline, Gradient((left, top), (right, bottom), (lighter(colour, 0.28), colour, darker(colour, 0.2))))


def rounded(outline: Outline, colour: Colour) -> Part:
    """Return a surface with the light on an upright cylinder."""
    left, _, right, _ = bounds(outline)
    dark, bright = darker(colour, 0.4), lighter(colour, 0.55)
    tones = (dark, colour, bright, lighter(colour, 0.1), colour, darker(colour, 0.3), darker(colour, 0.5))
    return Part(outline, Gradient((left, 0.0), (right, 0.0), tones))


def cylinder(left: float, top: float, right: float, bottom: float, colour: Colour, radius: float = 0.012) -> Drawing:
    """Return an upright tube or cap with a line of light near its upper edge."""
    edge = rectangle(left, top + radius, right, top + radius + 0.008)
    return [rounded(rectangle(left, top, right, bottom, radius), colour), Part(edge, WHITE, 0.25)]


def extruded(outline: Outline, colour: Colour, depth: float) -> Part:
    """Return the visible side of a flat object with this outline."""
    return Part([outline + (depth * step / 4 * 0.4, depth * step / 4) for step in range(4, 0, -1)], colour)


def gleam(start: Point, end: Point, width: float, within: Outline, opacity: float = 0.4) -> Part:
    """Return a soft line of reflected light, clipped to the surface that reflects it."""
    return Part(stroke(path(start, end), width), WHITE, opacity, width / 5, within)


def edge_shadow(area: Outline) -> Part:
    """Return a soft shadow along the inside of an edge: the area looks thick, like cloth or leather."""
    return Part(rim(area, 0.05), BLACK, 0.2, 0.025, area)


def stripes(area: Outline, ink: Colour, rng: np.random.Generator) -> Drawing:
    """Return horizontal or vertical stripes."""
    pitch = float(rng.uniform(0.03, 0.11))
    return [Part(_bands(area, pitch, float(rng.uniform(0.3, 0.6)), rng.random() < 0.35), ink, 0.92, within=area)]


def dots(area: Outline, ink: Colour, rng: np.random.Generator) -> Drawing:
    """Return polka dots in staggered rows."""
    pitch = float(rng.uniform(0.05, 0.12))
    return [Part([ellipse(x, y, pitch * 0.24)[::4] for x, y in _staggered(area, pitch)], ink, 0.95, within=area)]


def checks(area: Outline, ink: Colour, rng: np.random.Generator) -> Drawing:
    """Return crossing bands, each half transparent, and thin lines."""
    pitch = float(rng.uniform(0.06, 0.14))
    crossing = [Part(_bands(area, pitch, 0.45, is_upright), ink, 0.5, within=area) for is_upright in (False, True)]
    lines = [line + (pitch * 0.7, 0) for line in _bands(area, pitch, 0.06, True)]
    return [*crossing, Part(lines, WHITE, 0.4, within=area)]


def flowers(area: Outline, ink: Colour, rng: np.random.Generator) -> Drawing:
    """Return scattered flowers with leaves."""
    pitch, leaves, petals = float(rng.uniform(0.09, 0.16)), [], []
    for x, y in _staggered(area, pitch):
        x, y = (x, y) + pitch * rng.uniform(-0.3, 0.3, 2)
        size = pitch * float(rng.uniform(0.24, 0.38))
        tip = (x + size * rng.uniform(-1.5, 1.5), y + size * 1.5)
        leaves.append(stroke(np.array([(x, y), tip]), size * 0.5, 0))
        petals.append(star(x, y, size, size * 0.5, 5))
    return [Part(leaves, LEAF, within=area), Part(petals, ink, within=area)]


def _bands(area: Outline, pitch: float, share: float, is_upright: bool) -> list[Outline]:
    """Return bands across an area, each covering `share` of the pitch."""
    if is_upright:
        return [band[:, ::-1] for band in _bands(area[:, ::-1], pitch, share, is_upright=False)]
    left, top, right, bottom = bounds(area)
    return [rectangle(left, y, right, y + pitch * share) for y in np.arange(top, bottom, pitch)]


def _staggered(area: Outline, pitch: float) -> list[Point]:
    left, top, right, bottom = bounds(area)
    rows = enumerate(np.arange(top, bottom + pitch, pitch * 0.87))
    return [(x, y) for row, y in rows for x in np.arange(left + pitch / 2 * (row % 2), right + pitch, pitch)]


DESIGNS: list[Callable[[Outline, Colour, np.random.Generator], Drawing]] = [stripes, dots, checks, flowers]


def pattern(area: Outline, colour: Colour, rng: np.random.Generator) -> Drawing:
    """Return one of the designs, or nothing, clipped to an area of the given colour."""
    design = pick(rng, [None, None, *DESIGNS])
    return [] if design is None else design(area, contrasting(colour, rng), rng)
