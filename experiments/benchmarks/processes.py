"""Run processes and measure their duration and anonymous memory from outside."""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

BETWEEN_SAMPLES = 0.02  # seconds
SHOWN_ERRORS = 3000  # characters
MANIFEST = "data/manifest.parquet"


@dataclass(frozen=True)
class MeasuredProcess:
    """Duration, memory and output of a finished process.

    `megabytes` is the peak of its anonymous memory, read from /proc; 0 on systems other than Linux.
    """

    seconds: float
    megabytes: float
    output: str
    errors: str


def measured(command: Sequence[str]) -> MeasuredProcess:
    """Run a command and wait for its end.

    Raises:
        SystemExit: the command failed; with the end of its error output.
    """
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        started = time.perf_counter()
        with subprocess.Popen(command, stdout=output, stderr=errors) as process:
            status, peak = Path(f"/proc/{process.pid}/status"), 0
            while process.poll() is None:
                peak = max(peak, _anonymous_kilobytes(status))
                time.sleep(BETWEEN_SAMPLES)
        seconds = time.perf_counter() - started
        texts = [_all_of(file) for file in (output, errors)]
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{texts[1][-SHOWN_ERRORS:]}")
    return MeasuredProcess(seconds, peak / 1024, *texts)


@dataclass(frozen=True)
class Logged:
    """The metrics of a run, and the path of its manifest."""

    metrics: dict[str, float]
    manifest: Path


class Trainings:
    """Run `python -m ndsc.train` with its own MLflow store and cache, in a folder that is empty at first."""

    def __init__(self, folder: Path) -> None:
        self._store, self._cache = folder / "mlruns", folder / "cache"
        self._paths = [f"tracking.root={self._store}", f"cache.root={self._cache}"]
        self._paths += [f"hydra.run.dir={folder / 'outputs'}", f"hydra.sweep.dir={folder / 'sweeps'}"]

    def train(self, overrides: Sequence[str]) -> MeasuredProcess:
        """Start one run and wait for its end."""
        return measured([sys.executable, "-m", "ndsc.train", *overrides, *self._paths])

    def sweep(self, overrides: Sequence[str]) -> MeasuredProcess:
        """Start a sweep over all combinations and wait for its end."""
        return measured([sys.executable, "-m", "ndsc.train", "-m", *overrides, *self._paths])

    def delete_features(self) -> None:
        """Delete the feature cache. Indexes and exported networks are not deleted."""
        shutil.rmtree(self._cache / "features")

    def logged(self) -> list[Logged]:
        """Return what the runs have logged so far, oldest first."""
        return logged_runs(self._store)


def logged_runs(store: Path) -> list[Logged]:
    """Return what the runs in a local store logged, oldest first, without the parent runs of sweeps."""
    import mlflow

    import ndsc.tracking  # noqa: F401  it sets MLflow's defaults

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
