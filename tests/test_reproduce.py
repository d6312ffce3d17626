"""Runs done again by the real command line, in other processes, from the store alone."""

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
from ndsc.config.hydra_job import HydraJob
from ndsc.config.schema import CONFIG_FOLDER, TrackingConfig, as_schema
from ndsc.errors import UserError
from ndsc.reproduce import ReproduceConfig, main, register
from ndsc.sample import render_sample
from ndsc.tracking.history import History
from ndsc.tracking.run import start_run
from ndsc.train import main as train
from tests.conftest import TINY, composing

# What takes seconds and is tested elsewhere is left out: figures, and the whole model.
QUICK = (
    "sampling.per_class=12",
    "sampling.test.pool=3",
    "training.epochs=3",
    "tracking.figures=false",
    "tracking.model=head",
    "tracking.experiment=mine",
)
LABORIOUS = (
    "training=finetune",
    "training.finetune.epochs=2",
    "training.finetune.freeze=before:conv_pw_11",
    "callbacks=checkpoint",
    "head=mlp",
    "head.dropout=0.5",
)


@dataclass(frozen=True)
class Location:
    """A store and a folder for everything else."""

    folder: Path

    @property
    def tracking(self) -> TrackingConfig:
        return TrackingConfig(
            kind="local", root=str(self.folder / "mlruns"), experiment="mine", model="head", system_metrics_interval=1.0
        )

    @property
    def client(self) -> mlflow.MlflowClient:
        return mlflow.MlflowClient(f"sqlite:///{self.folder / 'mlruns' / 'mlflow.db'}")

    def places(self, cache: str) -> tuple[str, str]:
        return f"tracking.root={self.tracking.root}", f"cache.root={self.folder / cache}"

    def newest(self) -> Run:
        """The run that was started last."""
        (experiment,) = (one for one in self.client.search_experiments() if one.name == "mine")
        return self.client.search_runs([experiment.experiment_id])[0]

    def train(self, *overrides: str) -> Run:
        """A run in this process, which is quicker."""
        with composing(self.folder / "then") as composed:
            config = composed(*TINY, *QUICK, *overrides, *self.places("cache"))
            train(typed(config), HydraJob.of(config))
        return self.newest()

    def reproduce(self, *overrides: str, code: int = 0) -> tuple[Run, str]:
        """The real command, in another process; gives the run that it recorded, and what it said."""
        arguments = [sys.executable, "-m", "ndsc.reproduce", *overrides, *self.places("new")]
        done = subprocess.run([*arguments, f"hydra.run.dir={self.folder / 'now'}"], capture_output=True, text=True)
        assert done.returncode == code, done.stderr[-3000:]
        return self.newest(), done.stderr

    def table(self, run: Run) -> pd.DataFrame:
        """Both runs side by side, as the repetition logged them."""
        text = History(self.tracking).text(run.info.run_id, "reproduce/comparison.csv")
        return pd.read_csv(io.StringIO(text or "")).set_index("what")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Location:
    return Location(tmp_path_factory.mktemp("reproduce"))


@pytest.fixture(scope="module")
def data(place: Location) -> Path:
    return render_sample(place.folder / "data", photos_per_class=20)


@pytest.fixture(scope="module")
def sweep(place: Location) -> str:
    """A sweep's own run."""
    with start_run(place.tracking, "sweep", {"ndsc.kind": "sweep", "best.run": "b" * 32}) as run:
        assert run.id is not None
    return run.id


@pytest.fixture(scope="module")
def of_sample(place: Location, rendered_sample: Path) -> Run:
    """A run of the built-in sample."""
    (place.folder / "cache").mkdir()
    (place.folder / "cache" / "sample").symlink_to(rendered_sample)
    return place.train()


