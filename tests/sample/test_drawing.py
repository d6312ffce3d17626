"""Outlines, colours, texts and drawings: the parts of all photos."""

import numpy as np
import pytest
from PIL import Image

from ndsc.sample.colours import BLACK, PALETTE, WHITE, contrasting, darker, ink_on, lighter, mix
from ndsc.sample.drawing import (
    Drawing,
    Gradient,
    Part,
    Text,
    colourized,
    extent,
    gradient_image,
    paint,
    paint_shadow,
    placement,
    projected,
    transformed,
)
from ndsc.sample.outlines import Outline, bounds, ellipse, mirrored, path, rectangle, rim, star, stroke
from ndsc.sample.surfaces import DESIGNS

RED, BLUE = (200, 0, 0), (0, 0, 200)


def _painted(drawing: Drawing) -> np.ndarray:
    image = Image.new("RGB", (100, 100), WHITE)
    paint(image, drawing)
    return np.asarray(image).astype(int)


@pytest.mark.parametrize(
    "outline",
    [rectangle(10, 20, 50, 80), rectangle(10, 20, 50, 80, 15), ellipse(30, 50, 20, 30), star(30, 50, 30, 20, 4)],
)
def test_closed_outlines_fill_their_bounds(outline: Outline) -> None:
    left, top, right, bottom = bounds(outline)
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
    assert bounds(stroke(path((0, 0), (10, 0)), 4)) == pytest.approx((0, -2, 10, 2))
    tapered = stroke(path((0, 0), (10, 0)), 4, 0)
    assert tapered[1] == pytest.approx((10, 0))


def test_a_rim_follows_the_whole_outline() -> None:
    assert bounds(rim(rectangle(0, 0, 10, 20), 2)) == pytest.approx((-1, -1, 11, 21), abs=1)


def test_a_rotation_by_a_right_angle_is_clockwise_on_the_screen() -> None:
    assert projected(np.array([[1.0, 0.0]]), placement(0, 0, 1, 90))[0] == pytest.approx((0, 1))
    rotated = transformed([Part(rectangle(0, 0, 2, 1), RED)], placement(5, 5, 10, 90))
    assert extent(rotated) == pytest.approx((-5, 5, 5, 25))


def test_the_last_of_several_transformations_is_applied_last() -> None:
    moved = transformed(transformed([Part(rectangle(0, 0, 1, 1), RED)], placement(10, 0)), placement(0, 0, 2))
    assert extent(moved) == pytest.approx((20, 0, 22, 2))


def test_clip_gradient_and_softness_are_transformed_with_their_drawing() -> None:
    shade = Gradient((0, 0), (1, 0), (RED, BLUE))
    sharp = [Part(rectangle(0, 0, 1, 1), shade, within=rectangle(0, 0, 0.5, 1))]
    pixels = _painted(transformed(sharp, placement(10, 20, 40)))
    assert pixels[40, 11] == pytest.approx(RED, abs=8)
    assert pixels[40, 28] == pytest.approx(((RED[0] + BLUE[0]) / 2, 0, (RED[2] + BLUE[2]) / 2), abs=15)
    assert tuple(pixels[40, 35]) == WHITE
    small, large = (
        _painted(transformed([Part(rectangle(-1, -1, 1, 1), BLACK, softness=0.1)], placement(50, 50, scale)))
        for scale in (10, 40)
    )
    partly = [int(((pixels[50, :, 0] > 20) & (pixels[50, :, 0] < 235)).sum()) for pixels in (small, large)]
    assert partly[1] > 2 * partly[0] > 0


def test_extent_counts_solid_parts_only() -> None:
    drawing = [Part(rectangle(0, 0, 1, 1), RED), Part(rectangle(-5, -5, 5, 5), RED, opacity=0.5)]
    assert extent(drawing) == pytest.approx((0, 0, 1, 1))
    assert extent(drawing, placement(0, 0, 3)) == pytest.approx((0, 0, 3, 3))


