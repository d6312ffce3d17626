"""Solids: what makes flat outlines look thick or round."""

from ndsc.sample.drawing.outlines import Outline, rectangle
from ndsc.sample.drawing.palette import WHITE, Colour, darker, lighter
from ndsc.sample.drawing.parts import Drawing, Gradient, part


def extruded(outline: Outline, colour: Colour, depth: float) -> Drawing:
    """The side of a flat thing: its outline, pushed down step by step."""
    return [part([outline + (depth * step / 4 * 0.4, depth * step / 4) for step in range(4, 0, -1)], colour)]


def cylinder(left: float, top: float, right: float, bottom: float, colour: Colour, radius: float) -> Drawing:
    """An upright tube or cap, its corners rounded with `radius`, a line of light near its upper edge."""
    edge = rectangle(left, top + radius, right, top + radius + 0.008)
    body = rectangle(left, top, right, bottom, radius)
    return [part(body, round_shade(left, right, colour)), part(edge, WHITE, 0.25)]


def round_shade(left: float, right: float, colour: Colour) -> Gradient:
    """The light on an upright cylinder between two edges."""
    lit = (darker(colour, 0.4), colour, lighter(colour, 0.55), lighter(colour, 0.1))
    return Gradient((left, 0.0), (right, 0.0), (*lit, colour, darker(colour, 0.3), darker(colour, 0.5)))
