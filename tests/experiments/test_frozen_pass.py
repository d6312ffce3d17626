"""The benchmark of the frozen pass runs, on a tiny network, and measures what it says."""

from experiments.benchmarks.command_line import configured
from experiments.benchmarks.frozen_pass import run
from experiments.benchmarks.plan import OURS, PREDICT


def test_the_benchmark_reports_ratios_figures_and_targets(tiny):
    report = run(configured(tiny), "rendered photos", rounds=1)
    assert "36 of rendered photos" in report.setting
    ours_against_predict = float(report.figures[OURS]) / float(report.figures[PREDICT])
    first, _ = report.ratios.values()
    assert abs(first - ours_against_predict) < 0.05 * first
    assert [row.target for row in report.rows] == ["at least 1.3 x", "at least 0.85 x"]
