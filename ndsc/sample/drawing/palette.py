"""The colours of the rendered world. All classes share them: a colour alone must not give a class away."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

Colour = tuple[int, int, int]
WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)
Item = TypeVar("Item")

PALETTE: dict[str, Colour] = {
    "black": (38, 38, 44),
    "charcoal": (78, 80, 90),
    "silver": (186, 190, 198),
    "white": (240, 240, 238),
    "cream": (238, 224, 200),
    "gold": (214, 176, 112),
    "nude": (216, 168, 142),
    "brown": (128, 84, 62),
    "rose": (222, 146, 152),
    "pink": (238, 150, 178),
    "fuchsia": (206, 52, 120),
    "red": (196, 38, 48),
    "maroon": (122, 30, 50),
    "coral": (238, 116, 92),
    "orange": (240, 150, 60),
    "mustard": (214, 164, 48),
    "mint": (158, 214, 192),
    "green": (58, 124, 88),
    "army": (98, 104, 72),
    "teal": (36, 128, 138),
    "sky": (138, 186, 226),
    "blue": (52, 96, 178),
    "navy": (34, 46, 88),
    "lilac": (186, 164, 216),
    "purple": (112, 72, 146),
}
COLOURS = list(PALETTE.values())


def pick(rng: np.random.Generator, options: Sequence[Item]) -> Item:
    """One of the options, each as likely."""
    return options[int(rng.integers(len(options)))]


def any_colour(rng: np.random.Generator) -> Colour:
    """One of the palette's colours, a little off, as no two photos show quite the same."""
    shifts = rng.integers(-10, 11, 3).tolist()
    red, green, blue = (
        min(255, max(0, level + shift)) for level, shift in zip(pick(rng, COLOURS), shifts, strict=True)
    )
    return red, green, blue


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """The colour between two colours: 0 is the first, 1 the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def lighter(colour: Colour, share: float = 0.3) -> Colour:
    """The colour, nearer to white."""
    return mix(colour, WHITE, share)


def darker(colour: Colour, share: float = 0.3) -> Colour:
    """The colour, nearer to black."""
    return mix(colour, BLACK, share)


def ink_on(ground: Colour) -> Colour:
    """A colour for writing on a ground: white on the dark, nearly black on the bright."""
    return WHITE if sum(ground) < 470 else (46, 40, 44)
