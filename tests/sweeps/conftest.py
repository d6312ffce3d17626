"""A workspace for sweeps that are started by the real command line and recorded in a real MLflow store."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from mlflow.entities import Run

from ndsc.config.schema import Config
from ndsc.sample import render_sample
from ndsc.sweeps.composing import Job
from tests.conftest import TINY

# Without the export to OpenVINO, which takes seconds and is tested elsewhere.
QUICK = ("sampling.per_class=12", "sampling.test.pool=3", "training.epochs=2", "backbone.engine=tensorflow")

# Without figures and models, so that the best run does not have to be run again.
BARE = ("tracking.figures=false", "tracking.model=none")


class SweepWorkspace:
    """A folder in which sweeps run, and access to the runs that MLflow has recorded."""

    def __init__(self, folder: Path, data: Path) -> None:
        self.folder, self.data = folder, data

    def command(self, *overrides: str) -> list[str]:
        locations = (
            f"data.root={self.data}",
            f"tracking.root={self.folder / 'mlruns'}",
            f"cache.root={self.folder / 'cache'}",
        )
        settings = (*TINY, *QUICK, "data=ndsc", *locations, f"hydra.sweep.dir={self.folder / 'outputs'}")
        return [sys.executable, "-m", "ndsc.train", "-m", *settings, *overrides]

    def sweep(self, *overrides: str, code: int = 0) -> str:
        """Run a sweep to its end, check its exit code, and return what it printed."""
        done = subprocess.run(self.command(*overrides), capture_output=True, text=True)
        assert done.returncode == code, done.stderr[-3000:]
        return done.stderr + done.stdout

    def kill(self, when: Callable[[], bool], *overrides: str) -> None:
        """Start a sweep, and kill it and its workers as soon as `when` returns true; fail if it ends before."""
        process = subprocess.Popen(self.command(*overrides), stderr=subprocess.DEVNULL, start_new_session=True)
        while not when():
            assert process.poll() is None
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    @property
    def client(self) -> mlflow.MlflowClient:
        return mlflow.MlflowClient(f"sqlite:///{self.folder / 'mlruns' / 'mlflow.db'}")

    def runs(self) -> tuple[list[Run], list[Run]]:
        """Return the parent runs of sweeps, and all other runs; both are empty if there is no store yet."""
        if not (self.folder / "mlruns" / "mlflow.db").exists():
            return [], []
        experiments = [experiment.experiment_id for experiment in self.client.search_experiments()]
        runs = self.client.search_runs(experiments)
        return [run for run in runs if "ndsc.kind" in run.data.tags], [
            run for run in runs if "ndsc.kind" not in run.data.tags
        ]

    def started(self) -> int:
        """Return the number of child runs that have been started.

        It reads the database, because it is called all the time: a call of MLflow's client takes as long as an epoch.
        """
        database = self.folder / "mlruns" / "mlflow.db"
        if not database.exists():
            return 0
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as store:
            counted = (
                "select count(*) from runs where run_uuid not in (select run_uuid from tags where key='ndsc.kind')"
            )
            return store.execute(counted).fetchone()[0]

    def artifacts(self, run: Run, below: str = "") -> set[str]:
        return {entry.path for entry in self.client.list_artifacts(run.info.run_id, below)}

    def table(self, run: Run) -> pd.DataFrame:
        return pd.read_csv(self.client.download_artifacts(run.info.run_id, "sweep/runs.csv", str(self.folder)))


def job_of(config: Config, key: str, swept: Mapping[str, str] | None = None, overrides: Sequence[str] = ()) -> Job:
    """Return a job of this configuration."""
    return Job(overrides, swept or {}, key, config.tracking, config.backbone, config.threads, config.rerun_finished)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render_sample(tmp_path_factory.mktemp("data"), photos_per_class=20)


@pytest.fixture
def workspace(tmp_path: Path, data: Path) -> SweepWorkspace:
    return SweepWorkspace(tmp_path, data)
