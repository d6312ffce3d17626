import numpy as np
import pytest

from ndsc.evaluation.calibration import at_temperature, expected_calibration_error, fit_temperature
from ndsc.evaluation.figures.curves import learning_curves, reliability_diagram

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


def test_the_diagram_states_both_errors_and_the_temperature(predictions, figure_text):
    random = np.random.default_rng(0)
    made = predictions(random.dirichlet([0.3] * 3, 400), random.integers(0, 3, 400))
    temperature = fit_temperature(made)
    errors = expected_calibration_error(made), expected_calibration_error(at_temperature(made, temperature))
    text = figure_text(reliability_diagram(made))
    assert f"wrong by {100 * errors[0]:.1f} points on average, {100 * errors[1]:.1f} after temperature scaling" in text
    assert f"400 validation photos, temperature {temperature:.2f}" in text
    assert {"as trained", "after scaling", "confidence"} <= set(text.splitlines())


def test_a_diagram_of_one_photo_is_drawn(predictions, figure_text):
    assert "1 validation photo, temperature 0.10" in figure_text(
        reliability_diagram(predictions([[0.9, 0.1, 0.0]], [0]))
    )
