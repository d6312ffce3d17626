"""Shared style and layout of all figures: colours, a title that states the result, text that fits, sheets of photos.

Figures are `matplotlib.figure.Figure`, never pyplot's: no global state is changed, and no figure stays open.
"""

import io
import logging
import textwrap
import warnings
from functools import cache

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from numpy.typing import NDArray

log = logging.getLogger(__name__)

# Matplotlib's own font, then fonts of Debian, Windows and macOS for the letters that it does not have.
FONTS = (
    "DejaVu Sans",
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei"),
    *("Microsoft YaHei", "Malgun Gothic", "PingFang SC", "Hiragino Sans GB", "Arial Unicode MS"),
    *("Noto Sans Thai", "Leelawadee UI", "Thonburi"),
)

# Blue and vermilion of Okabe and Ito's palette (2008), which differ with every kind of colour blindness, and in grey.
BLUE = "#0072B2"
ORANGE = "#D55E00"
INK = "#1f2933"
MUTED = "#66727f"
FAINT = "#dfe4ea"

RESOLUTION = 150  # pixels per inch
MARGIN = 0.25  # inches around the page
_TITLE_SIZE, _SUBTITLE_SIZE = 13.0, 9.5  # points
_LINE = 1.35  # line height in font sizes
_LETTER = 0.55  # mean width of a letter in font sizes


def new_page(title: str, subtitle: str, width: float, body: float) -> tuple[Figure, float]:
    """Return a white figure with both texts at the top left, and the top of its body in inches.

    `width` and `body` (the height below the header) are in inches; the texts are wrapped to fit.
    """
    titles = _wrap(title, _TITLE_SIZE * 1.12, width)  # bold letters are wider
    subtitles = _wrap(subtitle, _SUBTITLE_SIZE, width)
    second = MARGIN + len(titles) * _TITLE_SIZE * _LINE / 72
    top = second + len(subtitles) * _SUBTITLE_SIZE * _LINE / 72 + 0.12
    height = top + body
    figure = Figure(figsize=(width, height), dpi=RESOLUTION, facecolor="white")
    for lines, start, size, colour, weight in (
        (titles, MARGIN, _TITLE_SIZE, INK, "bold"),
        (subtitles, second, _SUBTITLE_SIZE, MUTED, "normal"),
    ):
        figure.text(
            MARGIN / width,
            1 - start / height,
            "\n".join(lines),
            size=size,
            color=colour,
            weight=weight,
            va="top",
            linespacing=_LINE * 0.86,  # Matplotlib counts in text heights, which are 1.16 of the font size
            parse_math=False,
        )
    return figure, top


def new_chart(title: str, subtitle: str, width: float, body: float) -> Figure:
    """Return a page whose axes are laid out below the header."""
    figure, top = new_page(title, subtitle, width, body)
    margin = MARGIN / 2 / width, MARGIN / 2 / (top + body)
    room = (margin[0], margin[1], 1 - 2 * margin[0], body / (top + body) - margin[1])
    figure.set_layout_engine(ConstrainedLayoutEngine(rect=room))
    return figure


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


def tidy(axes: Axes, name: str) -> None:
    """Give axes a name at the top left, light grid lines, and only the spines that have a scale."""
    axes.set_title(name, loc="left", size=10.5, color=INK, weight="bold", parse_math=False)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=MUTED, labelsize=9, length=0)
    axes.xaxis.label.set(color=MUTED, size=9)
    axes.yaxis.label.set(color=MUTED, size=9)
    axes.grid(color=FAINT, linewidth=0.8)
    axes.set_axisbelow(True)


def _wrap(text: str, size: float, width: float) -> list[str]:
    return textwrap.wrap(text, int((width - 2 * MARGIN) * 72 / (size * _LETTER)))


def as_png(figure: Figure) -> bytes:
    """Return the figure as PNG.

    Names of classes and photos can be in any script. Letters that Matplotlib's font does not have come from other fonts
    of this machine; without one, they are drawn as boxes, with one warning.
    """
    families = _families()
    for text in figure.findobj(Text):
        text.set_fontfamily(families)
    content = io.BytesIO()
    with warnings.catch_warnings():
        # One warning per letter and figure; ours says what to do.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure.savefig(content, format="png")
    letters = {letter for text in figure.findobj(Text) for letter in text.get_text() if not letter.isspace()}
    if any(ord(letter) not in _drawable() for letter in letters):
        _warn_missing_font()
    return content.getvalue()


@cache
def _families() -> list[str]:
    """Return the FONTS that are installed."""
    installed = fontManager.get_font_names()
    return [name for name in FONTS if name in installed]


@cache
def _drawable() -> frozenset[int]:
    """Return the code points that the fonts of this machine have."""
    fonts = (get_font(findfont(FontProperties(family=family))) for family in _families())
    return frozenset().union(*(font.get_charmap() for font in fonts))


@cache
def _warn_missing_font() -> None:
    log.warning(
        "Figures show boxes for some letters, because no installed font has them. Install a font, for example Debian's "
        "fonts-noto-cjk or fonts-wqy-zenhei, and delete Matplotlib's font cache."
    )


def percent(share: float) -> str:
    """Format 0.987 as '98.7 %'."""
    return f"{100 * share:.1f} %"


def counted(number: int, noun: str) -> str:
    """Format as '1 photo' or '1,150 photos'."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def shorten(text: str, length: int) -> str:
    """Shorten a text to `length` characters by cutting its middle: both ends of a path identify a photo."""
    if len(text) <= length:
        return text
    tail = length // 2
    return f"{text[: length - tail - 1]}…{text[-tail:]}"
