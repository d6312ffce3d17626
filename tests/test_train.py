"""The real command line, in subprocesses, against real MLflow stores."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from hydra.core.hydra_config import HydraConfig
from mlflow.entities import Run
from omegaconf import DictConfig
from PIL import Image

from ndsc.config.checks import typed
from ndsc.config.hydra_job import HydraJob
from ndsc.config.schema import CONFIG_FOLDER, Config
from ndsc.errors import UserError
from ndsc.model.photo_classifier import PhotoClassifier
from ndsc.storage.photo_reader import PhotoReader
from ndsc.tracking.downloads import fetch_classifier
from ndsc.train import main
from tests.conftest import TINY, TrainedRun, refusal

EXPERIMENTS = sorted(path.stem for path in (CONFIG_FOLDER / "experiment").glob("*.yaml"))
FEW = ("sampling.per_class=12", "sampling.test.pool=3", "training.epochs=3")
CHANGING = ("time/", "throughput/", "cache/", "system/", "gpu/")


class Workspace:
    """A folder to run commands in, with one cache, so that the sample is rendered once."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.folder, self.cache = folder, cache

    def command(self, *overrides: str) -> list[str]:
        locations = [f"tracking.root={self.folder / 'mlruns'}", f"cache.root={self.cache}"]
        return [sys.executable, "-m", "ndsc.train", *overrides, *locations, f"hydra.run.dir={self.folder / 'outputs'}"]

    def train(self, *overrides: str, code: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = clean_environment() | variables
        done = subprocess.run(self.command(*overrides), capture_output=True, text=True, env=environment)
        assert done.returncode == code, done.stderr[-3000:]
        return done

    @property
    def uri(self) -> str:
        return f"sqlite:///{self.folder / 'mlruns' / 'mlflow.db'}"

    def runs(self) -> list[Run]:
        """All runs, the newest first."""
        client = mlflow.MlflowClient(self.uri)
        return client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])

    def artifacts(self, run: Run, below: str = "") -> set[str]:
        return {entry.path for entry in mlflow.MlflowClient(self.uri).list_artifacts(run.info.run_id, below)}

    def artifact(self, run: Run, path: str) -> Path:
        found = mlflow.artifacts.download_artifacts(
            run_id=run.info.run_id, artifact_path=path, tracking_uri=self.uri, dst_path=str(self.folder / "fetched")
        )
        return Path(found)


def clean_environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "HYDRA_"))}


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory, rendered_sample: Path) -> Path:
    cache = tmp_path_factory.mktemp("cache")
    (cache / "sample").symlink_to(rendered_sample)
    return cache


@pytest.fixture
def workspace(tmp_path: Path, shared_cache: Path) -> Workspace:
    return Workspace(tmp_path, shared_cache)


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory, rendered_sample: Path) -> tuple[Workspace, str, list[Run]]:
    """The baseline run twice by the same command, the second time from the cache of the first."""
    workspace = Workspace(tmp_path_factory.mktemp("twice"), tmp_path_factory.mktemp("own_cache"))
    (workspace.cache / "sample").symlink_to(rendered_sample)
    workspace.train("+experiment=baseline", *TINY, *FEW)
    shown = workspace.train("+experiment=baseline", *TINY, *FEW).stderr
    return workspace, shown, workspace.runs()


def test_the_same_command_twice_gives_the_same_manifest_and_the_same_metrics_to_the_last_digit(
    twice: tuple[Workspace, str, list[Run]],
):
    _, _, (second, first) = twice
    assert first.data.tags["manifest"] == second.data.tags["manifest"]
    for name, value in first.data.metrics.items():
        if not name.startswith(CHANGING):
            assert second.data.metrics[name] == value, name
    assert first.data.metrics["cache/misses"] > 0
    assert second.data.metrics["cache/misses"] == 0
    assert second.data.metrics["cache/hits"] == first.data.metrics["cache/misses"]


