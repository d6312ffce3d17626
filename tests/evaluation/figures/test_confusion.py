import numpy as np
import pytest

from ndsc.evaluation.figures.confusion import confusion_matrix

DOMAINS = ["beauty", "fashion", "mobile"]


def test_counts_shares_and_the_commonest_mistakes_are_written(figure_text):
    text = figure_text(confusion_matrix(np.array([[226, 3, 1], [2, 1228, 0], [0, 0, 230]]), DOMAINS))
    assert "1,684 of 1,690 photos right, 99.6 %" in text
    assert "beauty for fashion (3), fashion for beauty (2), beauty for mobile (1)" in text
    assert {"226 98.3 %", "1,228 99.8 %", "fashion (1,230)", "predicted", "true (photos)"} <= set(text.splitlines())


def test_no_mistake_says_so(figure_text):
    text = figure_text(confusion_matrix(np.diag([2, 3, 4]), DOMAINS))
    assert "All 9 photos right" in text
    assert "No class is taken for another." in text


@pytest.mark.parametrize("count", [1, 2, 12, 13, 58])
def test_any_number_of_classes_is_named_on_both_axes_and_no_cell_overflows(count, figure_text):
    random = np.random.default_rng(0)
    matrix = (random.random((count, count)) < 0.1) + np.diag(random.integers(0, 18_000, count))
    names = [f"category {n}" for n in range(count)]
    figure = confusion_matrix(matrix, names)
    lines = figure_text(figure).splitlines()
    assert all(f"{name} ({total:,})" in lines for name, total in zip(names, matrix.sum(axis=1), strict=True))
    assert set(names) <= set(lines)
    (axes,) = figure.axes
    cell = axes.get_window_extent().width / count
    assert max(text.get_window_extent().width for text in axes.texts) <= cell


def test_zeros_are_left_out_where_there_are_many_classes(figure_text):
    matrix = np.eye(30, dtype=int) * 5
    assert "0" not in figure_text(confusion_matrix(matrix, [f"category {n}" for n in range(30)])).splitlines()
    assert "0" in figure_text(confusion_matrix(matrix[:3, :3], DOMAINS)).splitlines()


def test_classes_without_photos_and_names_of_any_kind_are_drawn(figure_text):
    matrix = np.array([[0, 0], [7, 0]])
    text = figure_text(confusion_matrix(matrix, ["$pa_ra^do%x$", "a name that is far too long for any axis there is"]))
    assert "0 of 7 photos right, 0.0 %" in text
    assert "$pa_ra^do%x$ (0)" in text
    assert "a name that is far too long" not in text
