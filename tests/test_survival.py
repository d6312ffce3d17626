"""Trainings that are killed, or whose disk is full, at any moment do not change the results of the next one.

`NDSC_SOAK_TIMES` says how often (50).
"""

import gzip
import hashlib
import json
import os
import random
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import mlflow
import numpy as np
import pytest

from ndsc.sample import render_sample
from tests.conftest import TINY
from tests.training_process import LOG, METRICS, training

pytestmark = pytest.mark.soak

TIMES = int(os.environ.get("NDSC_SOAK_TIMES", "50"))
QUICK = ("augmentation=none", "sampling.per_class=40", "sampling.test.pool=6", "training.epochs=15")
PREDICTIONS = "predictions/validation.csv"
CHANGING = ("time/", "cache/", "throughput/", "system/", "gpu/")
LONGEST = 300  # seconds
# The log line at the beginning of each step; the progress bar of a step is printed when it is done.
STEPS = {
    "store": "",
    "index": "indexing",
    "hashing": "catalogue:",
    "features": "reading ",
    "finishing": "backbone ",
    "fit": "manifest ",
    "logging": "fit ",
}
DISK_MEGABYTES = 60


class Location:
    """The folders of a training's outputs, each with a file of the user."""

    def __init__(self, folder: Path, root: Path, name: str) -> None:
        self._root, self._name = root, name
        self.store, self.cache = folder / "mlruns", folder / "cache"
        self._count = 0
        for folder in (self.store, self.cache):
            folder.mkdir(parents=True)
            (folder / "mine.txt").write_text("a file of the user")

    def overrides(self) -> list[str]:
        """Overrides of a small training with all steps."""
        locations = [f"data.root={self._root}", f"tracking.root={self.store}", f"cache.root={self.cache}"]
        return [
            "data=ndsc",
            *TINY,
            *QUICK,
            *locations,
            "backbone.engine=tensorflow",
            "tracking.model=head",
            "tracking.figures=false",
        ]

    def logs(self) -> Path:
        """A folder for the log of one training, never on the disk that is filled."""
        self._count += 1
        return self._root.parent / "logs" / f"{self._name}-{self._count}"

    def forget(self) -> None:
        """Empty the cache, so that the next training computes everything; all runs stay in the store."""
        for path in self.cache.iterdir():
            if path.is_dir():
                shutil.rmtree(path)

    def result(self) -> tuple[dict[str, float], str]:
        """The metrics that an uninterrupted training returns and the predictions that it logs."""
        logs = self.logs()
        process = training(self.overrides(), logs)
        process.join(LONGEST)
        assert process.exitcode == 0, log_of(logs)[-3000:]
        metrics = json.loads((logs / METRICS).read_text())
        return {name: at for name, at in metrics.items() if not name.startswith(CHANGING)}, self.predictions()[0]

    def predictions(self) -> list[str]:
        """The logged predictions of finished runs, the newest first."""
        client = mlflow.MlflowClient(f"sqlite:///{self.store / 'mlflow.db'}")
        runs = client.search_runs([one.experiment_id for one in client.search_experiments()], "status = 'FINISHED'")
        return [(Path(run.info.artifact_uri.removeprefix("file://")) / PREDICTIONS).read_text() for run in runs]

    def of_the_user(self) -> dict[str, str]:
        """The digest and the time of change of every file, by name."""
        files = [*self._root.iterdir(), self.store / "mine.txt", self.cache / "mine.txt"]
        return {
            str(path): f"{hashlib.sha256(path.read_bytes()).hexdigest()} {path.stat().st_mtime_ns}" for path in files
        }


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data with a plain and a gzipped archive."""
    rendered = render_sample(tmp_path_factory.mktemp("rendered"), photos_per_class=60)
    root = tmp_path_factory.mktemp("survival") / "root"
    shutil.copytree(rendered, root)
    archive = root / "fashion_image.tar"
    archive.with_name("fashion_image.tar.gz").write_bytes(gzip.compress(archive.read_bytes(), 1))
    archive.unlink()
    return root


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, root: Path) -> tuple[dict[str, float], str, list[float]]:
    """The result of an uninterrupted training, and the seconds that each of its steps takes."""
    place = Location(tmp_path_factory.mktemp("undisturbed"), root, "undisturbed")
    result = place.result()
    place.forget()
    logs = place.logs()
    process, started = training(place.overrides(), logs), time.perf_counter()
    begun = [started, *(wait_for(step, process, logs) for step in list(STEPS)[1:])]
    process.join()
    assert place.predictions() == [result[1]] * 2
    return *result, np.diff([*begun, time.perf_counter()]).tolist()


def log_of(logs: Path) -> str:
    """The log of a training so far."""
    return (logs / LOG).read_text(errors="replace") if (logs / LOG).exists() else ""


def wait_for(step: str, process: ForkServerProcess, logs: Path) -> float:
    """Wait until a training begins this step or ends; return the time."""
    while process.is_alive() and STEPS[step] not in log_of(logs):
        time.sleep(0.01)
    return time.perf_counter()


def random_moment(process: ForkServerProcess, logs: Path, seconds: list[float], dice: random.Random) -> str:
    """Wait for a random moment of a random step; return the step."""
    step = dice.choice(list(STEPS))
    wait_for(step, process, logs)
    process.join(dice.uniform(0, seconds[list(STEPS).index(step)]))
    return step if process.is_alive() else "after the end"


def test_a_killed_training_does_not_change_the_result_of_the_next_one(tmp_path: Path, root: Path, undisturbed):
    metrics, predictions, seconds = undisturbed
    dice, reached = random.Random(0), Counter()
    place = Location(tmp_path / "mine", root, "killed")
    for _ in range(TIMES):
        before, logs = place.of_the_user(), place.logs()
        process = training(place.overrides(), logs)
        reached[random_moment(process, logs, seconds, dice)] += 1
        process.kill()
        process.join()
        assert place.result() == (metrics, predictions)
        assert place.of_the_user() == before
        place.forget()
    print(f"\nkilled {TIMES} times, {sum(seconds):.1f} s undisturbed; during:", dict(reached))


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A tmpfs of DISK_MEGABYTES."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_MEGABYTES}m", "tmpfs", folder], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"a tmpfs can be mounted by root only: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path) -> Path:
    """Fill the disk; return the file that fills it."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            with suppress(OSError):
                while True:
                    file.write(bytes(size))
    return ballast