def test_settings_of_libraries_in_the_environment_change_no_number_and_no_other_run(
    twice: tuple[Workspace, str, list[Run]], tmp_path: Path
):
    workspace, _, (_, first) = twice
    (tmp_path / "keras.json").write_text(
        '{"floatx": "bfloat16", "epsilon": 1, "backend": "jax", "image_data_format": "channels_first"}'
    )
    mlflow_variables = {
        "MLFLOW_RUN_ID": first.info.run_id,
        "MLFLOW_EXPERIMENT_ID": "0",
        "MLFLOW_EXPERIMENT_NAME": "another",
        "MLFLOW_RUN_CONTEXT": '{"ndsc.kind": "sweep"}',
        "MLFLOW_REGISTRY_URI": "databricks",
        "MLFLOW_ENABLE_ASYNC_LOGGING": "true",
        "MLFLOW_ACTIVE_MODEL_ID": "m-1",
    }
    others = {
        "KERAS_HOME": str(tmp_path),
        "KERAS_BACKEND": "jax",
        "KERAS_MAX_EPOCHS": "1",
        "KERAS_MAX_STEPS_PER_EPOCH": "1",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }
    shown = workspace.train("+experiment=baseline", *TINY, *FEW, **mlflow_variables, **others).stderr
    third = workspace.runs()[0]
    assert third.info.run_id not in (first.info.run_id, twice[2][0].info.run_id)
    assert third.info.experiment_id == first.info.experiment_id
    assert third.data.tags["ndsc.key"] == first.data.tags["ndsc.key"]
    assert "ndsc.kind" not in third.data.tags
    for name, value in first.data.metrics.items():
        if not name.startswith(CHANGING):
            assert third.data.metrics[name] == value, name
    unchanged = mlflow.MlflowClient(workspace.uri).get_run(first.info.run_id)
    assert unchanged.to_dictionary() == first.to_dictionary()
    assert f"MLFLOW_RUN_ID={first.info.run_id}" in shown
    assert "KERAS_MAX_EPOCHS=1" in shown
    assert [path.name for path in tmp_path.iterdir()] == ["keras.json"]


def test_a_finished_run_has_all_documented_metrics_tags_and_artifacts(twice: tuple[Workspace, str, list[Run]]):
    workspace, _, (_, first) = twice
    assert first.info.status == "FINISHED"
    assert {
        "best/val_accuracy",
        "best/train_accuracy",
        "best/epoch",
        "test/accuracy",
        "test/macro_f1",
        "time/index_seconds",
        "time/features_seconds",
        "time/fit_seconds",
        "time/total_seconds",
        "throughput/backbone_images_per_second",
        "cache/hits",
        "cache/misses",
        "data/rejected",
        "data/duplicate_groups",
        "train/loss",
        "train/accuracy",
        "val/loss",
        "val/accuracy",
        "system/mean_cpu_utilization_percentage",
        "system/peak_memory_megabytes",
    } <= first.data.metrics.keys()
    assert workspace.artifacts(first) >= {"config", "data", "environment", "figures", "predictions", "reports"}
    assert workspace.artifacts(first, "figures") == {
        f"figures/{name}.png"
        for name in (
            "augmented_views",
            "calibration",
            "confident_mistakes",
            "confusion_matrix",
            "learning_curves",
            "test_photos",
        )
    }
    assert {inputs.dataset.name for inputs in first.inputs.dataset_inputs} == {"train", "validation", "test"}


def test_params_are_keyed_like_their_overrides(twice: tuple[Workspace, str, list[Run]]):
    _, _, (_, first) = twice
    params = first.data.params
    assert params["augmentation"] == "baseline"
    assert params["optimizer.learning_rate"] == "0.001"
    assert params["sampling.per_class"] == "12"
    assert params["training.epochs"] == "3"
    assert params["backbone.build.alpha"] == "0.25"
    assert params["cache.dtype"] == "float16"
    assert not any(key.startswith(("tracking", "cache.root", "hydra")) for key in params)


def test_the_manifest_holds_every_photo_that_was_used(twice: tuple[Workspace, str, list[Run]]):
    workspace, _, (_, first) = twice
    rows = pd.read_parquet(workspace.artifact(first, "data/manifest.parquet"))
    assert rows["split"].value_counts().to_dict().keys() == {"train", "validation", "test"}
    assert rows.loc[rows["split"] == "test", "difficulty"].value_counts().to_dict() == {
        "easy": 3,
        "medium": 3,
        "hard": 3,
    }
    assert not rows["content"].duplicated().any() or rows.groupby("content")["split"].nunique().max() == 1


def test_the_closing_table_names_accuracy_cache_weights_run_and_the_command_to_view_it(
    twice: tuple[Workspace, str, list[Run]],
):
    _, shown, (second, _) = twice
    for text in ("validation accuracy", "from the cache, 0 computed", "weights", second.info.run_id, "mlflow ui"):
        assert text in shown


def test_figures_are_valid_images(twice: tuple[Workspace, str, list[Run]]):
    workspace, _, (_, first) = twice
    for path in sorted(workspace.artifact(first, "figures").glob("*.png")):
        with Image.open(path) as picture:
            assert min(picture.size) > 200, path


def test_every_experiment_without_a_sweep_of_its_own_runs(workspace: Workspace):
    # One process for all of them: a sweep over experiments, each with its own settings.
    quick = ("backbone.engine=tensorflow", "tracking.model=none", f"hydra.sweep.dir={workspace.folder / 'sweep'}")
    experiments = [
        name for name in EXPERIMENTS if "sweeper" not in (CONFIG_FOLDER / f"experiment/{name}.yaml").read_text()
    ]
    workspace.train("-m", f"+experiment={','.join(experiments)}", *TINY, *FEW, *quick)
    children = [run for run in workspace.runs() if "ndsc.kind" not in run.data.tags]
    assert {run.info.status for run in children} == {"FINISHED"}
    assert len(children) == len(experiments) >= 3


