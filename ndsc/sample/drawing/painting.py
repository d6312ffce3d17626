"""Painting: puts the parts of a drawing onto an image, one after the other."""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from ndsc.sample.drawing.outlines import Outline
from ndsc.sample.drawing.palette import Colour
from ndsc.sample.drawing.parts import Drawing, Gradient, Part, Size, bounds

Box = tuple[int, int, int, int]
OVERSAMPLING = 2
MANY_OUTLINES = 30  # keys, letters and prints lie on something larger that casts the shadow
SHADOW: Colour = (18, 14, 22)


def paint(image: Image.Image, drawing: Drawing) -> None:
    """Paint a drawing, whose unit is the pixel, onto an RGB image."""
    for item in drawing:
        box = _visible_box(item, image.size)
        if box is None:
            continue
        mask = _mask(item.outlines, box, round(255 * item.opacity), item.softness)
        if item.within is not None:
            mask = ImageChops.multiply(mask, _mask([item.within], box, 255))
        fill = gradient_image(item.paint, box) if isinstance(item.paint, Gradient) else item.paint
        image.paste(fill, box, mask)


def paint_shadow(image: Image.Image, drawing: Drawing, opacity: float) -> None:
    """Darken an RGB image where a drawing (unit: the pixel), lit from the upper left, keeps the light away."""
    unit = min(image.size)
    offset, softness = (unit * 0.012, unit * 0.022), unit * 0.018
    solid = [item.outlines for item in drawing if item.is_solid and len(item.outlines) < MANY_OUTLINES]
    shape = [outline + offset for outlines in solid for outline in outlines]
    paint(image, [Part(shape, SHADOW, opacity, softness)])


def _visible_box(item: Part, size: Size) -> Box | None:
    """The pixels (left, top, right, bottom) that a part can touch, or None where it lies outside of the image."""
    left, top, right, bottom = bounds(item.outlines)
    edge = 2.5 * item.softness
    left, top, right, bottom = left - edge, top - edge, right + edge, bottom + edge
    if item.within is not None:
        inner = bounds([item.within])
        left, top, right, bottom = max(left, inner[0]), max(top, inner[1]), min(right, inner[2]), min(bottom, inner[3])
    box = (max(0, int(left)), max(0, int(top)), min(size[0], int(right) + 2), min(size[1], int(bottom) + 2))
    return box if box[0] < box[2] and box[1] < box[3] else None


def _mask(outlines: Sequence[Outline], box: Box, level: int, softness: float = 0.0) -> Image.Image:
    """The grey image of a box in which the outlines are filled with `level`.

    What is sharp is drawn larger and averaged, for smooth edges; what is soft is drawn smaller and enlarged, for speed.
    """
    size = (box[2] - box[0], box[3] - box[1])
    scale = OVERSAMPLING if softness < 1 else 1 / min(16, max(1, int(softness / 1.5)))
    mask = Image.new("L", (math.ceil(size[0] * scale), math.ceil(size[1] * scale)))
    pen = ImageDraw.Draw(mask)
    pixels = ((np.concatenate(outlines) - box[:2]) * scale - 0.5).ravel().tolist()
    end = 0
    for outline in outlines:
        start, end = end, end + outline.size
        pen.polygon(pixels[start:end], fill=level)
    if scale > 1:
        mask = mask.reduce(OVERSAMPLING)
    if softness:
        mask = mask.filter(ImageFilter.GaussianBlur(softness * min(scale, 1)))
    return mask if mask.size == size else mask.resize(size, Image.Resampling.BILINEAR)


def gradient_image(gradient: Gradient, box: Box) -> Image.Image:
    """The pixels of a box (left, top, right, bottom), coloured by their distance along the gradient."""
    start, end = np.array(gradient.start), np.array(gradient.end)
    ahead = (end - start) * 255 / max(float(np.sum((end - start) ** 2)), 1e-9)
    across = ((np.arange(box[0], box[2]) - start[0]) * ahead[0]).astype(np.float32)
    down = ((np.arange(box[1], box[3]) - start[1]) * ahead[1]).astype(np.float32)
    share = np.add.outer(down, across)
    return colourized(Image.fromarray(share.clip(0, 255, out=share).astype(np.uint8)), gradient.colours)


def colourized(grey: Image.Image, colours: Sequence[Colour]) -> Image.Image:
    """An RGB image in which grey 0 to 255 runs evenly through the colours."""
    table = _blends(len(colours)) @ np.array(colours, dtype=float)
    tinted = grey.copy()
    tinted.putpalette(table.round().astype(np.uint8).tobytes())
    return tinted.convert("RGB")


@lru_cache(maxsize=32)
def _blends(count: int) -> NDArray[np.float64]:
    """How much of each of `count` colours is in each of 256 levels: shape (256, count)."""
    places = np.linspace(0, count - 1, 256)
    return np.maximum(0, 1 - np.abs(places[:, None] - np.arange(count)))
