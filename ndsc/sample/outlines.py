"""Outlines: the closed curves that all drawings consist of.

An outline is a float array of shape (points, 2) of x (to the right) and y (downwards). Products are drawn around the
origin and are about one unit tall. A drawing gets its position, size and angle in a photo later.
"""

import numpy as np
from numpy.typing import NDArray

Outline = NDArray[np.float64]
Point = tuple[float, float]
Step = Point | tuple[Point, Point]  # the next step of a path: a straight line, or a curve (control, end)
Bounds = tuple[float, float, float, float]  # left, top, right, bottom

CIRCLE = np.column_stack([f(np.linspace(0, 2 * np.pi, 48, endpoint=False)) for f in (np.cos, np.sin)])
ANGLES = np.pi / 2 * (np.arange(4)[:, None] + np.linspace(0, 1, 7))
CORNERS = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=-1)  # four quarters of a circle, lower right first
CURVE = np.array([((1 - t) ** 2, 2 * t * (1 - t), t**2) for t in np.linspace(0, 1, 13)[1:]])  # quadratic Bézier weights


def rectangle(left: float, top: float, right: float, bottom: float, radius: float = 0.0) -> Outline:
    """Return a rectangle whose corners are rounded with `radius` (0: sharp)."""
    if radius <= 0:
        return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], dtype=float)
    radius = min(radius, (right - left) / 2, (bottom - top) / 2)
    x, y = (left + radius, right - radius), (top + radius, bottom - radius)
    centres = np.array([(x[1], y[1]), (x[0], y[1]), (x[0], y[0]), (x[1], y[0])])
    return (centres[:, None] + radius * CORNERS).reshape(-1, 2)


def ellipse(x: float, y: float, radius: float, radius_y: float | None = None) -> Outline:
    """Return a circle around (x, y), or an ellipse if `radius_y` is given."""
    return CIRCLE * (radius, radius if radius_y is None else radius_y) + (x, y)


def path(start: Point, *steps: Step) -> Outline:
    """Return the line from `start` along `steps`: straight to a point, or a quadratic curve for (control, point)."""
    points = [np.array([start], dtype=float)]
    for step in steps:
        values = np.array(step, dtype=float)
        points.append(values[None] if values.ndim == 1 else CURVE @ (points[-1][-1], *values))
    return np.concatenate(points)


def mirrored(right_half: Outline) -> Outline:
    """Return the closed outline whose right half, from top to bottom, is given. The axis is x = 0."""
    return np.concatenate([right_half, right_half[::-1] * (-1, 1)])


def star(x: float, y: float, outer: float, inner: float, tips: int) -> Outline:
    """Return a star around (x, y). With many tips it looks like a badge, with few like a flower."""
    angles = np.linspace(0, 2 * np.pi, 2 * tips, endpoint=False) - np.pi / 2
    radius = np.where(np.arange(2 * tips) % 2 == 0, outer, inner)
    return np.column_stack([x + radius * np.cos(angles), y + radius * np.sin(angles)])


def stroke(line: Outline, width: float, end_width: float | None = None) -> Outline:
    """Return the outline of a brush stroke along an open line. It tapers to `end_width` if that is given."""
    steps = np.diff(line, axis=0)
    ahead = np.concatenate([steps[:1], steps[1:] + steps[:-1], steps[-1:]])
    across = ahead[:, ::-1] * (-1, 1) / np.maximum(np.hypot(ahead[:, 0], ahead[:, 1]), 1e-9)[:, None]
    sides = across * (width / 2 if end_width is None else np.linspace(width, end_width, len(line))[:, None] / 2)
    return np.concatenate([line + sides, (line - sides)[::-1]])


def rim(outline: Outline, width: float) -> Outline:
    """Return a stroke of `width` along the whole of a closed outline."""
    return stroke(np.concatenate([outline, outline[:1]]), width)


def bounds(points: Outline) -> Bounds:
    """Return left, top, right and bottom of some points."""
    (left, top), (right, bottom) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return left, top, right, bottom
