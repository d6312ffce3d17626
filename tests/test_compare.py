"""`python -m ndsc.compare` on a real store. Its runs were logged like those of a training, but not trained."""

import math
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ndsc.compare import main
from ndsc.config.schema import TrackingConfig
from ndsc.evaluation.predictions import Predictions
from ndsc.evaluation.report import evaluate
from ndsc.tracking.run import start_run

CLASSES = ("beauty", "fashion", "mobile")
PHOTOS = 60


@dataclass(frozen=True)
class Store:
    """A local store, and the ids of the runs in its experiment `study`."""

    root: Path
    sweep: str
    children: tuple[str, ...]

    def __str__(self) -> str:
        return f"tracking.root={self.root}"


def validated(wrong: int, seed: int) -> Predictions:
    """Return predictions that are wrong for the first photos of this seed's split."""
    contents = [f"{seed:02d}{number:030x}" for number in range(PHOTOS)]
    labels = np.arange(PHOTOS) % 3
    probabilities = np.eye(3)[(labels + (np.arange(PHOTOS) < wrong)) % 3] * 0.7 + 0.1
    rows = pd.DataFrame(
        {"image_path": "a.jpg", "content": contents, "difficulty": None, "group": contents, "width": 9, "height": 9}
    ).assign(split="validation")
    return Predictions(probabilities, labels, CLASSES, rows)