def test_an_experiment_with_a_sweep_needs_no_multirun_option(workspace: Workspace):
    small = ("split=random,source", "seed=0", f"hydra.sweep.dir={workspace.folder / 'sweep'}")
    quick = ("backbone.engine=tensorflow", "tracking.model=none", "tracking.figures=false")
    workspace.train("+experiment=leakage", *TINY, *FEW, *quick, *small)
    (parent,), children = (
        [run for run in workspace.runs() if ("ndsc.kind" in run.data.tags) == own] for own in (True, False)
    )
    assert parent.info.status == "FINISHED"
    assert {run.info.run_name for run in children} == {
        f"split={split} duplicates={duplicates}"
        for split in ("random", "source")
        for duplicates in ("off", "exact", "near")
    }


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_run_of_an_experiments_sweep_is_a_valid_configuration(configured: Callable[..., Config], experiment: str):
    configured(f"+experiment={experiment}")
    swept = HydraConfig.get().sweeper.params or {}
    for key, values in swept.items():
        for value in values.replace("'", "").split(","):
            configured(f"+experiment={experiment}", f"{key}={value}")


def test_categories_fine_tuning_and_an_mlp_run_together(workspace: Workspace):
    workspace.train(
        "data.labels=category",
        "sampling.per_class=8",
        "sampling.test.per_class=1",
        "head=mlp",
        "head.units=16",
        "optimizer=adamw",
        "augmentation=none",
        "callbacks=checkpoint",
        "+callbacks.curves={_target_:keras.callbacks.CSVLogger,filename:'${hydra:runtime.output_dir}/curves.csv'}",
        "training.precision=mixed_bfloat16",
        "training=finetune",
        "training.epochs=2",
        "training.finetune.epochs=2",
        "training.finetune.freeze=before:conv_pw_11",
        "training.label_smoothing=0.1",
        "training.class_weights=balanced",
        "tracking.model=head",
        # OpenVINO's export, which two freeze lines need twice, and figures are tested elsewhere.
        "backbone.engine=tensorflow",
        "tracking.figures=false",
        *TINY,
    )
    (run,) = workspace.runs()
    history = mlflow.MlflowClient(workspace.uri).get_metric_history(run.info.run_id, "val/loss")
    assert [metric.step for metric in history] == [1, 2, 3, 4]
    assert "head/head.keras" in workspace.artifacts(run, "head")
    # The second phase writes its own files.
    for name in ("", "finetune-"):
        assert (workspace.folder / "outputs" / f"{name}best.weights.h5").stat().st_size > 1000
        assert len(pd.read_csv(workspace.folder / "outputs" / f"{name}curves.csv")) == 2


def test_the_saved_model_gives_raw_photos_the_probabilities_of_the_evaluation(workspace: Workspace):
    workspace.train(*TINY, *FEW, "sampling.per_class=30", "backbone.engine=tensorflow", "augmentation=none")
    (run,) = workspace.runs()
    assert agreement(TrainedRun(run.info.run_id, Path(), workspace.folder / "mlruns", workspace.cache)) < 1e-3


def test_the_saved_model_gives_nearly_the_same_at_another_engine_and_precision(pretrained_run: TrainedRun):
    assert agreement(pretrained_run) < 0.03


def agreement(trained: TrainedRun) -> float:
    """The largest difference between the probabilities in a run's predictions and those of its saved model, after
    checking that the labels are the same."""
    client = mlflow.MlflowClient(trained.uri)
    fetched = partial(client.download_artifacts, trained.id)
    logged = pd.read_csv(fetched("predictions/validation.csv"))
    manifest = pd.read_parquet(fetched("data/manifest.parquet")).set_index("image_path")
    classifier = PhotoClassifier(fetch_classifier(trained.id, trained.tracking, trained.cache))
    with PhotoReader(trained.cache) as reader:
        rows = manifest.loc[logged["image_path"], ["archive", "offset", "size"]].itertuples(index=False, name=None)
        prepared = [classifier.prepare(reader.read(str(archive), offset, size)) for archive, offset, size in rows]
    found = classifier.probabilities(prepared)
    expected = logged.filter(regex="^p_").to_numpy()
    np.testing.assert_array_equal(found.argmax(axis=1), expected.argmax(axis=1))
    return float(np.abs(found - expected).max())


