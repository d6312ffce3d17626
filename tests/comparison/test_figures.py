import numpy as np
import pandas as pd
import pytest

from ndsc.comparison.comparison_table import VALIDATION, compare_runs
from ndsc.comparison.figures import all_curves, comparison_figure, parallel_coordinates
from tests.comparison.runs import recorded


def test_every_seed_and_every_mean_is_drawn_with_the_best_on_top(figure_text):
    runs = [recorded(value, seed=str(seed), head="mlp") for seed, value in enumerate([0.96, 0.94, 0.94])]
    figure = comparison_figure("ndsc", compare_runs([recorded(0.9, head="linear"), *runs]))
    text = figure_text(figure)
    assert "ndsc: 94.7 ± 1.2 % with head=mlp" in text
    assert {"Validation accuracy", "head=mlp", "head=linear"} <= set(text.splitlines())
    (axes,) = figure.axes
    drawn = [(line.get_marker(), [round(float(x), 4) for x in line.get_xdata()]) for line in axes.lines]
    assert ("o", [0.96, 0.94, 0.94]) in drawn
    assert ("D", [0.9467]) in drawn
    seeds = next(line for line in axes.lines if len(line.get_xdata()) == 3)
    assert len(set(seeds.get_ydata())) == 3  # equal values do not cover each other
    assert axes.yaxis_inverted()
    (deviation,) = axes.collections[0].get_segments()
    assert deviation[:, 0] == pytest.approx([0.94667 - 0.01155, 0.94667 + 0.01155], abs=1e-4)


@pytest.mark.parametrize(
    ("accuracies", "expected"), [([1.0], "100.0 %"), ([0.5, 0.5], "50.0 %"), ([0.0, 1.0], "100.0 % with head=1")]
)
def test_extreme_comparisons_are_drawn(accuracies: list[float], expected: str, figure_text):
    runs = [recorded(accuracy, head=str(number)) for number, accuracy in enumerate(accuracies)]
    assert f"ndsc: {expected}" in figure_text(comparison_figure("ndsc", compare_runs(runs)))


def test_at_most_forty_configurations_are_shown(figure_text):
    runs = [recorded(number / 100, head=str(number)) for number in range(50)]
    text = figure_text(comparison_figure("ndsc", compare_runs(runs)))
    assert "The best 40 of 50 configurations." in text
    assert "head=10" in text.splitlines()
    assert "head=9" not in text.splitlines()


def sweep_table() -> pd.DataFrame:
    """Return four runs of two settings; the third is the best."""
    settings = {"head": ["linear", "linear", "mlp", "mlp"], "optimizer.learning_rate": ["0.1", "0.01", "0.1", "0.01"]}
    return pd.DataFrame({**settings, VALIDATION: [0.8, 0.7, 0.95, 0.9]})


def test_each_run_of_a_sweep_is_a_line_and_the_best_is_thick(figure_text):
    figure = parallel_coordinates(sweep_table(), ["head", "optimizer.learning_rate"], VALIDATION)
    text = figure_text(figure)
    assert "Best of 4 runs: 95.0 % with head mlp, learning_rate 0.1" in text
    assert {"linear", "mlp", "0.01", "0.1", "70.0 %", "95.0 %", "head", "learning_rate"} <= set(text.splitlines())
    (axes,) = figure.axes
    drawn = {tuple(round(float(y), 4) for y in line.get_ydata()): line.get_linewidth() for line in axes.lines}
    assert drawn == {(0, 1, 0.4): 1.2, (0, 0, 0): 1.2, (1, 1, 1): 3, (1, 0, 0.8): 1.2}


def test_many_values_of_a_setting_are_on_a_logarithmic_scale_with_both_ends_labelled(figure_text):
    rates = np.geomspace(1e-4, 1e-1, 13)
    runs = pd.DataFrame({"rate": rates.astype(str), VALIDATION: np.linspace(0.5, 0.6, 13)})
    figure = parallel_coordinates(runs, ["rate"], VALIDATION)
    lines = figure_text(figure).splitlines()
    assert str(rates[0]) in lines
    assert str(rates[5]) not in lines
    heights = sorted(float(np.asarray(line.get_ydata())[0]) for line in figure.axes[0].lines)
    assert heights == pytest.approx(np.linspace(0, 1, 13))


def test_runs_with_equal_results_are_drawn_in_the_middle(figure_text):
    figure = parallel_coordinates(sweep_table().assign(**{VALIDATION: 0.5}), ["head"], VALIDATION)
    assert "50.0 %" in figure_text(figure).splitlines()
    assert {float(np.asarray(line.get_ydata())[-1]) for line in figure.axes[0].lines} == {0.5}


def test_the_best_the_median_and_the_worst_curve_are_named(figure_text):
    results = {f"run {number}": 0.5 + number / 10 for number in range(5)}
    figure = all_curves({name: [0.1, value] for name, value in results.items()}, results)
    text = figure_text(figure)
    assert "Validation accuracy of 5 runs: 90.0 % at best, 50.0 % at worst" in text
    named = [line for line in text.splitlines() if "%  run" in line or "% run" in line]
    assert [" ".join(line.split()) for line in named] == ["90.0 % run 4", "70.0 % run 2", "50.0 % run 0"]
    assert len(figure.axes[0].lines) == 5
