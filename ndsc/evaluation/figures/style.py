"""What all figures share: colours, a title that says the result, and text that fits.

Figures are plain `matplotlib.figure.Figure`s, never pyplot's: nothing global is touched, and nothing stays open.
"""

import io
import logging
import textwrap
import warnings
from functools import cache

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text

log = logging.getLogger(__name__)

# Matplotlib's own font first, then what Debian, Windows and macOS call fonts for letters that it lacks.
FONTS = (
    "DejaVu Sans",
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei"),
    *("Microsoft YaHei", "Malgun Gothic", "PingFang SC", "Hiragino Sans GB", "Arial Unicode MS"),
    *("Noto Sans Thai", "Leelawadee UI", "Thonburi"),
)

# Blue and vermilion of Okabe and Ito's palette (2008): told apart with every kind of colour blindness, and in grey.
BLUE = "#0072B2"
ORANGE = "#D55E00"
INK = "#1f2933"
MUTED = "#66727f"
FAINT = "#dfe4ea"

RESOLUTION = 150  # pixels an inch
MARGIN = 0.25  # inches round the page
_TITLE_SIZE, _SUBTITLE_SIZE = 13.0, 9.5  # points
_LINE = 1.35  # line height in font sizes
_LETTER = 0.55  # mean width of a letter in font sizes


def new_page(title: str, subtitle: str, width: float, body: float) -> tuple[Figure, float]:
    """A white figure with both texts at its top left, and where its body begins, in inches from the top.

    `width` and `body` (the height left below the header) are in inches; the texts are wrapped to fit.
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
    """A page whose axes arrange themselves below the header."""
    figure, top = new_page(title, subtitle, width, body)
    margin = MARGIN / 2 / width, MARGIN / 2 / (top + body)
    room = (margin[0], margin[1], 1 - 2 * margin[0], body / (top + body) - margin[1])
    figure.set_layout_engine(ConstrainedLayoutEngine(rect=room))
    return figure


def tidy(axes: Axes, name: str) -> None:
    """Give `axes` its name at the top left, light grid lines, and only the spines that carry a scale."""
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
    """The figure as a PNG file. Names of classes and photos may be in any script: letters that Matplotlib's own font
    lacks come from other fonts of this machine, and are boxes, told once, where none has them."""
    families = _families()
    for text in figure.findobj(Text):
        text.set_fontfamily(families)
    content = io.BytesIO()
    with warnings.catch_warnings():
        # One warning a letter and figure; ours says what to do.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure.savefig(content, format="png")
    letters = {letter for text in figure.findobj(Text) for letter in text.get_text() if not letter.isspace()}
    if any(ord(letter) not in _drawable() for letter in letters):
        _tell_of_boxes()
    return content.getvalue()


@cache
def _families() -> list[str]:
    """Those of FONTS that are here."""
    here = fontManager.get_font_names()
    return [name for name in FONTS if name in here]


@cache
def _drawable() -> frozenset[int]:
    """Code points of the letters that the fonts of this machine have."""
    fonts = (get_font(findfont(FontProperties(family=family))) for family in _families())
    return frozenset().union(*(font.get_charmap() for font in fonts))


@cache
def _tell_of_boxes() -> None:
    log.warning(
        "Some names are in letters for which this machine has no font; figures show boxes for them. Install one, as "
        "Debian's fonts-noto-cjk or fonts-wqy-zenhei, and remove Matplotlib's font cache."
    )


def percent(share: float) -> str:
    """0.987 as '98.7 %'."""
    return f"{100 * share:.1f} %"


def counted(number: int, noun: str) -> str:
    """'1 photo', '1,150 photos'."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def shorten(text: str, length: int) -> str:
    """At most `length` characters: what is too long loses its middle, for both ends of a path tell photos apart."""
    if len(text) <= length:
        return text
    tail = length // 2
    return f"{text[: length - tail - 1]}…{text[-tail:]}"
