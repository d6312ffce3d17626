"""Lettering: text as outlines, so that it bends and turns with whatever it is printed on."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ndsc.sample.drawing.outlines import Outline

GLYPH_PIXELS = 40  # glyphs are traced at this height: fine enough for the largest print on a shirt

Run = tuple[int, int]  # a stretch of inked pixels of a row: the first, and the one past the last


@dataclass(frozen=True)
class Chain:
    """Runs that lie on top of one another in the rows from `top` on, none of them touching another run."""

    top: int
    runs: list[Run]


def lettering(text: str, x: float, y: float, height: float) -> list[Outline]:
    """The outlines of a text centred at (x, y) in a font of the given height."""
    glyphs = [_glyph(character) for character in text]
    scale = height / GLYPH_PIXELS
    left = x - sum(advance for _, advance in glyphs) * scale / 2
    outlines: list[Outline] = []
    for traced, advance in glyphs:
        outlines += [outline * scale + (left, y) for outline in traced]
        left += advance * scale
    return outlines


@lru_cache(maxsize=128)
def _glyph(character: str) -> tuple[list[Outline], float]:
    """The outlines of a character about the middle of its capitals, and how far the next one stands, in pixels.

    The font is the one that Pillow carries: which others there are differs from machine to machine.
    """
    font = ImageFont.load_default(GLYPH_PIXELS)
    image = Image.new("L", (2 * GLYPH_PIXELS, 2 * GLYPH_PIXELS))
    ImageDraw.Draw(image).text((GLYPH_PIXELS / 2, GLYPH_PIXELS * 1.36), character, font=font, fill=255, anchor="ls")
    origin = np.array([GLYPH_PIXELS / 2, GLYPH_PIXELS])
    return [_outline(chain) - origin for chain in _chains(np.asarray(image) > 127)], font.getlength(character)


def _chains(inked: NDArray[np.bool_]) -> list[Chain]:
    """The inked pixels of an image as chains of runs."""
    steps = np.diff(np.pad(inked, ((0, 1), (1, 1))).astype(np.int8), axis=1)
    finished: list[Chain] = []
    unfinished: list[Chain] = []
    for row, edges in enumerate(np.flatnonzero(step).tolist() for step in steps):
        runs = list(zip(edges[::2], edges[1::2], strict=True))
        heirs = [_heir(chain, runs, unfinished) for chain in unfinished]
        finished += [chain for chain, heir in zip(unfinished, heirs, strict=True) if heir is None]
        longer = [Chain(chain.top, [*chain.runs, heir]) for chain, heir in zip(unfinished, heirs, strict=True) if heir]
        unfinished = longer + [Chain(row, [run]) for run in runs if run not in heirs]
    return finished


def _heir(chain: Chain, runs: list[Run], chains: list[Chain]) -> Run | None:
    """The run with which a chain goes on: the only one below it, where nothing else is above that one."""
    below = [run for run in runs if _touch(chain.runs[-1], run)]
    if len(below) != 1 or sum(_touch(other.runs[-1], below[0]) for other in chains) != 1:
        return None
    return below[0]


def _touch(one: Run, other: Run) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _outline(chain: Chain) -> Outline:
    """Down a chain's right side, up its left one, and a little longer, which closes the seams between chains."""
    ends = np.array([chain.runs[0], *chain.runs, chain.runs[-1]], dtype=float)
    rows = chain.top + np.array([-0.1, *np.arange(len(chain.runs)) + 0.5, len(chain.runs) + 0.1])
    return np.concatenate([np.column_stack([ends[:, 1], rows]), np.column_stack([ends[:, 0], rows])[::-1]])
