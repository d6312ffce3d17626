"""Grounds: what a product lies on or stands before, from plain paper to a cluttered table top."""

from collections.abc import Callable

import numpy as np
from PIL import Image

from ndsc.sample.drawing.outlines import ellipse, path, rectangle, star, stroke
from ndsc.sample.drawing.painting import gradient_image, paint
from ndsc.sample.drawing.palette import BLACK, WHITE, Colour, any_colour, darker, lighter, pick
from ndsc.sample.drawing.parts import Drawing, Gradient, Size, part
from ndsc.sample.textures import WOODS, cloth, marble, plaster, tiles, wood


def paint_ground(kind: str, size: Size, colour: Colour, rng: np.random.Generator) -> Image.Image:
    """An RGB image of a ground (a key of `GROUNDS`) of `size` = (width, height) pixels, in a colour."""
    return GROUNDS[kind](size, colour, rng)


def paper(size: Size, colour: Colour, rng: np.random.Generator) -> Image.Image:
    """Even paper that gets a little darker to one side."""
    away = (size[0] * float(rng.uniform(-0.2, 1.2)), float(size[1]))
    shade = Gradient((size[0] / 2, 0), away, (lighter(colour, 0.12), darker(colour, 0.06)))
    return gradient_image(shade, (0, 0, *size))


def sweep(size: Size, colour: Colour, rng: np.random.Generator) -> Image.Image:
    """A studio's paper that rolls from the wall to the table: a band of light where it bends."""
    bend = size[1] * float(rng.uniform(0.55, 0.75))
    tones = (darker(colour, 0.06), lighter(colour, 0.4), darker(colour, 0.12))
    image = gradient_image(Gradient((0, bend * 0.2), (0, size[1]), tones), (0, 0, *size))
    glow = ellipse(size[0] / 2, bend * 0.7, size[0] * 0.5, size[1] * 0.4)
    paint(image, [part(glow, WHITE, 0.35, min(size) * 0.12)])
    return image


def room(size: Size, colour: Colour, rng: np.random.Generator) -> Image.Image:
    """A table before a room that is out of focus."""
    image, wide, high = paper(size, colour, rng), *size
    edge = high * float(rng.uniform(0.5, 0.75))
    for _ in range(6):
        x, y, half = rng.uniform(0, wide), rng.uniform(0, edge), rng.uniform(0.05, 0.2) * wide
        furniture = [ellipse(x, y, half), rectangle(x - half, y - half * 1.5, x + half, y + half * 1.5)]
        paint(image, [part(pick(rng, furniture), any_colour(rng), 0.6, min(size) * 0.035)])
    table = pick(rng, [*WOODS, (226, 224, 220)])
    top = Gradient((0, edge), (0, high), (lighter(table, 0.2), darker(table, 0.15)))
    paint(image, [part(rectangle(-5, edge, wide + 5, high + 5), top)])
    paint(image, [part(rectangle(-5, edge - 3, wide + 5, edge + 3), BLACK, 0.25, 2.0)])
    return image


def poster(size: Size, colour: Colour, rng: np.random.Generator) -> Image.Image:
    """The flat shapes of a shop's own artwork: rays, confetti, a disc or a frame."""
    image = paper(size, colour, rng)
    artwork: Callable[..., Drawing] = pick(rng, [_rays, _confetti, _disc, _frame])
    paint(image, artwork(*size, colour, rng))
    return image


def _rays(wide: int, high: int, colour: Colour, rng: np.random.Generator) -> Drawing:
    centre, reach, opening = (wide / 2, high * 0.55), wide + high, np.pi / 18
    beams = [
        path(centre, *[(centre[0] + reach * np.cos(a), centre[1] + reach * np.sin(a)) for a in (turn, turn + opening)])
        for turn in np.arange(0, 2 * np.pi, 2 * opening) + rng.uniform(0, 1)
    ]
    return [part(beams, lighter(colour, 0.3), 0.8)]


def _confetti(wide: int, high: int, colour: Colour, rng: np.random.Generator) -> Drawing:
    drawing: Drawing = []
    for _ in range(40):
        x, y, radius = rng.uniform(0, wide), rng.uniform(0, high), rng.uniform(0.008, 0.022) * wide
        piece = pick(rng, [ellipse(x, y, radius)[::4], star(x, y, radius * 1.4, radius * 0.6, 5)])
        drawing.append(part(piece, any_colour(rng)))
    return drawing


def _disc(wide: int, high: int, colour: Colour, rng: np.random.Generator) -> Drawing:
    second, unit = any_colour(rng), min(wide, high)
    rim = stroke(ellipse(wide / 2, high / 2, unit * 0.45), 3.0)
    return [part(ellipse(wide / 2, high / 2, unit * 0.42), lighter(second, 0.35)), part(rim, lighter(second, 0.2))]


def _frame(wide: int, high: int, colour: Colour, rng: np.random.Generator) -> Drawing:
    margin = min(wide, high) * 0.05
    inner = rectangle(margin, margin, wide - margin, high - margin, margin)
    return [part(rectangle(0, 0, wide, high), any_colour(rng)), part(inner, lighter(colour, 0.4))]


Ground = Callable[[Size, Colour, np.random.Generator], Image.Image]
PLAIN_GROUNDS: dict[str, Ground] = {"paper": paper, "sweep": sweep}
BUSY_GROUNDS: dict[str, Ground] = {
    "wood": wood,
    "marble": marble,
    "cloth": cloth,
    "tiles": tiles,
    "plaster": plaster,
    "room": room,
    "poster": poster,
}
GROUNDS = PLAIN_GROUNDS | BUSY_GROUNDS
