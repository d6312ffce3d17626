"""Drawings: lists of parts, back to front, that can be moved, tilted and painted."""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from ndsc.sample.colours import Colour
from ndsc.sample.outlines import Bounds, Outline, Point, bounds, rectangle

Size = tuple[int, int]  # width and height in pixels
Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels
Matrix = NDArray[np.float64]  # 3×3, projective

IDENTITY = np.eye(3)
OVERSAMPLING = 2
TEXT_PIXELS = 40  # the font size at which the width of a text is measured
MANY_OUTLINES = 30  # parts with so many (keys, letters, patterns) cast no shadow: the larger part below them does
SHADOW: Colour = (18, 14, 22)
_font = lru_cache(maxsize=128)(ImageFont.load_default)  # Pillow's own font: the installed ones differ between machines


class Gradient(NamedTuple):
    """Colours at even distances from `start` to `end`."""

    start: Point
    end: Point
    colours: tuple[Colour, ...]


class Text(NamedTuple):
    """A line of text, centred at (x, y). It is tilted with the object that it is on."""

    words: str
    x: float
    y: float
    height: float

    @property
    def frame(self) -> Outline:
        """The rectangle that contains the text."""
        half = _font(TEXT_PIXELS).getlength(self.words) * self.height / TEXT_PIXELS / 2
        return rectangle(self.x - half, self.y - self.height * 0.7, self.x + half, self.y + self.height * 0.7)


class Part(NamedTuple):
    """Outlines, or a text, filled with one paint. `softness`, in the unit of the outlines, blurs the edge.

    `within` clips the part. `matrix` is applied to all of it when it is painted.
    """

    shape: Outline | list[Outline] | Text
    paint: Colour | Gradient
    opacity: float = 1.0
    softness: float = 0.0
    within: Outline | None = None
    matrix: Matrix = IDENTITY

    @property
    def outlines(self) -> list[Outline]:
        """The outlines, or the frame of a text, before the matrix is applied."""
        if isinstance(self.shape, Text):
            return [self.shape.frame]
        return self.shape if isinstance(self.shape, list) else [self.shape]

    @property
    def is_solid(self) -> bool:
        """True if the part is opaque, sharp and not clipped. Solid parts cast the shadow of a drawing."""
        return self.opacity == 1.0 and self.softness == 0.0 and self.within is None


Drawing = list[Part]
Product = Callable[[Colour, np.random.Generator], Drawing]


def transformed(drawing: Drawing, matrix: Matrix) -> Drawing:
    """Return the drawing under a 3×3 projective matrix: moved, scaled, rotated or seen at an angle."""
    return [item._replace(matrix=matrix @ item.matrix) for item in drawing]


def placement(x: float, y: float, scale: float = 1.0, degrees: float = 0.0) -> Matrix:
    """Return the matrix that scales, rotates clockwise and then moves the origin to (x, y)."""
    cosine, sine = scale * np.cos(np.radians(degrees)), scale * np.sin(np.radians(degrees))
    return np.array([[cosine, -sine, x], [sine, cosine, y], [0, 0, 1]])


def projected(points: Outline, matrix: Matrix) -> Outline:
    """Return points of shape (n, 2) under a projective matrix."""
    lifted = points @ matrix[:, :2].T + matrix[:, 2]
    return lifted[:, :2] / lifted[:, 2:]


def extent(drawing: Drawing, matrix: Matrix = IDENTITY) -> Bounds:
    """Return left, top, right and bottom of a drawing's solid parts under a projective matrix."""
    solid = [projected(np.concatenate(item.outlines), matrix @ item.matrix) for item in drawing if item.is_solid]
    return bounds(np.concatenate(solid))


def paint(image: Image.Image, drawing: Drawing) -> None:
    """Paint a drawing, whose unit is the pixel, onto an RGB image."""
    for item in drawing:
        outlines, matrix = item.outlines, item.matrix
        curve = projected(np.concatenate(outlines), matrix)
        limit = None if item.within is None else projected(item.within, matrix)
        softness = item.softness * _scale(matrix)
        box = _visible_box(curve, 2.5 * softness, limit, image.size)
        if box is None:
            continue
        if isinstance(item.shape, Text):
            mask = _text_mask(item.shape, matrix, box, item.opacity)
        else:
            mask = _mask(curve, [len(outline) for outline in outlines], box, round(255 * item.opacity), softness)
        if limit is not None:
            mask = ImageChops.multiply(mask, _mask(limit, [len(limit)], box, 255))
        fill = gradient_image(item.paint, box, matrix) if isinstance(item.paint, Gradient) else item.paint
        image.paste(fill, box, mask)


