"""Repetition of runs from what they logged, by the real command line in other processes."""

import io
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from hydra import compose, initialize_config_dir
from mlflow.entities import Run

from ndsc.config.checks import typed
from ndsc.config.command_line import VERSION_BASE
from ndsc.config.hydra_job import HydraJob
from ndsc.config.schema import CONFIG_FOLDER, TrackingConfig
from ndsc.errors import UserError
from ndsc.reproduce import ReproduceConfig, main
from ndsc.sample import render_sample
from ndsc.tracking.history import History
from ndsc.tracking.run import start_run
from ndsc.train import main as train
from tests.conftest import TINY, composing

# Figures and the whole model take seconds and are tested elsewhere.
QUICK = (
    "sampling.per_class=12",
    "sampling.test.pool=3",
    "training.epochs=3",
    "tracking.figures=false",
    "tracking.model=head",
    "tracking.experiment=mine",
)
FINE_TUNED = (
    "training=finetune",
    "training.finetune.epochs=2",
    "training.finetune.freeze=before:conv_pw_11",
    "callbacks=checkpoint",
    "head=mlp",
    "head.dropout=0.5",
)


@dataclass(frozen=True)
class Location:
    """A folder with a store of runs, caches and Hydra's output folders."""

    folder: Path

    @property
    def tracking(self) -> TrackingConfig:
        return TrackingConfig(
            kind="local", root=str(self.folder / "mlruns"), experiment="mine", model="head", system_metrics_interval=1.0
        )

    @property
    def client(self) -> mlflow.MlflowClient:
        return mlflow.MlflowClient(f"sqlite:///{self.folder / 'mlruns' / 'mlflow.db'}")

    def paths(self, cache: str) -> tuple[str, str]:
        return f"tracking.root={self.tracking.root}", f"cache.root={self.folder / cache}"

    def newest(self) -> Run:
        """Return the run that was started last."""
        (experiment,) = (one for one in self.client.search_experiments() if one.name == "mine")
        return self.client.search_runs([experiment.experiment_id])[0]

    def train(self, *overrides: str) -> Run:
        """Do a run in this process, which is faster."""
        with composing(self.folder / "recorded") as composed:
            config = composed(*TINY, *QUICK, *overrides, *self.paths("cache"))
            train(typed(config), HydraJob.of(config))
        return self.newest()

    def reproduce(self, *overrides: str, code: int = 0) -> tuple[Run, str]:
        """Run the command in another process; return the run that it recorded and its output."""
        arguments = [sys.executable, "-m", "ndsc.reproduce", *overrides, *self.paths("new")]
        done = subprocess.run([*arguments, f"hydra.run.dir={self.folder / 'current'}"], capture_output=True, text=True)
        assert done.returncode == code, done.stderr[-3000:]
        return self.newest(), done.stderr

    def table(self, run: Run) -> pd.DataFrame:
        """Return the comparison of both runs that the repetition logged."""
        text = History(self.tracking).text(run.info.run_id, "reproduce/comparison.csv")
        return pd.read_csv(io.StringIO(text or "")).set_index("what")


@pytest.fixture(scope="module")
def location(tmp_path_factory: pytest.TempPathFactory) -> Location:
    return Location(tmp_path_factory.mktemp("reproduce"))


@pytest.fixture(scope="module")
def data(location: Location) -> Path:
    return render_sample(location.folder / "data", photos_per_class=20)


@pytest.fixture(scope="module")
def sweep(location: Location) -> str:
    """Return the id of a run that stands for a whole sweep, and is RUNNING as long as these tests."""
    tags = {"ndsc.kind": "sweep", "best.run": "b" * 32}
    with start_run(location.tracking, "sweep", tags, end_status="RUNNING") as run:
        assert run.id is not None
    return run.id


@pytest.fixture(scope="module")
def sample_run(location: Location, rendered_sample: Path) -> Run:
    """Return a run on the built-in sample."""
    (location.folder / "cache").mkdir()
    (location.folder / "cache" / "sample").symlink_to(rendered_sample)
    return location.train()


@pytest.fixture(scope="module")
def ndsc_run(location: Location, data: Path, sweep: str, sample_run: Run) -> Run:
    """Return a run of a sweep on photos in NDSC's layout. It uses the exported network that is in the cache already."""
    return location.train("data=ndsc", f"data.root={data}", f"tracking.parent_run_id={sweep}", "augmentation=none")


