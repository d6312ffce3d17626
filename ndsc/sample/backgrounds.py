"""Backgrounds of products, and props: other objects in a photo, which are not for sale."""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageChops

from ndsc.sample.colours import BLACK, Colour, any_colour, darker, lighter, mix, pick
from ndsc.sample.drawing import Drawing, Gradient, Part, Size, colourized, gradient_image, paint, placement, transformed
from ndsc.sample.outlines import ellipse, path, rectangle, stroke
from ndsc.sample.surfaces import DESIGNS, LEAF, lit

Background = Callable[[Size, Colour, np.random.Generator], Image.Image]
WOODS: list[Colour] = [(176, 128, 84), (128, 86, 56), (206, 172, 132), (92, 66, 52), (158, 150, 142)]


def paper(size: Size, colour: Colour, rng: np.random.Generator) -> Image.Image:
    """Return plain paper that rolls from the wall to the table, with a band of light at the bend."""
    start, end = (size[0] * float(rng.uniform(0, 1)), 0.0), (size[0] * float(rng.uniform(0, 1)), float(size[1]))
    bend = lighter(colour, float(rng.uniform(0, 0.5)))
    return gradient_image(Gradient(start, end, (lighter(colour, 0.1), bend, darker(colour, 0.12))), (0, 0, *size))


def wood(size: Size, colour: Colour, rng: np.random.Generator) -> Image.Image:
    """Return boards with grain, horizontal or vertical."""
    is_upright = rng.random() < 0.5
    width, height = size[::-1] if is_upright else size
    tone, board, rows = mix(pick(rng, WOODS), colour, 0.15), height / int(rng.integers(2, 6)), np.arange(height)
    grain = np.asarray(Image.blend(_noise((width, height), 3, 60, rng), _noise((width, height), 8, 160, rng), 0.4))
    shade = rng.uniform(-45, 45, int(height / board) + 2)[(rows / board).astype(int)]
    shade[(rows % board) < max(1.5, board * 0.02)] = -150
    grey = Image.fromarray((grain + shade[:, None].astype(np.float32)).clip(0, 255).astype(np.uint8))
    image = colourized(grey, (darker(tone, 0.55), darker(tone, 0.15), tone, lighter(tone, 0.25)))
    return image.transpose(Image.Transpose.ROTATE_90) if is_upright else image


