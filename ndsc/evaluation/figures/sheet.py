"""A page of photos, bars and text, measured in inches from its top left corner."""

import numpy as np
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from ndsc.evaluation.figures.style import FAINT, INK, new_page


class Sheet:
    """A page of photos. `figure` is the result, `top` the end of the header.

    One pair of axes covers the whole page: hundreds of axes would take minutes to draw.
    """

    def __init__(self, title: str, subtitle: str, width: float, body: float) -> None:
        self.figure, self.top = new_page(title, subtitle, width, body)
        self._axes = self.figure.add_axes((0, 0, 1, 1))
        self._axes.set(xlim=(0, width), ylim=(self.top + body, 0))
        self._axes.set_axis_off()

    def photo(self, pixels: NDArray, left: float, top: float, side: float, border: str = FAINT) -> None:
        """Draw a photo, (height, width, 3) grey levels from 0 to 255, whole and centred in a square, with a border."""
        rows, columns = pixels.shape[:2]
        width, height = side * np.array([columns, rows]) / max(rows, columns)
        left, top = left + (side - width) / 2, top + (side - height) / 2
        shown = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
        self._axes.imshow(shown, extent=(left, left + width, top + height, top), aspect="auto")
        thickness = 0.8 if border == FAINT else 2.5
        frame = Rectangle((left, top), width, height, fill=False, edgecolor=border, linewidth=thickness)
        self._axes.add_patch(frame)

    def bar(self, left: float, top: float, width: float, height: float, colour: str) -> None:
        """Draw a filled rectangle."""
        self._axes.add_patch(Rectangle((left, top), width, height, color=colour, linewidth=0))

    def text(
        self,
        text: str,
        left: float,
        middle: float,
        size: float = 9,
        colour: str = INK,
        bold: bool = False,
        align: str = "left",
    ) -> None:
        """Write text around a height; `align` names the part of the text that is at `left`: left, center or right."""
        weight = "bold" if bold else "normal"
        self._axes.text(
            left, middle, text, size=size, color=colour, weight=weight, ha=align, va="center", parse_math=False
        )