@pytest.fixture
def reproduce(location: Location, tmp_path: Path) -> Callable[..., str | None]:
    """Return a function that repeats a run in this process."""

    def with_overrides(*overrides: str) -> str | None:
        paths = [f"tracking.root={location.tracking.root}", f"cache.root={tmp_path / 'cache'}"]
        with initialize_config_dir(str(CONFIG_FOLDER), **VERSION_BASE):
            return main(typed(compose("reproduce", overrides=[*paths, *overrides]), ReproduceConfig), tmp_path)

    return with_overrides


def test_repetitions_without_the_cache_are_identical_and_the_first_different_number_is_reported(
    location: Location, data: Path, sample_run: Run, ndsc_run: Run
):
    # The photos of the sample have moved, too: rendering them again would take seconds.
    (location.folder / "new").mkdir()
    (location.folder / "cache" / "sample").rename(location.folder / "new" / "sample")
    shutil.rmtree(location.folder / "cache")

    repetition, output = location.reproduce(f"run={sample_run.info.run_id}")
    assert output.splitlines()[-1] == "identical"
    assert "0 from the cache" in output
    table = location.table(repetition)
    alike = ["source", "cpu", "engine", "weights", "manifest", "all curves", "best/val_accuracy", "test/accuracy"]
    assert not table.loc[["commit", *alike], "differs"].any()
    assert repetition.info.status == "FINISHED"
    assert repetition.info.experiment_id == sample_run.info.experiment_id
    assert repetition.info.run_name == f"reproduce {sample_run.info.run_name}"
    assert repetition.data.params == sample_run.data.params
    assert repetition.data.tags["ndsc.reproduces"] == sample_run.info.run_id
    for tag in ("command", "manifest", "source"):
        assert repetition.data.tags[tag] == sample_run.data.tags[tag]

    data.rename(location.folder / "moved")
    location.client.log_metric(ndsc_run.info.run_id, "test/accuracy", 0.125, timestamp=2**42)
    repetition, output = location.reproduce(
        f"run={ndsc_run.info.run_id}", f"data.root={location.folder / 'moved'}", code=1
    )
    assert "0 from the cache" in output
    true = ndsc_run.data.metrics["test/accuracy"]
    assert output.splitlines()[-1] == f"the first difference: test/accuracy: 0.125 → {true}"
    table = location.table(repetition)
    assert table.index[table["differs"]].tolist() == ["test/accuracy"]
    assert "mlflow.parentRunId" not in repetition.data.tags
    assert repetition.data.tags["data.root"] == str(location.folder / "moved")


@pytest.mark.soak
def test_the_repetition_of_a_fine_tuned_run_without_the_cache_is_identical(tmp_path: Path):
    location = Location(tmp_path)
    run = location.train(*FINE_TUNED)
    checkpoint = (tmp_path / "recorded" / "best.weights.h5").read_bytes()
    shutil.rmtree(tmp_path / "cache")
    _, output = location.reproduce(f"run={run.info.run_id}")
    assert output.splitlines()[-1] == "identical"
    # The files of the recorded run do not change.
    assert (tmp_path / "recorded" / "best.weights.h5").read_bytes() == checkpoint
    assert (tmp_path / "current" / "best.weights.h5").is_file()


