"""The commands of this version, used with runs that version 0.1 stored."""

import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from mlflow import MlflowClient

from ndsc.compare import main as compare
from ndsc.tracking.history import History
from tests.conftest import TINY
from tests.stored_runs import StoredRuns, unpack_stored_runs


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> StoredRuns:
    return unpack_stored_runs(tmp_path_factory.mktemp("stored"))


def run_command(command: str, *arguments: str) -> str:
    done = subprocess.run([sys.executable, "-m", f"ndsc.{command}", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stderr


def test_the_fixture_contains_no_paths_of_a_machine(stored: StoredRuns):
    text = (stored.folder / "mlruns" / "mlflow.sql").read_text(encoding="utf-8")
    paths = set(re.findall(r"'(/[a-z]+/[a-z]+)", text.replace(str(stored.folder), "/data/ndsc")))
    assert paths <= {"/data/ndsc", "/data/checkout"}


def test_stored_runs_have_the_names_of_this_version(stored: StoredRuns):
    history = History(stored.tracking)
    first, second = (history.run(run_id) for run_id in stored.children)
    assert (first.params["backbone.float32_until"], second.params["backbone.float32_until"]) == (
        "none",
        "before:conv_pw_1",
    )
    assert {"best/val_ece", "test/ece", "test/ece_temperature_scaled"} <= first.metrics.keys()
    assert not [name for name in first.metrics if "calibration_error" in name]
    assert f"data.metadata={stored.folder}/sellers.csv" in first.tags["command"]
    assert "data.extra" not in first.tags["command"]


def test_stored_runs_have_all_settings_as_params(stored: StoredRuns):
    runs = {run.id: run.params for run in History(stored.tracking).find(["mugs"])}
    single = runs[stored.single]
    assert single["training.finetune.freeze"] == "before:conv_pw_13"
    assert single["training.label_smoothing"] == "0.0"
    assert single["backbone.float32_until"] == "none"
    assert single["callbacks.checkpoint.save_best_only"] == "true"
    assert not [key for key in single if key.startswith(("tracking", "data.root", "data.metadata", "threads"))]
    assert "callbacks.checkpoint.filepath" not in single


def test_stored_runs_are_compared(stored: StoredRuns, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert compare([stored.sweep, f"tracking.root={stored.tracking.root}", "--output", str(tmp_path)]) == 0
    table = pd.read_csv(tmp_path / "comparison.csv")
    assert sorted(table["backbone.float32_until"]) == ["before:conv_pw_1", "none"]
    assert "calibration_error" not in " ".join(table.columns)
    assert "float32_until" in capsys.readouterr().out


def test_a_stored_run_is_reproduced(stored: StoredRuns, tmp_path: Path):
    arguments = [f"run={stored.single}", f"data.root={stored.photos}", *stored.locations("new")]
    command = [sys.executable, "-m", "ndsc.reproduce", *arguments, f"hydra.run.dir={tmp_path / 'hydra'}"]
    done = subprocess.run(command, capture_output=True, text=True)
    # The exit code is 1 where numbers differ, for example on another processor.
    assert done.returncode in (0, 1), done.stderr[-3000:]
    (run_id,) = re.findall(r"MLflow run ([0-9a-f]{32})", done.stderr)
    old, new = (History(stored.tracking).run(one) for one in (stored.single, run_id))
    assert (new.status, new.manifest, new.tags["ndsc.reproduces"]) == ("FINISHED", old.manifest, old.id)
    for metric in ("val/loss", "best/val_ece", "test/ece_temperature_scaled"):
        assert new.metrics[metric] == pytest.approx(old.metrics[metric], abs=0.05), metric
    assert (tmp_path / "hydra" / "best.weights.h5").exists()
    client = MlflowClient(f"sqlite:///{stored.tracking.root}/mlflow.db")
    table = Path(client.download_artifacts(run_id, "reproduce/comparison.csv", str(tmp_path))).read_text()
    assert "best/val_ece" in table


def test_a_stored_run_classifies_photos(stored: StoredRuns, tmp_path: Path):
    output = tmp_path / "predictions.csv"
    arguments = (f"images={stored.photos}", f"output={output}", f"hydra.run.dir={tmp_path}")
    run_command("predict", f"run={stored.single}", *arguments, *stored.locations())
    table = pd.read_csv(output)
    assert len(table) == 28
    assert table["label"].isin(["mug", "plate"]).all()


def test_a_new_run_uses_the_weights_of_a_stored_run(stored: StoredRuns, tmp_path: Path):
    build = [one for one in TINY if not one.startswith(("backbone.weights", "+backbone.build.alpha"))]
    settings = (*build, "+backbone.build.alpha=0.1", f"backbone.weights=runs:/{stored.single}", "training.epochs=1")
    data = ("data=folder", f"data.root={stored.photos}", "sampling.test.per_class=0", "sampling.test.pool=0")
    quick = ("backbone.engine=tensorflow", "augmentation=none", "tracking.figures=false", "tracking.model=none")
    log = run_command("train", *settings, *data, *quick, *stored.locations(), f"hydra.run.dir={tmp_path}")
    (run_id,) = re.findall(r"MLflow run ([0-9a-f]{32})", log)
    assert stored.single in History(stored.tracking).run(run_id).tags["weights"]
