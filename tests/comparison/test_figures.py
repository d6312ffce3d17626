import pytest

from ndsc.comparison.comparison_table import compare_runs
from ndsc.comparison.figures import comparison_figure
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