def paint_shadow(image: Image.Image, drawing: Drawing, opacity: float) -> None:
    """Darken an RGB image where a drawing (unit: the pixel), lit from the upper left, blocks the light."""
    unit = min(image.size)
    solid = [item for item in drawing if item.is_solid and len(item.outlines) < MANY_OUTLINES]
    offset = (unit * 0.012, unit * 0.022)
    shape = [projected(outline, item.matrix) + offset for item in solid for outline in item.outlines]
    paint(image, [Part(shape, SHADOW, opacity, unit * 0.018)])


def gradient_image(gradient: Gradient, box: Box, matrix: Matrix = IDENTITY) -> Image.Image:
    """Return the pixels of a box, coloured along the gradient."""
    start, end = projected(np.array([gradient.start, gradient.end]), matrix)
    ahead = (end - start) * 255 / max(float(np.sum((end - start) ** 2)), 1e-9)
    across = ((np.arange(box[0], box[2]) - start[0]) * ahead[0]).astype(np.float32)
    down = ((np.arange(box[1], box[3]) - start[1]) * ahead[1]).astype(np.float32)
    share = np.add.outer(down, across)
    return colourized(Image.fromarray(share.clip(0, 255, out=share).astype(np.uint8)), gradient.colours)


def colourized(grey: Image.Image, colours: Sequence[Colour]) -> Image.Image:
    """Return an RGB image in which grey levels 0 to 255 run evenly through the colours."""
    levels = np.arange(256) * ((len(colours) - 1) / 255)
    table = np.column_stack([np.interp(levels, range(len(colours)), tones) for tones in zip(*colours, strict=True)])
    tinted = grey.copy()
    tinted.putpalette(table.round().astype(np.uint8).tobytes())
    return tinted.convert("RGB")


def _scale(matrix: Matrix) -> float:
    (a, b, _), (c, d, _), (_, _, depth) = matrix.tolist()
    return math.sqrt(abs(a * d - b * c)) / abs(depth)


def _visible_box(curve: Outline, margin: float, limit: Outline | None, size: Size) -> Box | None:
    """Return the pixels (left, top, right, bottom) that a part can touch, or None if it lies outside the image."""
    low, high = curve.min(axis=0) - margin, curve.max(axis=0) + margin
    if limit is not None:
        low, high = np.maximum(low, limit.min(axis=0)), np.minimum(high, limit.max(axis=0))
    (left, top), (right, bottom) = np.maximum(low, 0).astype(int).tolist(), (high + 2).astype(int).tolist()
    box = (left, top, min(size[0], right), min(size[1], bottom))
    return box if box[0] < box[2] and box[1] < box[3] else None


def _mask(curve: Outline, lengths: Sequence[int], box: Box, level: int, softness: float = 0.0) -> Image.Image:
    """Return the grey image of a box in which outlines (`curve`, split into `lengths`) are filled with `level`.

    Sharp outlines are drawn larger and averaged, for smooth edges. Soft ones are drawn smaller and enlarged, for speed.
    """
    size = (box[2] - box[0], box[3] - box[1])
    scale = OVERSAMPLING if softness < 1 else 1 / min(16, max(1, int(softness / 1.5)))
    mask = Image.new("L", (math.ceil(size[0] * scale), math.ceil(size[1] * scale)))
    pen = ImageDraw.Draw(mask)
    pixels = ((curve - box[:2]) * scale - 0.5).ravel().tolist()
    end = 0
    for length in lengths:
        start, end = end, end + 2 * length
        pen.polygon(pixels[start:end], fill=level)
    if scale > 1:
        mask = mask.reduce(OVERSAMPLING)
    if softness:
        mask = mask.filter(ImageFilter.GaussianBlur(softness * min(scale, 1)))
    return mask if mask.size == size else mask.resize(size, Image.Resampling.BILINEAR)


def _text_mask(text: Text, matrix: Matrix, box: Box, opacity: float) -> Image.Image:
    """Return the grey image of a box that contains a text."""
    size = min(100, max(4, round(text.height * _scale(matrix))))
    image = _text_image(text.words, size, opacity)
    centred = placement(text.x, text.y, text.height / size) @ placement(-image.width / 2, -image.height / 2)
    inverse = np.linalg.inv(placement(-box[0], -box[1]) @ matrix @ centred)
    coefficients = (inverse / inverse[2, 2]).ravel()[:8].tolist()
    area = (box[2] - box[0], box[3] - box[1])
    return image.transform(area, Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BILINEAR)


@lru_cache(maxsize=256)
def _text_image(words: str, size: int, opacity: float) -> Image.Image:
    font = _font(size)
    image = Image.new("L", (math.ceil(font.getlength(words)) + 2, 2 * size))
    centre = (image.width / 2, size * 1.36)
    ImageDraw.Draw(image).text(centre, words, font=font, fill=round(255 * opacity), anchor="ms")
    return image