def test_an_int8_run_is_repeated_with_the_network_that_it_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    location = Location(tmp_path)
    data = render_sample(tmp_path / "data", photos_per_class=30)
    # The second run uses the network of the first, which calibrated on photos that the second one tests.
    int8 = ("backbone.precision=int8", "data=ndsc", f"data.root={data}")
    first = location.train(*int8, "sampling.test.per_class=0")
    assert "test photos are among" not in caplog.text
    run = location.train(*int8, "sampling.test.per_class=2")
    assert "6 of the 6 test photos are among those that calibrated the int8 network" in caplog.text
    # The network is logged once, with the first run.
    assert any(entry.path == "quantized_networks" for entry in location.client.list_artifacts(first.info.run_id))
    assert not any(entry.path == "quantized_networks" for entry in location.client.list_artifacts(run.info.run_id))
    shutil.rmtree(tmp_path / "cache")
    _, output = location.reproduce(f"run={run.info.run_id}")
    assert output.splitlines()[-1] == "identical"
    assert "quantized the frozen part" not in output
    # If the logged network is missing, a new one is calibrated on the photos of the manifest, which is reported.
    shutil.rmtree(tmp_path / "new")
    shutil.rmtree(tmp_path / "mlruns" / "artifacts" / first.info.run_id / "artifacts" / "quantized_networks")
    _, output = location.reproduce(f"run={run.info.run_id}", code=1)
    assert "numbers may differ" in output
    assert output.splitlines()[-1].startswith("the first difference: calibration")
    # Version 0.1 logged no network, but the photos that calibrated it: on these, the same network is made again.
    with History(location.tracking).file(first.info.run_id, "data/manifest.parquet") as manifest:
        pd.read_parquet(manifest).assign(line="all").to_parquet(tmp_path / "calibration.parquet")
    location.client.log_artifact(run.info.run_id, str(tmp_path / "calibration.parquet"), "data")
    _, output = location.reproduce(f"run={run.info.run_id}")
    assert output.splitlines()[-1] == "identical"


def test_a_photo_with_different_bytes_is_reported_before_a_run_is_recorded(
    location: Location, ndsc_run: Run, reproduce: Callable[..., str | None], tmp_path: Path
):
    # Another test moves the data.
    folders = (location.folder / "moved", Path(ndsc_run.data.tags["data.root"]))
    changed = Path(shutil.copytree(next(folder for folder in folders if folder.exists()), tmp_path / "changed"))
    content = bytearray((changed / "beauty_image.tar").read_bytes())
    # One byte in each 2 kB, none of which is in the name of a photo.
    for start in range(1000, len(content), 2048):
        content[start] ^= 1
    (changed / "beauty_image.tar").write_bytes(content)
    before = len(location.client.search_runs([ndsc_run.info.experiment_id]))
    with pytest.raises(UserError, match=r"Received: \d+ of \d+ that differ, the first beauty_image/\w+\.jpg in .*tar"):
        reproduce(f"run={ndsc_run.info.run_id}", f"data.root={changed}")
    assert len(location.client.search_runs([ndsc_run.info.experiment_id])) == before


def test_a_sweep_is_rejected_with_the_id_of_its_best_run(sweep: str, reproduce: Callable[..., str | None]):
    with pytest.raises(UserError, match=f"is a sweep of many runs. The best of them is run={'b' * 32}"):
        reproduce(f"run={sweep}")


def test_an_unfinished_run_is_rejected(location: Location, sweep: str, reproduce: Callable[..., str | None]):
    with pytest.raises(ValueError, match="on purpose"), start_run(location.tracking, "failed", {}) as run:
        raise ValueError("on purpose")
    with pytest.raises(UserError, match="which is FAILED"):
        reproduce(f"run={run.id}")


def test_a_run_without_a_configuration_is_rejected(
    location: Location, sweep: str, reproduce: Callable[..., str | None]
):
    with start_run(location.tracking, "another", {}) as run:
        pass
    folder = f"{location.tracking.root}/artifacts/{run.id}/artifacts"
    with pytest.raises(UserError, match=rf"artifacts config/config\.yaml.* lacks one of them in (file://)?{folder}"):
        reproduce(f"run={run.id}")


BAD = {
    "no run": ([], "Received: run=null"),
    "an unknown run": (["run=1"], "32 letters and digits"),
    "an unknown kind of tracking": (["run=1", "tracking.kind=cloud"], "Received: tracking.kind=cloud"),
}


@pytest.mark.parametrize(("overrides", "expected"), BAD.values(), ids=BAD.keys())
def test_invalid_settings_are_reported(
    sweep: str, reproduce: Callable[..., str | None], overrides: list[str], expected: str
):
    with pytest.raises(UserError) as error:
        reproduce(*overrides)
    assert expected in str(error.value)


def test_help_lists_the_keys_and_examples():
    shown = subprocess.run([sys.executable, "-m", "ndsc.reproduce", "--help"], capture_output=True, text=True).stdout
    for expected in ("run: null", "root: null", "tracking=local|server|off", "Examples", "exit code"):
        assert expected in shown
