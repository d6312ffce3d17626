"""Trainings that are killed, or whose disk fills, at any moment: the next one is as if nothing had happened.

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
from tests.training_process import METRICS, SAID, training

pytestmark = pytest.mark.soak

TIMES = int(os.environ.get("NDSC_SOAK_TIMES", "50"))
QUICK = ("augmentation=none", "sampling.per_class=40", "sampling.test.pool=6", "training.epochs=15")
PREDICTIONS = "predictions/validation.csv"
CHANGING = ("time/", "cache/", "throughput/", "system/", "gpu/")
LONGEST = 300  # seconds
# What a training says when each of its steps begins; the bar of a step is shown when it is done.
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
    """Where a training keeps what it makes, beside files of the user's."""

    def __init__(self, folder: Path, root: Path, name: str) -> None:
        self._root, self._name = root, name
        self.store, self.cache = folder / "mlruns", folder / "cache"
        self._count = 0
        for kept in (self.store, self.cache):
            kept.mkdir(parents=True)
            (kept / "mine.txt").write_text("a file of the user's")

    def overrides(self) -> list[str]:
        """Of a small training that indexes, hashes, makes features, fits and logs."""
        places = [f"data.root={self._root}", f"tracking.root={self.store}", f"cache.root={self.cache}"]
        return [
            "data=ndsc",
            *TINY,
            *QUICK,
            *places,
            "backbone.engine=tensorflow",
            "tracking.model=head",
            "tracking.figures=false",
        ]

    def logs(self) -> Path:
        """A folder for what one training says; never on the disk that is filled."""
        self._count += 1
        return self._root.parent / "logs" / f"{self._name}-{self._count}"

    def forget(self) -> None:
        """Empty the cache, so that the next training begins at its beginning; the store keeps all runs."""
        for kept in self.cache.iterdir():
            if kept.is_dir():
                shutil.rmtree(kept)

    def result(self) -> tuple[dict[str, float], str]:
        """The metrics and predictions of a training that is let run to its end, as it returned and logged them."""
        logs = self.logs()
        process = training(self.overrides(), logs)
        process.join(LONGEST)
        assert process.exitcode == 0, said(logs)[-3000:]
        metrics = json.loads((logs / METRICS).read_text())
        return {name: at for name, at in metrics.items() if not name.startswith(CHANGING)}, self.predictions()[0]

    def predictions(self) -> list[str]:
        """What the runs that finished logged, the newest first."""
        client = mlflow.MlflowClient(f"sqlite:///{self.store / 'mlflow.db'}")
        runs = client.search_runs([one.experiment_id for one in client.search_experiments()], "status = 'FINISHED'")
        return [(Path(run.info.artifact_uri.removeprefix("file://")) / PREDICTIONS).read_text() for run in runs]

    def of_the_user(self) -> dict[str, str]:
        """Every file that was there before, by name: its digest and time of change."""
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
    """What a training comes to, and the seconds that each of its steps takes."""
    place = Location(tmp_path_factory.mktemp("undisturbed"), root, "undisturbed")
    result = place.result()
    place.forget()
    logs = place.logs()
    process, started = training(place.overrides(), logs), time.perf_counter()
    begun = [started, *(wait_for(step, process, logs) for step in list(STEPS)[1:])]
    process.join()
    assert place.predictions() == [result[1]] * 2
    return *result, np.diff([*begun, time.perf_counter()]).tolist()


def said(logs: Path) -> str:
    """What a training has said up to now."""
    return (logs / SAID).read_text(errors="replace") if (logs / SAID).exists() else ""


def wait_for(step: str, process: ForkServerProcess, logs: Path) -> float:
    """Wait until a training is at this step, or has ended; gives the time."""
    while process.is_alive() and STEPS[step] not in said(logs):
        time.sleep(0.01)
    return time.perf_counter()


def random_moment(process: ForkServerProcess, logs: Path, seconds: list[float], dice: random.Random) -> str:
    """Wait for a random moment of a random step; gives the step."""
    step = dice.choice(list(STEPS))
    wait_for(step, process, logs)
    process.join(dice.uniform(0, seconds[list(STEPS).index(step)]))
    return step if process.is_alive() else "after the end"


def test_a_training_that_is_killed_changes_nothing_of_the_next(tmp_path: Path, root: Path, undisturbed):
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
    """Write until not a byte fits; gives the file."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            with suppress(OSError):
                while True:
                    file.write(bytes(size))
    return ballast


def test_a_training_whose_disk_fills_changes_nothing_of_the_next(tmp_path: Path, root: Path, undisturbed):
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


def test_two_trainings_that_write_the_same_caches_at_once_come_to_the_same(tmp_path: Path, root: Path, undisturbed):
    metrics, predictions, _ = undisturbed
    place = Location(tmp_path / "shared", root, "shared")
    for times in (2, 4, 6):
        logs = [place.logs() for _ in range(2)]
        both = [training(place.overrides(), one) for one in logs]
        for process, folder in zip(both, logs, strict=True):
            process.join(LONGEST)
            assert process.exitcode == 0, said(folder)[-3000:]
            told = json.loads((folder / METRICS).read_text())
            assert {name: told[name] for name in metrics} == metrics
        assert place.predictions() == [predictions] * times
        place.forget()
