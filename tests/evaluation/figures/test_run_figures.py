import numpy as np
import pandas as pd
import pytest

from ndsc.evaluation.calibration import at_temperature, expected_calibration_error, fit_temperature
from ndsc.evaluation.figures.run_figures import confusion_matrix, figures, learning_curves, reliability_diagram

DOMAINS = ("beauty", "fashion", "mobile")
HISTORY = {
    "train/loss": [0.9, 0.4, 0.2],
    "train/accuracy": [0.7, 0.95, 0.99],
    "val/loss": [0.5, 0.3, 0.35],
    "val/accuracy": [0.9, 0.987, 0.98],
}


def test_learning_curves_mark_the_best_epoch_and_draw_all_values(figure_text):
    figure = learning_curves(HISTORY, best_epoch=1)
    text = figure_text(figure)
    assert "Validation accuracy 98.7 % at epoch 2" in text
    assert "3 epochs." in text
    assert {"Accuracy", "Loss", "training", "validation", "epoch", "98.7 %", "0.3"} <= set(text.splitlines())
    assert "fine-tuning" not in text
    (accuracy, loss) = figure.axes
    assert [tuple(axes.texts[0].xy) for axes in (accuracy, loss)] == [(2, 0.987), (2, 0.3)]
    drawn = [list(line.get_ydata()) for axes in figure.axes for line in axes.lines]
    assert all(list(values) in drawn for values in HISTORY.values())


def test_fine_tuning_is_marked_in_both_panels(figure_text):
    figure = learning_curves(HISTORY, best_epoch=2, second_phase=2)
    assert figure_text(figure).count("fine-tuning") == 2
    assert [axes.patches[0].get_x() for axes in figure.axes] == [2.5, 2.5]


@pytest.mark.parametrize(
    "history",
    [
        {name: values[:1] for name, values in HISTORY.items()},
        {name: [*values, float("nan")] for name, values in HISTORY.items()},
        {name: [float("nan")] for name in HISTORY},
        {name: values * 100 for name, values in HISTORY.items()},
        {name: [1.0, 1.0] for name in HISTORY},
    ],
    ids=["one epoch", "diverged late", "diverged at once", "300 epochs", "flat"],
)
def test_unusual_histories_are_drawn(history, figure_text):
    assert "at epoch 1" in figure_text(learning_curves(history, best_epoch=0))


def test_the_reliability_diagram_states_both_errors_and_the_temperature(predictions, figure_text):
    random = np.random.default_rng(0)
    made = predictions(random.dirichlet([0.3] * 3, 400), random.integers(0, 3, 400))
    temperature = fit_temperature(made)
    errors = expected_calibration_error(made), expected_calibration_error(at_temperature(made, temperature))
    text = figure_text(reliability_diagram(made))
    assert f"wrong by {100 * errors[0]:.1f} points on average, {100 * errors[1]:.1f} after temperature scaling" in text
    assert f"400 validation photos, temperature {temperature:.2f}" in text
    assert {"as trained", "after scaling", "confidence"} <= set(text.splitlines())


def test_a_reliability_diagram_of_one_photo_is_drawn(predictions, figure_text):
    assert "1 validation photo, temperature 0.10" in figure_text(
        reliability_diagram(predictions([[0.9, 0.1, 0.0]], [0]))
    )


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


def test_the_confusion_matrix_states_that_there_are_no_mistakes(matrix_of, figure_text):
    text = figure_text(matrix_of(np.diag([2, 3, 4]), DOMAINS))
    assert "All 9 photos right" in text
    assert "No class is confused with another." in text


@pytest.mark.parametrize("count", [1, 2, 12, 13, 58])
def test_all_classes_are_named_on_both_axes_and_numbers_fit_into_their_cells(count, matrix_of, figure_text):
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


def test_a_run_yields_its_figures_one_at_a_time(predictions, photo):
    read = []
    splits = ("train", "validation", "test")
    made = {
        split: predictions(np.eye(3)[[0, 1]], [1, 1], split=split, label="beauty", difficulty="easy")
        for split in splits
    }
    members = pd.DataFrame({"group": ["a", "a"], "label": "beauty", "split": "train"})
    pairs = pd.DataFrame({"group": ["a"], "inliers": [30], "joined": [True]})

    def read_photo(row):
        read.append(row["split"])
        return photo()

    def views(rows):
        return np.zeros((len(rows), 3, 8, 8, 3))

    found = figures(made, HISTORY, 1, None, read_photo, views, (members, pairs))
    names = [next(found)[0], next(found)[0], next(found)[0]]
    assert not read
    names += [path for path, _ in found]
    expected = ["learning_curves", "confusion_matrix", "calibration", "confident_mistakes", "test_photos"]
    assert names == [f"figures/{name}.png" for name in (*expected, "augmented_views", "duplicates")]
    assert read == ["validation", "test", "test", "train", "train"]


def test_without_test_split_and_duplicates_their_figures_are_missing(predictions, photo):
    made = {split: predictions(np.eye(3), [0, 1, 2], split=split, label="beauty") for split in ("train", "validation")}
    found = figures(made, HISTORY, 1, None, lambda row: photo(), lambda rows: np.zeros((len(rows), 1, 8, 8, 3)), None)
    assert not {"figures/test_photos.png", "figures/duplicates.png"} & set(dict(found))
