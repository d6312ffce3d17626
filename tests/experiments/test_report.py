"""Reports compare measurements with targets; a measurement under other conditions never counts as reached."""

import json
from pathlib import Path

from experiments.benchmarks.report import Report, at_least, at_most, in_turn


def test_a_row_reports_whether_its_target_is_reached():
    assert at_least("ratio", 2.2, 2.2).reached
    assert at_least("ratio", 2.19, 2.2).reached is False
    assert at_most("memory", 3.0, 3.0, " GB").reached
    assert at_most("memory", 3.01, 3.0, " GB").reached is False


def test_a_measurement_under_other_conditions_is_not_comparable_and_notes_why():
    row = at_least("baseline", 12.0, 10.0, note="40 a class")
    assert row.reached is None
    assert row.measured == "12.00 x (40 a class)"
    assert at_most("memory", 1.0, 3.0, " GB", note="500 images").reached is None


def test_a_report_prints_ratios_then_figures_then_targets(capsys):
    Report("passes", "tiny", {"a / b": 2.0}, {"a": "1 s"}, [at_least("a / b", 2.0, 3.0)]).show()
    ratio, figure, row = capsys.readouterr().out.splitlines()[-3:]
    assert "2.00 x  a / b" in ratio
    assert "1 s  a" in figure
    assert "NOT reached" in row
    assert "target at least 3 x" in row


def test_a_saved_report_has_rows_machine_and_commit(tmp_path: Path):
    path = tmp_path / "new folder" / "report.json"
    Report("passes", "tiny", {"a / b": 2.0}, rows=[at_least("a / b", 2.0, 3.0)]).save(str(path))
    saved = json.loads(path.read_text())
    assert saved["ratios"] == {"a / b": 2.0}
    assert saved["rows"][0]["reached"] is False
    assert {"machine", "load", "commit"} <= set(saved)


def test_contenders_run_in_turn_and_the_median_is_reported():
    order, figures = [], iter([1.0, 10.0, 3.0, 30.0, 2.0, 20.0])

    def measure(name: str):
        return lambda: (order.append(name), next(figures))[1]

    assert in_turn(3, {"a": measure("a"), "b": measure("b")}) == {"a": 2.0, "b": 20.0}
    assert order == ["a", "b"] * 3
