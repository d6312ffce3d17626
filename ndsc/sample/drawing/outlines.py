"""Outlines: the closed curves that everything in a rendered photo is made of.

An outline is a float array of shape (points, 2) of x (to the right) and y (downwards). Products are drawn about the
origin and are about one unit tall; a drawing gets its place, size and angle in a photo later.
"""

import numpy as np
from numpy.typing import NDArray

Outline = NDArray[np.float64]
Point = tuple[float, float]
Step = Point | tuple[Point, Point]  # how a path goes on: straight, or in a curve (control, end)
CIRCLE = np.column_stack([f(np.linspace(0, 2 * np.pi, 48, endpoint=False)) for f in (np.cos, np.sin)])
QUARTERS = [
    np.roll(CIRCLE, 12 - 12 * quarter, axis=0)[:13:2] for quarter in range(4)
]  # from the upper right, clockwise
CURVE = np.array([((1 - t) ** 2, 2 * t * (1 - t), t**2) for t in np.linspace(0, 1, 13)[1:]])  # quadratic Bézier weights


def rectangle(left: float, top: float, right: float, bottom: float, radius: float = 0.0) -> Outline:
    """A rectangle between two corners, its own corners rounded with `radius` (0: sharp)."""
    if radius <= 0:
        return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], dtype=float)
    radius = min(radius, (right - left) / 2, (bottom - top) / 2)
    near_right, near_left, near_top, near_bottom = right - radius, left + radius, top + radius, bottom - radius
    corners = [(near_right, near_top), (near_right, near_bottom), (near_left, near_bottom), (near_left, near_top)]
    arcs = [corner + radius * QUARTERS[quarter] for quarter, corner in enumerate(corners)]
    return np.concatenate(arcs)


def ellipse(x: float, y: float, radius: float, radius_y: float | None = None) -> Outline:
    """A circle about (x, y), or an ellipse where `radius_y` differs from `radius`."""
    vertical = radius if radius_y is None else radius_y
    return CIRCLE * (radius, vertical) + (x, y)


def path(start: Point, *steps: Step) -> Outline:
    """A line from `start` along `steps`: a point is reached straight, a pair (control, point) by a quadratic curve."""
    points = [np.array([start], dtype=float)]
    for step in steps:
        values = np.array(step, dtype=float)
        if values.ndim == 1:
            points.append(values[None])
            continue
        begin, (control, end) = points[-1][-1], values
        points.append(CURVE @ (begin, control, end))
    return np.concatenate(points)


def mirrored(right_half: Outline) -> Outline:
    """The closed outline whose right half, from top to bottom, is given; its axis is x = 0."""
    return np.concatenate([right_half, right_half[::-1] * (-1, 1)])


def stroke(line: Outline, width: float, end_width: float | None = None) -> Outline:
    """The outline of a brush stroke along an open line; it tapers to `end_width` where that is given."""
    ahead = np.empty_like(line)
    ahead[1:-1] = line[2:] - line[:-2]
    ahead[0], ahead[-1] = line[1] - line[0], line[-1] - line[-2]
    across = ahead[:, ::-1] * (-1, 1) / np.maximum(np.hypot(ahead[:, 0], ahead[:, 1]), 1e-9)[:, None]
    halves = width / 2 if end_width is None else np.linspace(width / 2, end_width / 2, len(line))[:, None]
    return np.concatenate([line + across * halves, (line - across * halves)[::-1]])


def star(x: float, y: float, outer: float, inner: float, tips: int) -> Outline:
    """A star with `tips` tips about (x, y): a badge with many of them, a flower with few."""
    turn = np.linspace(0, 2 * np.pi, 2 * tips, endpoint=False) - np.pi / 2
    radius = np.where(np.arange(2 * tips) % 2 == 0, outer, inner)
    return np.column_stack([x + radius * np.cos(turn), y + radius * np.sin(turn)])


def turned(outline: Outline, degrees: float, about: Point = (0.0, 0.0)) -> Outline:
    """The outline turned clockwise about a point."""
    angle = np.radians(degrees)
    matrix = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return (outline - about) @ matrix + about
