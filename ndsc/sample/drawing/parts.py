"""Drawings: lists of parts, back to front, and what can be done to them before they are painted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ndsc.sample.drawing.outlines import Outline, Point
from ndsc.sample.drawing.palette import Colour

Size = tuple[int, int]
Matrix = NDArray[np.float64]  # 3×3, projective
IDENTITY = np.eye(3)


@dataclass(frozen=True)
class Gradient:
    """Colours at even distances on the way from `start` to `end`."""

    start: Point
    end: Point
    colours: tuple[Colour, ...]


@dataclass(frozen=True)
class Part:
    """Some outlines filled with one paint; `softness` blurs their edge, `within` cuts off what lies outside of it.

    `softness` has the unit of the outlines. Parts that are opaque and sharp cast the shadow of the drawing.
    """

    outlines: list[Outline]
    paint: Colour | Gradient
    opacity: float = 1.0
    softness: float = 0.0
    within: Outline | None = None

    @property
    def is_solid(self) -> bool:
        """Whether nothing shines through this part."""
        return self.opacity == 1.0 and self.softness == 0.0 and self.within is None


Drawing = list[Part]


def part(
    outline: Outline | list[Outline],
    paint: Colour | Gradient,
    opacity: float = 1.0,
    softness: float = 0.0,
    within: Outline | None = None,
) -> Part:
    """A part of one outline or of several."""
    return Part(outline if isinstance(outline, list) else [outline], paint, opacity, softness, within)


def extent(drawing: Drawing, matrix: Matrix = IDENTITY) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a drawing's solid parts under a projective matrix."""
    solid = np.concatenate([outline for item in drawing if item.is_solid for outline in item.outlines])
    return bounds([_projected(solid, matrix)])


def transformed(drawing: Drawing, matrix: Matrix) -> Drawing:
    """The drawing under a 3×3 projective matrix: moved, scaled, turned or seen at an angle."""
    if not drawing:
        return []
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:2, :2] / matrix[2, 2]))))
    curves = [curve for item in drawing for curve in _curves(item)]
    ends = np.cumsum([len(curve) for curve in curves]).tolist()
    points = _projected(np.concatenate(curves), matrix)  # all at once: a part at a time is five times slower
    moved = iter([points[start:end] for start, end in zip([0, *ends], ends, strict=False)])
    return [_with_curves(item, moved, scale) for item in drawing]


def placement(x: float, y: float, scale: float, degrees: float = 0.0) -> Matrix:
    """The matrix that scales, turns clockwise and then moves the origin to (x, y)."""
    cosine, sine = scale * np.cos(np.radians(degrees)), scale * np.sin(np.radians(degrees))
    return np.array([[cosine, -sine, x], [sine, cosine, y], [0, 0, 1]])


def bounds(outlines: Sequence[Outline]) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of some outlines."""
    points = outlines[0] if len(outlines) == 1 else np.concatenate(outlines)
    (left, top), (right, bottom) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return left, top, right, bottom


def _curves(item: Part) -> Iterator[Outline]:
    """All that moves with a part: its outlines, its limit and the ends of its gradient."""
    yield from item.outlines
    if item.within is not None:
        yield item.within
    if isinstance(item.paint, Gradient):
        yield np.array([item.paint.start, item.paint.end])


def _with_curves(item: Part, moved: Iterator[Outline], scale: float) -> Part:
    """The part with its curves, in the order of `_curves`, exchanged for moved ones."""
    outlines = [next(moved) for _ in item.outlines]
    within = None if item.within is None else next(moved)
    fill = item.paint
    if isinstance(fill, Gradient):
        start, end = next(moved).tolist()
        fill = Gradient(tuple(start), tuple(end), fill.colours)
    return Part(outlines, fill, item.opacity, item.softness * scale, within)


def _projected(points: Outline, matrix: Matrix) -> Outline:
    lifted = points @ matrix[:, :2].T + matrix[:, 2]
    return lifted[:, :2] / lifted[:, 2:]
