"""The benchmark of the archives runs, on small ones, and measures what it says."""

from pathlib import Path

from experiments.benchmarks.archive import run


def test_the_benchmark_reports_ratios_and_figures(tmp_path: Path):
    report = run(tmp_path, members=600)
    assert len(report.ratios) == 3
    assert all(ratio > 0 for ratio in report.ratios.values())
    assert any("600 members" in name for name in report.figures)
    assert any("600 photos" in name for name in report.figures)
