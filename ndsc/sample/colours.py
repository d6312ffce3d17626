"""The colours of the sample. All classes share them: a colour alone must not reveal a class."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

Colour = tuple[int, int, int]
Item = TypeVar("Item")

WHITE, BLACK, GOLD = (255, 255, 255), (0, 0, 0), (214, 176, 112)
SILVER, CREAM = (186, 190, 198), (238, 224, 200)
PALETTE: list[Colour] = [
    GOLD, SILVER, CREAM, (128, 84, 62), (214, 164, 48), (38, 38, 44), (78, 80, 90), (240, 240, 238), (216, 168, 142),
    (222, 146, 152), (238, 150, 178), (206, 52, 120), (196, 38, 48), (122, 30, 50), (238, 116, 92), (240, 150, 60),
    (158, 214, 192), (58, 124, 88), (98, 104, 72), (36, 128, 138), (138, 186, 226), (52, 96, 178), (34, 46, 88),
    (186, 164, 216), (112, 72, 146),
]  # fmt: skip


def pick(rng: np.random.Generator, options: Sequence[Item]) -> Item:
    """Return one of the options, each equally likely."""
    return options[int(rng.integers(len(options)))]


def any_colour(rng: np.random.Generator) -> Colour:
    """Return a colour of the palette, slightly varied."""
    shifts = rng.integers(-10, 11, 3).tolist()
    red, green, blue = (min(255, max(0, a + b)) for a, b in zip(pick(rng, PALETTE), shifts, strict=True))
    return red, green, blue


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Return a colour between two colours: share 0 is the first, 1 the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def lighter(colour: Colour, share: float = 0.3) -> Colour:
    """Return the colour, nearer to white."""
    return mix(colour, WHITE, share)


def darker(colour: Colour, share: float = 0.3) -> Colour:
    """Return the colour, nearer to black."""
    return mix(colour, BLACK, share)


def ink_on(ground: Colour) -> Colour:
    """Return a legible text colour: white on dark grounds, nearly black on bright ones."""
    return WHITE if sum(ground) < 470 else (46, 40, 44)


def contrasting(ground: Colour, rng: np.random.Generator) -> Colour:
    """Return a colour of the palette that is easy to see on a ground."""
    ink = any_colour(rng)
    if sum(abs(a - b) for a, b in zip(ink, ground, strict=True)) > 120:
        return ink
    return lighter(ink, 0.6) if sum(ground) < 380 else darker(ink, 0.5)