def test_a_training_on_a_full_disk_does_not_change_the_result_of_the_next_one(tmp_path: Path, root: Path, undisturbed):
    metrics, predictions, seconds = undisturbed
    dice, reached, ended = random.Random(1), Counter(), Counter()
    with small_disk(tmp_path / "disk") as disk:
        place = Location(disk / "mine", root, "filled")
        for _ in range(TIMES):
            before, logs = place.of_the_user(), place.logs()
            process = training(place.overrides(), logs)
            reached[random_moment(process, logs, seconds, dice)] += 1
            ballast = fill(disk)
            process.join(LONGEST)
            assert process.exitcode is not None, "it hangs"
            ended[process.exitcode] += 1
            ballast.unlink()
            assert place.result() == (metrics, predictions)
            assert place.of_the_user() == before
            place.forget()
    print(
        f"\nfilled {TIMES} times, {sum(seconds):.1f} s undisturbed; during:", dict(reached), "exit codes:", dict(ended)
    )


def test_two_trainings_that_write_the_same_caches_at_once_have_the_same_result(tmp_path: Path, root: Path, undisturbed):
    metrics, predictions, _ = undisturbed
    place = Location(tmp_path / "shared", root, "shared")
    for times in (2, 4, 6):
        logs = [place.logs() for _ in range(2)]
        both = [training(place.overrides(), one) for one in logs]
        for process, folder in zip(both, logs, strict=True):
            process.join(LONGEST)
            assert process.exitcode == 0, log_of(folder)[-3000:]
            returned = json.loads((folder / METRICS).read_text())
            assert {name: returned[name] for name in metrics} == metrics
        assert place.predictions() == [predictions] * times
        place.forget()
