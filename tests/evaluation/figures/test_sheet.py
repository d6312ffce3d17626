import io

import numpy as np
import pytest
from PIL import Image

from ndsc.evaluation.figures.sheet import Sheet


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