def cloth(size: Size, colour: Colour, rng: np.random.Generator) -> Image.Image:
    """Return a sheet with soft folds, sometimes printed."""
    image, unit = Image.new("RGB", size, colour), max(size) * 1.4
    design = pick(rng, [None, *DESIGNS])
    if design is not None:
        ink = lighter(colour, 0.55) if sum(colour) < 400 else darker(colour, 0.35)
        paint(image, transformed(design(rectangle(0, 0, 1, 1), ink, rng), placement(0, 0, unit)))
    folds = _noise((2 * size[0], 2 * size[1]), 6, 3, rng).rotate(float(rng.uniform(0, 180)), Image.Resampling.BILINEAR)
    light = folds.crop((size[0] // 2, size[1] // 2, size[0] // 2 + size[0], size[1] // 2 + size[1]))
    return ImageChops.multiply(image, colourized(light, ((150, 150, 150), (255, 255, 255))))


def tiles(size: Size, colour: Colour, rng: np.random.Generator) -> Image.Image:
    """Return a tiled floor."""
    tone, pitch, reach = mix(colour, (214, 208, 200), 0.5), min(size) / float(rng.uniform(1.6, 4.5)), sum(size)
    stains = Image.blend(_noise(size, 6, 6, rng), _noise(size, 40, 40, rng), 0.4)
    image = colourized(stains, (darker(tone, 0.08), lighter(tone, 0.12)))
    joint = max(2.0, pitch * 0.025)
    lines = [rectangle(x, -reach, x + joint, reach) for x in np.arange(-reach, reach, pitch)]
    lines += [line[:, ::-1] for line in lines]
    turn = float(pick(rng, [0, 0, 45, rng.uniform(0, 90)]))
    paint(image, transformed([Part(lines, darker(tone, 0.3))], placement(0, 0, 1.0, turn)))
    return image


def room(size: Size, colour: Colour, rng: np.random.Generator) -> Image.Image:
    """Return a table in front of a room that is out of focus."""
    image, (wide, high) = paper(size, colour, rng), size
    edge = high * float(rng.uniform(0.5, 0.75))
    for _ in range(6):
        furniture = ellipse(rng.uniform(0, wide), rng.uniform(0, edge), *rng.uniform(0.05, 0.25, 2) * wide)
        paint(image, [Part(furniture, any_colour(rng), 0.6, min(size) * 0.035)])
    shadow = Part(rectangle(-5, edge - 3, wide + 5, edge + 3), BLACK, 0.25, 2.0)
    paint(image, [lit(rectangle(-5, edge, wide + 5, high + 5), pick(rng, WOODS)), shadow])
    return image


def prop(rng: np.random.Generator) -> Drawing:
    """Return a twig, a cup of coffee, a notebook or a gift, none of which is for sale."""
    first, second, kind = any_colour(rng), any_colour(rng), int(rng.integers(4))
    if kind == 0:
        stem, leaves = path((0.0, 0.5), ((rng.uniform(-0.3, 0.3), 0.0), (0.0, -0.45))), []
        for (x, y), side in zip(stem[1:], [-1, 1] * 6, strict=True):
            tip = (x + side * 0.24, y - 0.14)
            leaves.append(path((x, y), ((x + side * 0.06, y - 0.16), tip), ((x + side * 0.2, y + 0.04), (x, y))))
        return [Part(stroke(stem, 0.02, 0.01), darker(LEAF, 0.3)), Part(leaves, mix(LEAF, first, 0.2))]
    if kind == 1:
        return [
            lit(ellipse(0, 0, 0.5), lighter(first, 0.5)),
            Part(ellipse(0, 0, 0.36), lighter(first, 0.3)),
            Part(rectangle(0.2, -0.06, 0.48, 0.06, 0.06), lighter(first, 0.5)),
            Part(ellipse(-0.02, -0.02, 0.31), lighter(first, 0.7)),
            lit(ellipse(-0.02, -0.02, 0.265), (104, 68, 48)),
            Part(stroke(path((-0.14, 0.02), ((0.0, -0.16), (0.1, 0.06))), 0.06, 0.02), (196, 158, 120), 0.9),
        ]
    if kind == 2:
        rings = [rectangle(-0.4, y, -0.3, y + 0.025, 0.01) for y in np.arange(-0.44, 0.44, 0.07)]
        label = Part(rectangle(-0.12, -0.3, 0.24, -0.16), lighter(first, 0.6))
        return [lit(rectangle(-0.36, -0.5, 0.36, 0.5, 0.02), first), label, Part(rings, (70, 70, 76))]
    loop = path((0.0, 0.0), ((0.22, -0.24), (0.26, -0.02)), ((0.16, 0.1), (0.0, 0.0)))
    bands = [rectangle(-0.06, -0.42, 0.06, 0.42), rectangle(-0.42, -0.06, 0.42, 0.06)]
    bow = [Part(bands, second), Part([loop, loop * (-1, 1)], darker(second, 0.15))]
    return [lit(rectangle(-0.42, -0.42, 0.42, 0.42, 0.02), first), *bow]


def _noise(size: Size, columns: int, rows: int, rng: np.random.Generator) -> Image.Image:
    return Image.fromarray(rng.integers(0, 256, (rows, columns), dtype=np.uint8)).resize(size, Image.Resampling.BICUBIC)


# Each shop uses one of these in its harder photos.
BACKGROUNDS: list[Background] = [wood, cloth, tiles, room]