def log(
    tracking: TrackingConfig, parent: str | None, augmentation: str, seed: int, wrong: int, **metrics: float
) -> str:
    """Record a run like `ndsc.run_reporter`: params, predictions, tags and metrics. Return its id."""
    tags = {
        "command": f"python -m ndsc.train data=ndsc data.root=/mine augmentation={augmentation} seed={seed}",
        "data.root": "/mine",
        "manifest": f"digest{seed}",
        "git.commit": "74e3858000000000000000000000000000000000",
        "git.dirty": "false",
    }
    if parent:
        tags["mlflow.parentRunId"] = parent
    with start_run(tracking, augmentation, tags) as run:
        run.log_params({"augmentation": augmentation, "backbone": "xception", "seed": seed})
        predictions = validated(wrong, seed)
        for path, table in evaluate({"train": predictions, "validation": predictions}, seed).tables.items():
            run.log_table(table, path)
        accuracy = 1 - wrong / PHOTOS
        figures = {"best/val_accuracy": accuracy, "best/train_accuracy": 1.0, "time/total_seconds": 10.0 + seed}
        run.log_metrics(figures | metrics)
    assert run.id is not None
    return run.id


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Return a store with a sweep (two configurations, two seeds each), a failed run, a run with NaN and one more."""
    root = tmp_path_factory.mktemp("compared") / "mlruns"
    tracking = TrackingConfig(
        kind="local", experiment="study", root=str(root), model="head", figures=False, system_metrics_interval=0.2
    )
    with start_run(tracking, "sweep", {"ndsc.kind": "sweep"}) as sweep:
        pass
    children = tuple(
        log(tracking, sweep.id, augmentation, seed, wrong)
        for augmentation, mistakes in (("none", (9, 12)), ("strong", (3, 6)))
        for seed, wrong in enumerate(mistakes)
    )
    with pytest.raises(MemoryError), start_run(tracking, "failing", {}):
        raise MemoryError
    log(tracking, None, "strong", 2, 0, **{"train/loss": math.nan})
    log(tracking, None, "weak", 7, 30)
    assert sweep.id is not None
    return Store(root, sweep.id, children)


def test_an_experiment_is_printed_and_written(store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["study", str(store), "--output", str(tmp_path / "new")]) == 0
    printed = capsys.readouterr().out
    written = (tmp_path / "new" / "comparison.md").read_text()
    assert "## study: 3 configurations, 5 runs" in printed
    assert written.startswith(printed.partition("\n\n/")[0].rstrip())
    rows = [[cell.strip() for cell in line.split("|")[1:5]] for line in printed.splitlines() if line.startswith("| ")]
    assert rows[2:] == [
        ["1", "strong", "2", "92.50 ± 3.54"],
        ["2", "none", "2", "82.50 ± 3.54"],
        ["3", "weak", "1", "50.00"],
    ]
    text = " ".join(printed.split())
    # Of seed 0, photos 3 to 8 are right in `strong` alone, of seed 1 photos 6 to 11: 12 photos against none.
    assert "over 2 pairs of runs with the same validation photos (seed 0, 1; 120 different photos)" in text
    assert "12 for row 1 alone, 0 for row 2 alone, p = 0.00049: more than chance explains" in text
    assert "Excluded: 1 FAILED (" in text
    assert "1 with an accuracy or loss that is not finite (NaN) (" in text
    command = "python -m ndsc.train -m data=ndsc data.root=$NDSC_ROOT augmentation=strong seed=0,1"
    assert f"Row 1:\n\n    {command}\n" in written
    assert "/mine" not in written
    assert all(run_id in written for run_id in store.children)
    table = pd.read_csv(tmp_path / "new" / "comparison.csv")
    assert table["best/val_accuracy"].tolist() == pytest.approx([0.925, 0.825, 0.5])
    assert table["time/total_seconds"].tolist() == [10.5, 10.5, 17.0]
    with Image.open(tmp_path / "new" / "comparison.png") as picture:
        assert picture.width == 1500


def test_the_command_compares_a_sweep(store: Store, tmp_path: Path):
    command = [sys.executable, "-m", "ndsc.compare", store.sweep, f"tracking.root={store.root}"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"## run {store.sweep[:8]}: 2 configurations, 4 runs" in done.stdout
    folder = tmp_path / "outputs" / "comparisons" / store.sweep
    assert sorted(path.name for path in folder.iterdir()) == ["comparison.csv", "comparison.md", "comparison.png"]


def test_two_runs_on_different_photos_are_compared_without_a_test(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    first, second = store.children[0], store.children[3]
    assert main([first, second, str(store), "--output", str(tmp_path)]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert f"## run {first[:8]} and 1 more: 2 configurations, 2 runs" in text
    assert "is not possible: no run of row 1 was validated on the same photos" in text
    assert "(they share at most 0 of 60)" in text


def test_a_single_configuration_is_not_tested(store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main([*store.children[:2], str(store), "--output", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "1 configuration, 2 runs" in printed
    assert "McNemar" not in printed


def test_the_default_is_the_experiment_of_conf_train_yaml(store: Store, capsys: pytest.CaptureFixture[str]):
    assert main([str(store)]) == 1
    assert "Received: ndsc. The experiments there are: Default, study." in capsys.readouterr().err


def test_an_experiment_without_runs_is_an_error(store: Store, capsys: pytest.CaptureFixture[str]):
    assert main(["Default", str(store)]) == 1
    error = capsys.readouterr().err
    assert "At least one finished run with accuracies was expected. Received: no runs in Default." in error


def test_an_output_that_cannot_be_written_is_an_error(store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "file").write_text("mine")
    assert main([*store.children, str(store), "--output", str(tmp_path / "file")]) == 1
    expected = f"--output must name a folder that can be written. Received: {tmp_path / 'file'} ("
    assert expected in capsys.readouterr().err


def test_a_missing_store_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["study", f"tracking.root={tmp_path / 'nowhere'}"]) == 1
    assert "nowhere" in capsys.readouterr().err
    assert main(["study", "tracking=off"]) == 1
    assert "tracking must be one of local or server" in capsys.readouterr().err


def test_help_imports_nothing_slow():
    listing = "import sys, ndsc.compare; print(*sorted(sys.modules), sep='\\n')"
    done = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True)
    assert not {"mlflow", "pandas", "matplotlib", "scipy", "omegaconf"} & set(done.stdout.split())
