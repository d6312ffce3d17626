"""Benchmarks that start whole trainings run on a tiny network and few photos."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.experiments.conftest import QUICK

TRAININGS = {
    "baseline": ["--per-class", "12", "--epochs", "3"],
    "sweep": ["--per-class", "12", "--epochs", "2", "--rates", "1e-3"],
    "growth": ["--images", "24", "36", "--views", "2"],
}


@pytest.mark.soak  # each starts two to five trainings, of a dozen seconds each
@pytest.mark.parametrize("name", TRAININGS)
def test_a_benchmark_of_whole_trainings_reports_and_is_not_comparable_at_a_small_size(name, photos, tmp_path: Path):
    written = tmp_path / "report.json"
    command = [sys.executable, "-m", f"experiments.benchmarks.{name}", "--root", str(photos), "--json", str(written)]
    done = subprocess.run([*command, *TRAININGS[name], "--", *QUICK], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads(written.read_text())
    assert all(ratio > 0 for ratio in report["ratios"].values())
    assert report["rows"]
    assert all(row["reached"] is None for row in report["rows"])
    assert all(row["what"] in done.stdout for row in report["rows"])
    if name == "sweep":  # 4 runs computed no view that one run does not
        assert report["figures"]["views computed by one run"] == report["figures"]["views computed by the sweep"] != "0"