def test_the_sample_without_network_and_tracking_uses_random_weights_with_a_warning(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("KERAS_HOME", str(workspace.folder / "keras"))
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    small = (
        "backbone=mobilenetv3small",
        "backbone.image_size=32",
        "backbone.engine=tensorflow",
        "augmentation=none",
        *FEW,
    )
    shown = workspace.train("tracking=off", "threads=1", *small).stderr
    assert "random (ImageNet weights unavailable)" in shown
    assert "make train BACKBONE=xception" in shown
    assert not (workspace.folder / "mlruns").exists()


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """root/class/image with two images and an empty class folder, and a table of the two images."""
    root = tmp_path / "folders"
    for label in ("cat", "dog"):
        (root / label).mkdir(parents=True)
        Image.new("RGB", (40, 30), "white" if label == "cat" else "black").save(root / label / "one.jpg")
    (root / "empty").mkdir()
    (root / "photos.csv").write_text("image_path,label\ncat/one.jpg,cat\ndog/one.jpg,dog\n")
    return root


BAD = {
    "an unknown key": (["backbone.colour=red"], "colour"),
    "an unknown choice": (["backbone=resnet51"], "resnet50"),
    "a wrong type": (["training.epochs=many"], "many"),
    "a target outside the whitelist": (["optimizer._target_=os.system"], "os.system"),
    "a negative number": (["sampling.per_class=-1"], "sampling.per_class must be at least 2"),
    "a missing root": (["data=ndsc"], "data.root=<folder>"),
    "a missing folder": (["data=ndsc", "data.root=nowhere"], "nowhere"),
    "a missing column": (["split=group", "split.by=shop", "data=table", "data.table={folders}/photos.csv"], "shop"),
    "a missing test list": (["sampling.test.list=nowhere.csv"], "nowhere.csv"),
    "missing verdicts": (["sampling.exclude=nowhere.csv"], "sampling.exclude must be a CSV or Parquet file"),
    "a class folder without images": (["data=folder", "data.root={folders}"], "empty"),
}


@pytest.mark.parametrize(("overrides", "message"), BAD.values(), ids=BAD.keys())
def test_bad_input_is_reported_in_one_paragraph_before_heavy_imports(
    workspace: Workspace, folders: Path, overrides: list[str], message: str
):
    command = workspace.command(*(override.format(folders=folders) for override in overrides))
    code, shown = refusal(*command[1:], environment=clean_environment())
    assert code in (1, 2)
    assert message in "\n".join(shown)
    assert not (workspace.folder / "mlruns").exists()


def test_a_missing_freeze_line_is_reported_in_one_paragraph_and_logs_no_run(workspace: Workspace):
    shown = workspace.train(*TINY, *FEW, "backbone.freeze=before:nothing_like_it", code=1).stderr
    assert "No layer of" in shown
    assert "catalogue" not in shown  # reported before any data is read
    assert "Traceback" not in shown
    assert not (workspace.folder / "mlruns").exists()


def test_missing_weights_log_no_run_except_a_failed_one_in_a_sweep(composed: Callable[..., DictConfig], tmp_path: Path):
    locations = (f"tracking.root={tmp_path / 'mlruns'}", f"cache.root={tmp_path / 'cache'}")
    config = composed("backbone.weights=nowhere.keras", *locations)
    for in_sweep in (False, True):
        assert not (tmp_path / "mlruns").exists()
        with pytest.raises(UserError, match="weights=nowhere"):
            main(typed(config), HydraJob((), {}, config, tmp_path), in_sweep)
    (failed,) = Workspace(tmp_path, tmp_path / "cache").runs()
    assert failed.info.status == "FAILED"


def test_the_traceback_of_a_user_error_is_shown_on_request(workspace: Workspace):
    command = workspace.command("sampling.per_class=-1")
    environment = {**clean_environment(), "HYDRA_FULL_ERROR": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 1
    assert "Traceback" in done.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["SIGTERM", "Ctrl-C"])
def test_a_run_that_is_interrupted_is_killed(workspace: Workspace, number: signal.Signals, code: int):
    # A training so slow that the signal interrupts it.
    overrides = [
        *TINY,
        "sampling.per_class=12",
        "training.epochs=100000",
        "callbacks=none",
        "backbone.engine=tensorflow",
    ]
    command = workspace.command(*overrides)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=clean_environment()) as process:
        assert process.stderr is not None
        output = ""
        for line in process.stderr:
            output += line
            if line.startswith("manifest "):
                break
        time.sleep(1)
        process.send_signal(number)
        output += process.stderr.read()
    assert process.returncode == code, output[-3000:]
    assert "Traceback" not in output
    assert [run.info.status for run in workspace.runs()] == ["KILLED"]


def test_help_lists_groups_and_choices(workspace: Workspace):
    shown = workspace.train("--help").stdout
    for text in ("backbone: ", "resnet50", "xception", "augmentation: ", "randaugment", "experiment: ", "sample_size"):
        assert text in shown
