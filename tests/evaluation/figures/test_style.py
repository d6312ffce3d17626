import io

import matplotlib
import numpy as np
import pytest
from matplotlib import _pylab_helpers
from matplotlib.font_manager import FontProperties, findfont, get_font
from PIL import Image

from ndsc.evaluation.figures import style
from ndsc.evaluation.figures.style import Sheet, as_png, counted, new_chart, new_page, percent, shorten


def test_long_paths_are_shortened_in_the_middle():
    path = "beauty_image/0726621ceb05d97dbf409c74e9f09d4f.jpg"
    assert shorten(path, 20) == "beauty_im…f09d4f.jpg"
    assert [len(shorten(path, length)) for length in (5, 20, 21)] == [5, 20, 21]
    assert shorten(path, len(path)) == path


def test_numbers_are_formatted():
    assert percent(0.98699) == "98.7 %"
    assert (counted(1, "photo"), counted(0, "photo"), counted(1150, "photo")) == ("1 photo", "0 photos", "1,150 photos")


@pytest.mark.parametrize("width", [5.0, 12.0])
def test_long_titles_wrap_and_the_height_is_header_plus_body(width, figure_text):
    title = "A title that says the whole result and then goes on and on about it " * 2
    figure, top = new_page(title, "subtitle " * 40, width, body=2.0)
    assert figure.get_size_inches() == pytest.approx((width, top + 2.0))
    assert title.strip() in figure_text(figure)
    for text in figure.texts:
        box = text.get_window_extent()
        assert box.x1 <= width * figure.dpi
        assert box.y0 >= 2.0 * figure.dpi


def test_axes_of_a_chart_stay_below_the_header(figure_text):
    figure = new_chart("Title", "Subtitle", 5.0, 3.0)
    axes = figure.add_subplot()
    figure_text(figure)
    assert axes.get_window_extent().y1 < min(text.get_window_extent().y0 for text in figure.texts)


def test_no_global_state_is_changed(figure_text):
    before = dict(matplotlib.rcParams)
    figure_text(new_chart("A $title$ with a dollar_sign^", "and $ a subtitle", 5.0, 3.0))
    assert dict(matplotlib.rcParams) == before
    assert not _pylab_helpers.Gcf.figs


@pytest.fixture
def fonts(monkeypatch):
    """Return a function that makes these the only fonts of figures."""

    def look_for(*names):
        monkeypatch.setattr(style, "FONTS", names)
        for cached in (style._families, style._drawable, style._warn_missing_font):
            cached.cache_clear()

    yield look_for
    look_for(*style.FONTS)


def test_letters_without_a_font_are_drawn_as_boxes_with_one_warning(fonts, caplog):
    fonts("DejaVu Sans")
    content = [as_png(new_chart("口红和手机壳", "beauty, mobile", 5.0, 3.0)) for _ in range(2)]
    assert content[0] == content[1]
    assert [record.message for record in caplog.records if "boxes" in record.message] == [caplog.messages[0]]
    assert "boxes" in caplog.messages[0]


def test_letters_are_drawn_in_an_installed_font_that_has_them(fonts, caplog):
    # STIX comes with Matplotlib and has mathematical letters that DejaVu does not have, as a Chinese font has others.
    letter = next(chr(code) for code in sorted(_letters("STIXGeneral") - _letters("DejaVu Sans")))
    fonts("DejaVu Sans")
    boxes = as_png(new_chart(letter, "", 5.0, 3.0))
    caplog.clear()
    fonts("DejaVu Sans", "a font that is not here", "STIXGeneral")
    drawn = as_png(new_chart(letter, "", 5.0, 3.0))
    assert drawn != boxes
    assert not caplog.records


def _letters(family):
    return set(get_font(findfont(FontProperties(family=family))).get_charmap())


def pixels_of(figure):
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return np.asarray(Image.open(file).convert("RGB")), figure.dpi


def colour_at(sheet, left, top):
    pixels, resolution = pixels_of(sheet.figure)
    return tuple(pixels[round(top * resolution), round(left * resolution)])


@pytest.mark.parametrize(("height", "width"), [(40, 40), (40, 400), (400, 40)])
def test_a_photo_is_drawn_whole_and_upright_in_the_middle_of_its_square(height, width):
    sheet = Sheet("Title", "", width=4, body=3)
    photo = np.zeros((height, width, 3), dtype=np.uint8)
    photo[: height // 2] = (200, 30, 10)
    sheet.photo(photo, left=1, top=sheet.top, side=2)
    middle, shown = sheet.top + 1, 2 * height / max(height, width)
    assert colour_at(sheet, 2, middle - 0.3 * shown) == (200, 30, 10)
    assert colour_at(sheet, 2, middle + 0.3 * shown) == (0, 0, 0)
    corner = (200, 30, 10) if height == width else (255, 255, 255)
    assert colour_at(sheet, 1.1, sheet.top + 0.1) == corner


def test_grey_levels_of_any_type_look_the_same_and_stay_in_range():
    sheet = Sheet("Title", "", width=4, body=2)
    sheet.photo(np.full((8, 8, 3), 127.6, dtype=np.float32), left=0.5, top=sheet.top, side=1)
    sheet.photo(np.full((8, 8, 3), 300.0), left=2.5, top=sheet.top, side=1, border="#000000")
    assert colour_at(sheet, 1, sheet.top + 0.5) == (128, 128, 128)
    assert colour_at(sheet, 3, sheet.top + 0.5) == (255, 255, 255)


def test_bars_and_text_are_drawn_at_their_position(figure_text):
    sheet = Sheet("Title", "Subtitle", width=4, body=2)
    sheet.bar(left=1, top=sheet.top + 1, width=0.5, height=0.2, colour="#0072B2")
    sheet.text("$a word$", left=2, middle=sheet.top + 0.5, align="right")
    assert colour_at(sheet, 1.25, sheet.top + 1.1) == (0x00, 0x72, 0xB2)
    assert colour_at(sheet, 1.7, sheet.top + 1.1) == (255, 255, 255)
    assert "$a word$" in figure_text(sheet.figure)