@pytest.fixture(scope="module")
def of_ndsc(place: Location, data: Path, sweep: str, of_sample: Run) -> Run:
    """A child of a sweep, of photos in NDSC's layout; out of the cache that has the exported network by now."""
    return place.train("data=ndsc", f"data.root={data}", f"tracking.parent_run_id={sweep}", "augmentation=none")


@pytest.fixture
def reproduce(place: Location, tmp_path: Path) -> Callable[..., str | None]:
    """Repeats in this process."""

    def with_overrides(*overrides: str) -> str | None:
        register()
        places = [f"tracking.root={place.tracking.root}", f"cache.root={tmp_path / 'cache'}"]
        with initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
            return main(as_schema(compose("reproduce", overrides=[*places, *overrides]), ReproduceConfig), tmp_path)

    return with_overrides


def test_runs_come_out_identical_after_the_cache_was_deleted_and_a_number_that_did_not_is_named(
    place: Location, data: Path, of_sample: Run, of_ndsc: Run
):
    # The photos of the sample are not where they were either; only that they need not be rendered anew here.
    (place.folder / "new").mkdir()
    (place.folder / "cache" / "sample").rename(place.folder / "new" / "sample")
    shutil.rmtree(place.folder / "cache")

    again, said = place.reproduce(f"run={of_sample.info.run_id}")
    assert said.splitlines()[-1] == "identical"
    assert "0 from the cache" in said
    table = place.table(again)
    alike = ["source", "cpu", "engine", "weights", "manifest", "all curves", "best/val_accuracy", "test/accuracy"]
    assert not table.loc[["commit", *alike], "differs"].any()
    assert again.info.status == "FINISHED"
    assert again.info.experiment_id == of_sample.info.experiment_id
    assert again.info.run_name == f"reproduce {of_sample.info.run_name}"
    assert again.data.params == of_sample.data.params
    assert again.data.tags["ndsc.reproduces"] == of_sample.info.run_id
    for tag in ("command", "manifest", "source"):
        assert again.data.tags[tag] == of_sample.data.tags[tag]

    data.rename(place.folder / "moved")
    place.client.log_metric(of_ndsc.info.run_id, "test/accuracy", 0.125, timestamp=2**42)
    again, said = place.reproduce(f"run={of_ndsc.info.run_id}", f"data.root={place.folder / 'moved'}", code=1)
    assert "0 from the cache" in said
    true = of_ndsc.data.metrics["test/accuracy"]
    assert said.splitlines()[-1] == f"the first difference: test/accuracy: 0.125 → {true}"
    table = place.table(again)
    assert table.index[table["differs"]].tolist() == ["test/accuracy"]
    assert "mlflow.parentRunId" not in again.data.tags
    assert again.data.tags["data.root"] == str(place.folder / "moved")


@pytest.mark.soak
def test_a_fine_tuned_run_comes_out_identical_after_everything_was_deleted(tmp_path: Path):
    place = Location(tmp_path)
    run = place.train(*LABORIOUS)
    checkpoint = (tmp_path / "then" / "best.weights.h5").read_bytes()
    shutil.rmtree(tmp_path / "cache")
    _, said = place.reproduce(f"run={run.info.run_id}")
    assert said.splitlines()[-1] == "identical"
    # The files of then stay as they were.
    assert (tmp_path / "then" / "best.weights.h5").read_bytes() == checkpoint
    assert (tmp_path / "now" / "best.weights.h5").is_file()


