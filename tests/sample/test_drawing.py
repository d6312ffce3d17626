"""Outlines, parts, lettering and painting: what all photos are made of."""

import numpy as np
import pytest
from PIL import Image

from ndsc.sample.drawing.lettering import lettering
from ndsc.sample.drawing.outlines import Outline, ellipse, mirrored, path, rectangle, star, stroke, turned
from ndsc.sample.drawing.painting import colourized, gradient_image, paint, paint_shadow
from ndsc.sample.drawing.palette import BLACK, PALETTE, WHITE, darker, ink_on, lighter, mix
from ndsc.sample.drawing.parts import Drawing, Gradient, bounds, extent, part, placement, transformed

RED, BLUE = (200, 0, 0), (0, 0, 200)


def _painted(drawing: Drawing) -> np.ndarray:
    image = Image.new("RGB", (100, 100), WHITE)
    paint(image, drawing)
    return np.asarray(image).astype(int)


@pytest.mark.parametrize(
    "outline",
    [rectangle(10, 20, 50, 80), rectangle(10, 20, 50, 80, 15), ellipse(30, 50, 20, 30), star(30, 50, 30, 20, 4)],
)
def test_closed_outlines_fill_the_box_they_were_given(outline: Outline) -> None:
    left, top, right, bottom = bounds([outline])
    assert (top, bottom) == pytest.approx((20, 80), abs=0.1)
    assert 0 <= left <= 10.1
    assert 49.9 <= right <= 60.1


def test_a_path_goes_through_its_points_and_bends_towards_its_controls() -> None:
    line = path((0, 0), ((5, 10), (10, 0)), (20, 0))
    assert line[0] == pytest.approx((0, 0))
    assert line[-1] == pytest.approx((20, 0))
    assert line[:, 1].max() == pytest.approx(5)


def test_mirrored_outlines_are_symmetric_and_strokes_have_their_width() -> None:
    outline = mirrored(path((0, 0), (3, 1), (0, 4)))
    assert sorted(map(tuple, outline)) == sorted((-x + 0.0, y) for x, y in outline)
    assert bounds([stroke(path((0, 0), (10, 0)), 4)]) == pytest.approx((0, -2, 10, 2))
    tapered = stroke(path((0, 0), (10, 0)), 4, 0)
    assert tapered[1] == pytest.approx((10, 0))


def test_turning_by_a_right_angle_is_clockwise_on_the_screen() -> None:
    assert turned(np.array([[1.0, 0.0]]), 90)[0] == pytest.approx((0, 1))
    assert bounds(
        transformed([part(rectangle(0, 0, 2, 1), RED)], placement(5, 5, 10, 90))[0].outlines
    ) == pytest.approx((-5, 5, 5, 25))


def test_a_transformed_drawing_takes_limits_gradients_and_softness_along() -> None:
    shade = Gradient((0, 0), (1, 0), (RED, BLUE))
    drawing = [part(rectangle(0, 0, 1, 1), shade, softness=0.1, within=rectangle(0, 0, 0.5, 1))]
    moved = transformed(drawing, placement(10, 20, 40))[0]
    assert bounds(moved.outlines) == pytest.approx((10, 20, 50, 60))
    assert moved.within is not None
    assert bounds([moved.within]) == pytest.approx((10, 20, 30, 60))
    assert moved.paint == Gradient((10.0, 20.0), (50.0, 20.0), (RED, BLUE))
    assert moved.softness == pytest.approx(4)


def test_extent_counts_solid_parts_only() -> None:
    drawing = [part(rectangle(0, 0, 1, 1), RED), part(rectangle(-5, -5, 5, 5), RED, opacity=0.5)]
    assert extent(drawing) == pytest.approx((0, 0, 1, 1))
    assert extent(drawing, placement(0, 0, 3)) == pytest.approx((0, 0, 3, 3))


def test_paint_covers_its_area_with_smooth_edges_and_nothing_else() -> None:
    pixels = _painted([part(ellipse(50, 50, 30), RED)])
    assert tuple(pixels[50, 50]) == RED
    assert tuple(pixels[50, 10]) == WHITE
    assert len(np.unique(pixels[:, :, 1])) > 3
    covered = (255 - pixels[:, :, 1]).sum() / 255
    assert covered == pytest.approx(np.pi * 30**2, rel=0.01)


def test_opacity_limits_and_softness_are_respected() -> None:
    half = _painted([part(rectangle(20, 20, 80, 80), BLACK, opacity=0.5)])
    assert half[50, 50, 0] == pytest.approx(127, abs=2)
    limited = _painted([part(rectangle(0, 0, 100, 100), RED, within=rectangle(20, 20, 40, 40))])
    assert tuple(limited[30, 30]) == RED
    assert tuple(limited[60, 60]) == WHITE
    soft = _painted([part(rectangle(20, 20, 80, 80), BLACK, softness=8)])[50, :, 0]
    assert soft[50] < 20
    assert 30 < soft[20] < 200
    assert soft[5] > 200


def test_what_lies_outside_of_the_image_changes_nothing() -> None:
    assert (_painted([part(rectangle(200, 200, 300, 300), RED), part(rectangle(-50, 0, -10, 90), RED)]) == 255).all()


def test_gradients_run_from_their_start_to_their_end() -> None:
    image = np.asarray(gradient_image(Gradient((0, 0), (100, 0), (BLACK, RED, WHITE)), (0, 0, 101, 5))).astype(int)
    assert image.shape == (5, 101, 3)
    assert tuple(image[2, 0]) == BLACK
    assert image[2, 50] == pytest.approx(RED, abs=3)
    assert tuple(image[2, 100]) == WHITE
    grey = Image.fromarray(np.array([[0, 255]], dtype=np.uint8))
    assert np.asarray(colourized(grey, (RED, BLUE))).tolist() == [[list(RED), list(BLUE)]]


def test_a_shadow_falls_to_the_lower_right() -> None:
    image = Image.new("RGB", (200, 200), WHITE)
    paint_shadow(image, [part(rectangle(80, 80, 120, 120), RED)], 0.5)
    pixels = np.asarray(image).astype(int)[:, :, 0]
    assert pixels[123, 122] < pixels[77, 78]
    assert pixels[10, 10] == 255


def test_letters_keep_their_holes_and_stand_in_the_middle() -> None:
    pixels = _painted([part(lettering("O", 50, 50, 80), BLACK)])
    assert tuple(pixels[50, 50]) == WHITE
    columns, rows = (
        np.flatnonzero((pixels[:, :, 0] < 128).any(axis=0)),
        np.flatnonzero((pixels[:, :, 0] < 128).any(axis=1)),
    )
    assert columns.mean() == pytest.approx(50, abs=3)
    assert rows.mean() == pytest.approx(50, abs=3)
    assert 50 < len(rows) < 80


def test_longer_texts_are_wider() -> None:
    widths = [np.ptp(np.concatenate(lettering(text, 0, 0, 1))[:, 0]) for text in ("I", "HI", "HIGH")]
    assert widths == sorted(widths)
    assert widths[2] > 3 * widths[0]


def test_colours_mix_and_their_ink_can_be_read() -> None:
    assert mix(BLACK, WHITE, 0.5) == (128, 128, 128)
    assert lighter(RED) > RED > darker(RED)
    for colour in PALETTE.values():
        assert abs(sum(ink_on(colour)) - sum(colour)) > 200