def test_paint_covers_its_area_with_smooth_edges_and_nothing_else() -> None:
    pixels = _painted([Part(ellipse(50, 50, 30), RED)])
    assert tuple(pixels[50, 50]) == RED
    assert tuple(pixels[50, 10]) == WHITE
    assert len(np.unique(pixels[:, :, 1])) > 3
    covered = (255 - pixels[:, :, 1]).sum() / 255
    assert covered == pytest.approx(np.pi * 30**2, rel=0.01)


def test_opacity_clips_and_softness_change_the_painted_pixels() -> None:
    half = _painted([Part(rectangle(20, 20, 80, 80), BLACK, opacity=0.5)])
    assert half[50, 50, 0] == pytest.approx(127, abs=2)
    limited = _painted([Part(rectangle(0, 0, 100, 100), RED, within=rectangle(20, 20, 40, 40))])
    assert tuple(limited[30, 30]) == RED
    assert tuple(limited[60, 60]) == WHITE
    soft = _painted([Part(rectangle(20, 20, 80, 80), BLACK, softness=8)])[50, :, 0]
    assert soft[50] < 20
    assert 30 < soft[20] < 200
    assert soft[5] > 200


def test_parts_outside_the_image_change_nothing() -> None:
    assert (_painted([Part(rectangle(200, 200, 300, 300), RED), Part(rectangle(-50, 0, -10, 90), RED)]) == 255).all()


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
    paint_shadow(image, [Part(rectangle(80, 80, 120, 120), RED)], 0.5)
    pixels = np.asarray(image).astype(int)[:, :, 0]
    assert pixels[123, 122] < pixels[77, 78]
    assert pixels[10, 10] == 255


def test_letters_have_holes_and_are_centred() -> None:
    pixels = _painted([Part(Text("O", 50, 50, 80), BLACK)])
    assert tuple(pixels[50, 50]) == WHITE
    columns, rows = (np.flatnonzero((pixels[:, :, 0] < 128).any(axis=axis)) for axis in (0, 1))
    assert columns.mean() == pytest.approx(50, abs=3)
    assert rows.mean() == pytest.approx(50, abs=3)
    assert 50 < len(rows) < 80


def test_a_text_is_scaled_tilted_and_made_transparent_with_its_drawing() -> None:
    upright = transformed([Part(Text("IIII", 0, 0, 1), BLACK)], placement(50, 50, 40, 90))
    rows, columns = np.nonzero(_painted(upright)[:, :, 0] < 128)
    assert np.ptp(rows) > np.ptp(columns) > 15
    faint = _painted([Part(Text("M", 50, 50, 80), BLACK, 0.5)])
    assert faint.min() == pytest.approx(127, abs=3)


def test_longer_texts_are_wider() -> None:
    widths = [np.ptp(Text(words, 0, 0, 1).frame[:, 0]) for words in ("I", "HI", "HIGH")]
    assert widths == sorted(widths)
    assert widths[2] > 3 * widths[0]


def test_colours_mix_and_inks_are_legible() -> None:
    assert mix(BLACK, WHITE, 0.5) == (128, 128, 128)
    assert lighter(RED) > RED > darker(RED)
    for colour in PALETTE:
        assert abs(sum(ink_on(colour)) - sum(colour)) > 200
        rng = np.random.default_rng(0)
        inks = [contrasting(colour, rng) for _ in range(50)]
        assert all(sum(abs(a - b) for a, b in zip(ink, colour, strict=True)) > 60 for ink in inks)


@pytest.mark.parametrize("design", DESIGNS)
def test_patterns_cover_a_part_of_their_area_and_nothing_else(design) -> None:
    area = rectangle(0, 0, 1, 1)
    pixels = _painted(transformed(design(area, RED, np.random.default_rng(1)), placement(20, 20, 60)))
    inked = (pixels != 255).any(axis=2)
    assert 0.1 < inked[20:80, 20:80].mean() < 0.95
    assert not inked[:19].any()
    assert not inked[:, 82:].any()