def test_an_int8_run_is_repeated_with_the_network_that_it_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    place = Location(tmp_path)
    data = render_sample(tmp_path / "data", photos_per_class=30)
    # The second run uses the network of the first, which calibrated on photos that the second one tests.
    int8 = ("backbone.precision=int8", "data=ndsc", f"data.root={data}")
    first = place.train(*int8, "sampling.test.per_class=0")
    assert "test photos are among" not in caplog.text
    run = place.train(*int8, "sampling.test.per_class=2")
    assert "6 of the 6 test photos are among those that calibrated the int8 network" in caplog.text
    # Its files are logged once, with the first run.
    assert any(entry.path == "quantized_networks" for entry in place.client.list_artifacts(first.info.run_id))
    assert not any(entry.path == "quantized_networks" for entry in place.client.list_artifacts(run.info.run_id))
    shutil.rmtree(tmp_path / "cache")
    _, said = place.reproduce(f"run={run.info.run_id}")
    assert said.splitlines()[-1] == "identical"
    assert "quantized the frozen part" not in said
    # Without it another network is calibrated on the manifest's own photos, which is reported.
    shutil.rmtree(tmp_path / "new")
    shutil.rmtree(tmp_path / "mlruns" / "artifacts" / first.info.run_id / "artifacts" / "quantized_networks")
    _, said = place.reproduce(f"run={run.info.run_id}", code=1)
    assert "numbers may differ" in said
    assert said.splitlines()[-1].startswith("the first difference: calibration")


def test_a_photo_with_other_bytes_is_refused_before_anything_is_recorded(
    place: Location, of_ndsc: Run, reproduce: Callable[..., str | None], tmp_path: Path
):
    then = next(one for one in (place.folder / "moved", Path(of_ndsc.data.tags["data.root"])) if one.exists())
    changed = Path(shutil.copytree(then, tmp_path / "changed"))
    content = bytearray((changed / "beauty_image.tar").read_bytes())
    # Behind the headers of its photos, whose names stay.
    for start in range(1000, len(content), 2048):
        content[start] ^= 1
    (changed / "beauty_image.tar").write_bytes(content)
    before = len(place.client.search_runs([of_ndsc.info.experiment_id]))
    with pytest.raises(UserError, match=r"Received: \d+ of \d+ that differ, the first beauty_image/\w+\.jpg in .*tar"):
        reproduce(f"run={of_ndsc.info.run_id}", f"data.root={changed}")
    assert len(place.client.search_runs([of_ndsc.info.experiment_id])) == before


def test_a_sweep_is_refused_with_the_name_of_its_best_run(sweep: str, reproduce: Callable[..., str | None]):
    with pytest.raises(UserError, match=f"is a sweep of many runs. The best of them is run={'b' * 32}"):
        reproduce(f"run={sweep}")


def test_a_run_that_did_not_finish_is_refused(place: Location, sweep: str, reproduce: Callable[..., str | None]):
    with pytest.raises(ValueError, match="on purpose"), start_run(place.tracking, "failed", {}) as run:
        raise ValueError("on purpose")
    with pytest.raises(UserError, match="which is FAILED"):
        reproduce(f"run={run.id}")


def test_a_run_of_something_else_is_refused(place: Location, sweep: str, reproduce: Callable[..., str | None]):
    with start_run(place.tracking, "another", {}) as run:
        pass
    kept_in = f"{place.tracking.root}/artifacts/{run.id}/artifacts"
    with pytest.raises(UserError, match=rf"artifacts config/config\.yaml.* lacks one of them in (file://)?{kept_in}"):
        reproduce(f"run={run.id}")


BAD = {
    "no run": ([], "Received: run=null"),
    "an unknown run": (["run=1"], "32 letters and digits"),
    "an unknown kind of tracking": (["run=1", "tracking.kind=cloud"], "Received: tracking.kind=cloud"),
}


@pytest.mark.parametrize(("overrides", "told"), BAD.values(), ids=BAD.keys())
def test_a_mistake_is_an_error_with_expected_and_received(
    sweep: str, reproduce: Callable[..., str | None], overrides: list[str], told: str
):
    with pytest.raises(UserError) as refused:
        reproduce(*overrides)
    assert told in str(refused.value)


def test_help_lists_the_keys_and_examples():
    shown = subprocess.run([sys.executable, "-m", "ndsc.reproduce", "--help"], capture_output=True, text=True).stdout
    for told in ("run: null", "root: null", "tracking=local|server|off", "Examples", "exit code"):
        assert told in shown
