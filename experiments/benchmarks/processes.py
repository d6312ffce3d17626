"""Whole processes, measured from outside: seconds, and anonymous memory from the operating system."""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ndsc.tracking.mlflow_settings import quiet_mlflow

BETWEEN_SAMPLES = 0.02  # seconds
SHOWN_ERRORS = 3000  # characters
MANIFEST = "data/manifest.parquet"


@dataclass(frozen=True)
class MeasuredProcess:
    """What a process took and said. `megabytes` is the peak of its anonymous memory, 0 where no system tells (it is
    read from Linux' /proc)."""

    seconds: float
    megabytes: float
    output: str
    errors: str


def measured(command: Sequence[str]) -> MeasuredProcess:
    """Run a command to its end.

    Raises:
        SystemExit: it failed; with the last it said.
    """
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        started = time.perf_counter()
        with subprocess.Popen(command, stdout=output, stderr=errors) as process:
            status, peak = Path(f"/proc/{process.pid}/status"), 0
            while process.poll() is None:
                peak = max(peak, _anonymous_kilobytes(status))
                time.sleep(BETWEEN_SAMPLES)
        seconds = time.perf_counter() - started
        said = [_all_of(file) for file in (output, errors)]
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{said[1][-SHOWN_ERRORS:]}")
    return MeasuredProcess(seconds, peak / 1024, *said)


@dataclass(frozen=True)
class Logged:
    """What one run logged: its metrics, and where its manifest lies."""

    metrics: dict[str, float]
    manifest: Path


class Trainings:
    """Runs of `python -m ndsc.train`, with a store and a cache of their own in a folder that is empty at first."""

    def __init__(self, folder: Path) -> None:
        self._store, self._cache = folder / "mlruns", folder / "cache"
        self._places = [f"tracking.root={self._store}", f"cache.root={self._cache}"]
        self._places += [f"hydra.run.dir={folder / 'outputs'}", f"hydra.sweep.dir={folder / 'sweeps'}"]

    def train(self, overrides: Sequence[str]) -> MeasuredProcess:
        """One run."""
        return measured([sys.executable, "-m", "ndsc.train", *overrides, *self._places])

    def sweep(self, overrides: Sequence[str]) -> MeasuredProcess:
        """A multirun of all combinations."""
        return measured([sys.executable, "-m", "ndsc.train", "-m", *overrides, *self._places])

    def forget_features(self) -> None:
        """Empty the cache of features; indexes and exported networks stay."""
        shutil.rmtree(self._cache / "features")

    def logged(self) -> list[Logged]:
        """What all runs up to now logged, the oldest first."""
        return logged_runs(self._store)


def logged_runs(store: Path) -> list[Logged]:
    """What the runs in a local store logged, the oldest first; those that stand for a whole sweep are left out."""
    quiet_mlflow()
    import mlflow

    uri = f"sqlite:///{(store / 'mlflow.db').absolute()}"
    client = mlflow.MlflowClient(uri)
    every = client.search_runs([one.experiment_id for one in client.search_experiments()])
    sweeps = {run.data.tags.get("mlflow.parentRunId") for run in every}
    return [
        Logged(
            run.data.metrics,
            Path(mlflow.artifacts.download_artifacts(f"{run.info.artifact_uri}/{MANIFEST}", tracking_uri=uri)),
        )
        for run in sorted(every, key=lambda run: run.info.start_time)
        if run.info.run_id not in sweeps
    ]


def _all_of(file) -> str:
    file.seek(0)
    return file.read()


def _anonymous_kilobytes(status: Path) -> int:
    try:
        lines = status.read_text().splitlines()
    except OSError:
        # The process has just ended, or this is not Linux.
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("RssAnon")), 0)
