"""A page measured in inches from its top left corner, on which photos, bars and words are put."""

import numpy as np
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from ndsc.evaluation.figures.style import FAINT, INK, new_page


class Sheet:
    """Photos on a page; `figure` is the result, `top` where the header ends.

    One pair of axes covers the whole page: hundreds of photos with axes of their own would take minutes to draw.
    """

    def __init__(self, title: str, subtitle: str, width: float, body: float) -> None:
        self.figure, self.top = new_page(title, subtitle, width, body)
        self._axes = self.figure.add_axes((0, 0, 1, 1))
        self._axes.set(xlim=(0, width), ylim=(self.top + body, 0))
        self._axes.set_axis_off()

    def photo(self, pixels: NDArray, left: float, top: float, side: float, border: str = FAINT) -> None:
        """Put a (height, width, 3) photo of grey levels 0 to 255 into a square, whole and centred, within a border."""
        rows, columns = pixels.shape[:2]
        width, height = side * np.array([columns, rows]) / max(rows, columns)
        left, top = left + (side - width) / 2, top + (side - height) / 2
        shown = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
        self._axes.imshow(shown, extent=(left, left + width, top + height, top), aspect="auto")
        thickness = 0.8 if border == FAINT else 2.5
        frame = Rectangle((left, top), width, height, fill=False, edgecolor=border, linewidth=thickness)
        self._axes.add_patch(frame)

    def bar(self, left: float, top: float, width: float, height: float, colour: str) -> None:
        """Put a filled rectangle."""
        self._axes.add_patch(Rectangle((left, top), width, height, color=colour, linewidth=0))

    def text(
        self,
        words: str,
        left: float,
        middle: float,
        size: float = 9,
        colour: str = INK,
        bold: bool = False,
        align: str = "left",
    ) -> None:
        """Put words at a height; `align` says what of them stands at `left`: its left, center or right."""
        weight = "bold" if bold else "normal"
        self._axes.text(
            left, middle, words, size=size, color=colour, weight=weight, ha=align, va="center", parse_math=False
        )
