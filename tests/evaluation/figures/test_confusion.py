import numpy as np
import pytest

from ndsc.evaluation.figures.confusion import confusion_matrix

DOMAINS = ("beauty", "fashion", "mobile")


@pytest.fixture
def matrix_of(predictions):
    """Return a function that draws the confusion matrix of predictions with these counts, (true, predicted)."""

    def draw(counts, classes):
        labels, predicted = (np.repeat(axis.ravel(), counts.ravel()) for axis in np.indices(counts.shape))
        return confusion_matrix(predictions(np.eye(len(classes))[predicted], labels, tuple(classes)))

    return draw


def test_counts_shares_and_the_most_frequent_mistakes_are_written(matrix_of, figure_text):
    text = figure_text(matrix_of(np.array([[226, 3, 1], [2, 1228, 0], [0, 0, 230]]), DOMAINS))
    assert "1,684 of 1,690 photos right, 99.6 %" in text
    assert "beauty as fashion (3), fashion as beauty (2), beauty as mobile (1)" in text
    assert {"226 98.3 %", "1,228 99.8 %", "fashion (1,230)", "predicted", "true (photos)"} <= set(text.splitlines())


def test_no_mistakes_are_stated(matrix_of, figure_text):
    text = figure_text(matrix_of(np.diag([2, 3, 4]), DOMAINS))
    assert "All 9 photos right" in text
    assert "No class is confused with another." in text


@pytest.mark.parametrize("count", [1, 2, 12, 13, 58])
def test_any_number_of_classes_is_named_on_both_axes_and_no_cell_overflows(count, matrix_of, figure_text):
    random = np.random.default_rng(0)
    matrix = (random.random((count, count)) < 0.1) + np.diag(random.integers(0, 18_000, count))
    names = [f"category {n}" for n in range(count)]
    figure = matrix_of(matrix, names)
    lines = figure_text(figure).splitlines()
    assert all(f"{name} ({total:,})" in lines for name, total in zip(names, matrix.sum(axis=1), strict=True))
    assert set(names) <= set(lines)
    (axes,) = figure.axes
    cell = axes.get_window_extent().width / count
    assert max(text.get_window_extent().width for text in axes.texts) <= cell


def test_zeros_are_omitted_for_many_classes(matrix_of, figure_text):
    matrix = np.eye(30, dtype=int) * 5
    assert "0" not in figure_text(matrix_of(matrix, [f"category {n}" for n in range(30)])).splitlines()
    assert "0" in figure_text(matrix_of(matrix[:3, :3], DOMAINS)).splitlines()


def test_classes_without_photos_and_names_of_any_kind_are_drawn(matrix_of, figure_text):
    matrix = np.array([[0, 0], [7, 0]])
    text = figure_text(matrix_of(matrix, ["$pa_ra^do%x$", "a name that is far too long for any axis there is"]))
    assert "0 of 7 photos right, 0.0 %" in text
    assert "$pa_ra^do%x$ (0)" in text
    assert "a name that is far too long" not in text
