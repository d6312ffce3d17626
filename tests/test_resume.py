"""A fine-tuning is killed and started again by the real command."""

import subprocess
import sys
import time
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.entities import Run

from ndsc.sample import render_sample
from tests.conftest import TINY

EPOCHS = 6
SETTINGS = (
    *TINY,
    "data=ndsc",
    "sampling.per_class=12",
    "sampling.test.pool=3",
    "head.dropout=0.5",
    "augmentation.views=2",
    "callbacks=plateau",
    "training=finetune",
    "training.epochs=2",
    f"training.finetune.epochs={EPOCHS}",
    "training.finetune.freeze=before:conv_pw_11",
    "tracking.figures=false",
)


def command(folder: Path, data: Path) -> list[str]:
    locations = (f"data.root={data}", f"tracking.root={folder / 'mlruns'}", f"cache.root={folder / 'cache'}")
    return [sys.executable, "-m", "ndsc.train", *SETTINGS, *locations, f"hydra.run.dir={folder / 'outputs'}"]


def train(folder: Path, data: Path) -> str:
    """Train to the end; return the log."""
    done = subprocess.run(command(folder, data), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stderr


def runs(folder: Path) -> list[Run]:
    """All runs, the newest first."""
    client = mlflow.MlflowClient(f"sqlite:///{folder / 'mlruns' / 'mlflow.db'}")
    (experiment,) = (one for one in client.search_experiments() if one.name == "ndsc")
    return client.search_runs([experiment.experiment_id])


def predictions(run: Run) -> pd.DataFrame:
    return pd.read_csv(Path(run.info.artifact_uri.removeprefix("file://")) / "predictions" / "validation.csv")


@pytest.mark.soak
def test_a_killed_fine_tuning_resumes_and_gives_the_same_result_as_an_uninterrupted_one(tmp_path: Path):
    data = render_sample(tmp_path / "data", photos_per_class=20)
    (tmp_path / "undisturbed").mkdir()
    train(tmp_path / "undisturbed", data)
    (undisturbed,) = runs(tmp_path / "undisturbed")

    folder = tmp_path / "killed"
    folder.mkdir()
    with (
        (folder / "log.txt").open("w") as stderr,
        subprocess.Popen(command(folder, data), stderr=stderr) as process,
    ):
        while not list((folder / "cache").glob("unfinished/*-finetune.npz")):
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    assert list((folder / "cache").glob("unfinished/*-finetune.npz"))
    log = train(folder, data)
    assert "of an interrupted training" in log
    assert not list((folder / "cache").glob("unfinished/*.npz"))
    resumed, killed = runs(folder)
    assert (resumed.info.status, killed.info.status) == ("FINISHED", "KILLED")
    assert resumed.data.metrics["cache/misses"] == 0

    for name in ("best/val_accuracy", "best/train_accuracy", "best/epoch", "train/loss", "val/loss", "test/accuracy"):
        assert resumed.data.metrics[name] == undisturbed.data.metrics[name], name
    pd.testing.assert_frame_equal(predictions(resumed), predictions(undisturbed))
    client = mlflow.MlflowClient(f"sqlite:///{folder / 'mlruns' / 'mlflow.db'}")
    history = client.get_metric_history(resumed.info.run_id, "val/loss")
    assert [point.step for point in history] == list(np.arange(len(history)) + 1)
