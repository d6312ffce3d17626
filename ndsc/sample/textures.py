"""Textures: materials that a product lies on, made of smooth noise."""

import numpy as np
from PIL import Image, ImageChops

from ndsc.sample.drawing.outlines import rectangle
from ndsc.sample.drawing.painting import colourized, paint
from ndsc.sample.drawing.palette import Colour, darker, lighter, mix, pick
from ndsc.sample.drawing.parts import Size, part, placement, transformed
from ndsc.sample.drawing.patterns import checks, dots, flowers, stripes

WOODS: list[Colour] = [(176, 128, 84), (128, 86, 56), (206, 172, 132), (92, 66, 52), (158, 150, 142)]


def wood(size: Size, colour: Colour, rng: np.random.Generator) -> Image.Image:
    """Boards with grain, level or upright."""
    upright = rng.random() < 0.5
    width, height = size[::-1] if upright else size
    tone = mix(pick(rng, WOODS), colour, 0.15)
    board = height / int(rng.integers(2, 6))
    rows = np.arange(height)
    grain = np.asarray(cloud((width, height), 3, 60, rng), dtype=np.float32) * 0.6
    grain += np.asarray(cloud((width, height), 8, 160, rng), dtype=np.float32) * 0.4
    shade = rng.uniform(-45, 45, int(height / board) + 2)[(rows / board).astype(int)]
    shade[(rows % board) < max(1.5, board * 0.02)] = -150
    grey = Image.fromarray(np.clip(grain + shade[:, None].astype(np.float32), 0, 255).astype(np.uint8))
    image = colourized(grey, (darker(tone, 0.55), darker(tone, 0.15), tone, lighter(tone, 0.25)))
    return image.transpose(Image.Transpose.ROTATE_90) if upright else image


def marble(size: Size, colour: Colour, rng: np.random.Generator) -> Image.Image:
    """Stone with veins: they run where two clouds meet."""
    stone = mix(colour, (236, 234, 230), 0.75)
    clouds = Image.blend(cloud(size, 4, 3, rng), cloud(size, 14, 11, rng), 0.22)
    pale, vein = lighter(stone, 0.3), darker(stone, 0.25)
    faint = darker(stone, 0.1)
    bands = (pale, pale, stone, pale, pale, pale, pale, vein, pale, stone, pale, pale, faint, pale, pale)
    veined = colourized(clouds, bands)
    return Image.composite(veined, colourized(clouds, (stone, pale)), cloud(size, 3, 3, rng))


def cloth(size: Size, colour: Colour, rng: np.random.Generator) -> Image.Image:
    """A sheet with soft folds, sometimes printed."""
    image = Image.new("RGB", size, colour)
    unit, area = max(size), rectangle(0, 0, 1, size[1] / max(size))
    design = pick(rng, [None, None, stripes, dots, checks, flowers])
    if design is not None:
        ink = lighter(colour, 0.55) if sum(colour) < 400 else darker(colour, 0.35)
        paint(image, transformed(design(area, colour, ink, rng), placement(0, 0, unit * 1.4)))
    (width, height), turn = size, float(rng.uniform(0, 180))
    folds = cloud((round(width * 1.5), round(height * 1.5)), 6, 3, rng).rotate(turn, Image.Resampling.BILINEAR)
    left, top = width // 4, height // 4
    return _lit(image, folds.crop((left, top, left + width, top + height)), 0.62, 1.12)


def tiles(size: Size, colour: Colour, rng: np.random.Generator) -> Image.Image:
    """A tiled floor seen from above."""
    tone, pitch = mix(colour, (214, 208, 200), 0.5), min(size) / float(rng.uniform(1.6, 4.5))
    stains = Image.blend(cloud(size, 6, 6, rng), cloud(size, 40, 40, rng), 0.4)
    image = colourized(stains, (darker(tone, 0.08), lighter(tone, 0.12)))
    joint, reach = max(2.0, pitch * 0.025), sum(size)
    lines = [rectangle(x, -reach, x + joint, reach) for x in np.arange(-reach, reach, pitch)]
    lines += [rectangle(-reach, y, reach, y + joint) for y in np.arange(-reach, reach, pitch)]
    turn = float(pick(rng, [0, 0, 45, rng.uniform(0, 90)]))
    paint(image, transformed([part(lines, darker(tone, 0.3))], placement(0, 0, 1.0, turn)))
    return image


def plaster(size: Size, colour: Colour, rng: np.random.Generator) -> Image.Image:
    """A rough wall or a carpet: specks and stains."""
    specks = cloud(size, size[0] // 2, size[1] // 2, rng)
    stains = Image.blend(cloud(size, 5, 5, rng), cloud(size, 17, 17, rng), 0.4)
    share = float(pick(rng, [0.12, 0.3, 0.5]))
    return colourized(Image.blend(stains, specks, share), (darker(colour, 0.4), colour, lighter(colour, 0.25)))


def cloud(size: Size, columns: int, rows: int, rng: np.random.Generator) -> Image.Image:
    """Smooth grey noise with about so many bumps across and down."""
    return Image.fromarray(rng.integers(0, 256, (rows, columns), dtype=np.uint8)).resize(size, Image.Resampling.BICUBIC)


def _lit(image: Image.Image, grey: Image.Image, dimmest: float, brightest: float) -> Image.Image:
    """The image under uneven light: black of `grey` is the dimmest, white the brightest factor."""
    share = dimmest / brightest
    light = grey.point([round(255 * share + (1 - share) * level) for level in range(256)])
    bright = image.point([min(255, round(level * brightest)) for level in range(256)] * 3)
    return ImageChops.multiply(bright, Image.merge("RGB", [light] * 3))
