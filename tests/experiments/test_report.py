"""What was asked is set beside what was measured, and nothing measured elsewhere counts as reached."""

import json
from pathlib import Path

from experiments.benchmarks.report import Report, at_least, at_most, in_turn


def test_a_row_says_whether_a_figure_is_large_or_small_enough():
    assert at_least("ratio", 2.2, 2.2).reached
    assert at_least("ratio", 2.19, 2.2).reached is False
    assert at_most("memory", 3.0, 3.0, " GB").reached
    assert at_most("memory", 3.01, 3.0, " GB").reached is False


def test_what_was_measured_otherwise_than_asked_gets_no_verdict_and_says_why():
    row = at_least("baseline", 12.0, 10.0, but="40 a class")
    assert row.reached is None
    assert row.measured == "12.00 x (40 a class)"
    assert at_most("memory", 1.0, 3.0, " GB", but="500 images").reached is None


def test_a_report_prints_ratios_before_figures_and_before_what_is_asked(capsys):
    Report("passes", "tiny", {"a / b": 2.0}, {"a": "1 s"}, [at_least("a / b", 2.0, 3.0)]).show()
    ratio, figure, row = capsys.readouterr().out.splitlines()[-3:]
    assert "2.00 x  a / b" in ratio
    assert "1 s  a" in figure
    assert "NOT reached" in row
    assert "asked at least 3 x" in row


def test_a_saved_report_holds_its_rows_the_machine_and_the_commit(tmp_path: Path):
    path = tmp_path / "new folder" / "report.json"
    Report("passes", "tiny", {"a / b": 2.0}, rows=[at_least("a / b", 2.0, 3.0)]).save(str(path))
    saved = json.loads(path.read_text())
    assert saved["ratios"] == {"a / b": 2.0}
    assert saved["rows"][0]["reached"] is False
    assert {"machine", "load", "commit"} <= set(saved)


def test_contenders_take_turns_and_the_median_counts():
    order, figures = [], iter([1.0, 10.0, 3.0, 30.0, 2.0, 20.0])

    def measure(name: str):
        return lambda: (order.append(name), next(figures))[1]

    assert in_turn(3, {"a": measure("a"), "b": measure("b")}) == {"a": 2.0, "b": 20.0}
    assert order == ["a", "b"] * 3
