"""Shared by several test files: small configurations, composed as on the command line, and runs made once."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, open_dict

from ndsc.config.checks import typed
from ndsc.config.command_line import VERSION_BASE
from ndsc.config.schema import CONFIG_FOLDER, Config, TrackingConfig
from ndsc.sample import render_sample

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Tests press Ctrl-C. A shell that starts them in the background makes them and their child processes ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A real network, but a tiny one: 218,000 weights, built and run in a second.
TINY = (
    "backbone.name=tiny",
    "backbone.build._target_=keras.applications.MobileNet",
    "+backbone.build.alpha=0.25",
    "backbone.preprocess=keras.applications.mobilenet.preprocess_input",
    "backbone.weights=random",
    "backbone.image_size=32",
)

# Fixtures that are complete runs, made once.
WHOLE_RUNS = ("trained_run", "pretrained_run", "twice", "sample_run", "audited")


@pytest.hookimpl(tryfirst=True)  # before xdist looks for groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Distribute tests among workers (`--dist loadgroup`). Tests of the same run or the same file go to one worker,
    so that shared fixtures are made once. Tests that start complete runs come first, each on its own."""

    def group(item: pytest.Item) -> str:
        used = getattr(item, "fixturenames", ())
        shared = next((name for name in WHOLE_RUNS if name in used), None)
        alone = "workspace" in used or item.path.parent.name == "sweeps"
        return shared or ("" if alone else item.nodeid.partition("::")[0])

    for item in items:
        if group(item):
            item.add_marker(pytest.mark.xdist_group(group(item)))
    items.sort(key=lambda item: group(item) not in ("", *WHOLE_RUNS))


@pytest.fixture(scope="session")
def rendered_sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder `sample` of a cache: the built-in sample data, rendered once for all workers."""
    base = tmp_path_factory.getbasetemp()
    return render_sample((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "rendered").parent


@contextmanager
def composing(folder: Path) -> Iterator[Callable[..., DictConfig]]:
    """Composes `conf/train.yaml` with these overrides; Hydra's folder of the run is this one."""

    def with_overrides(*overrides: str) -> DictConfig:
        with initialize_config_dir(str(CONFIG_FOLDER), **VERSION_BASE):
            overrides = (*overrides, f"hydra.runtime.output_dir={folder}")
            config = compose("train", overrides=list(overrides), return_hydra_config=True)
        HydraConfig.instance().set_config(config)
        with open_dict(config):
            del config["hydra"]
        return config

    yield with_overrides
    HydraConfig.instance().cfg = None


@pytest.fixture
def composed(tmp_path: Path) -> Iterator[Callable[..., DictConfig]]:
    """Composes `conf/train.yaml` with these overrides; Hydra's folder of the run is the test's."""
    with composing(tmp_path) as with_overrides:
        yield with_overrides


@pytest.fixture
def configured(composed: Callable[..., DictConfig]) -> Callable[..., Config]:
    """Composes `conf/train.yaml` with these overrides, and checks it against the schema."""
    return lambda *overrides: typed(composed(*overrides))


HEAVY = {"tensorflow", "mlflow", "keras", "pandas", "sklearn", "cleanlab", "cleanvision"}


def refusal(*arguments: str, environment: Mapping[str, str] | None = None) -> tuple[int, list[str]]:
    """Run a Python command that must fail without heavy imports and without a traceback; return its exit code and the
    lines that it prints."""
    command = [sys.executable, "-X", "importtime", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    lines = done.stderr.splitlines()
    imported = {line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")}
    assert not HEAVY & imported
    assert "Traceback" not in done.stderr
    return done.returncode, [line for line in lines if not line.startswith("import time:")]


@dataclass(frozen=True)
class TrainedRun:
    """A run by the real command line: its id, its data (NDSC's layout), its store and its cache."""

    id: str
    data: Path
    tracking_root: Path
    cache: Path

    @property
    def uri(self) -> str:
        return f"sqlite:///{self.tracking_root / 'mlflow.db'}"

    @property
    def tracking(self) -> TrackingConfig:
        """The configuration of the store of the run."""
        return TrackingConfig(kind="local", root=str(self.tracking_root))


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    """One run for all tests that need a trained classifier: a tiny backbone, 12 photos a class, 5 epochs."""
    # OpenVINO's export takes seconds and is tested elsewhere.
    settings = (*TINY, "backbone.engine=tensorflow", "sampling.per_class=12", "sampling.test.pool=3")
    return _trained(tmp_path_factory.mktemp("trained"), 20, *settings, "training.epochs=5")


@pytest.fixture(scope="session")
def pretrained_run(tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    """One run on ImageNet features, by the fastest engine and precision of this machine. Rounding has arbitrary effects
    in a tiny network with random weights, which does not show the cost of a lower precision."""
    settings = ("backbone=xception", "backbone.image_size=96", "augmentation=none", "sampling.per_class=40")
    return _trained(tmp_path_factory.mktemp("pretrained"), 60, *settings)


def _trained(folder: Path, photos_per_class: int, *settings: str) -> TrainedRun:
    data = render_sample(folder / "sample", photos_per_class=photos_per_class)
    locations = (f"tracking.root={folder / 'mlruns'}", f"cache.root={folder / 'cache'}", f"hydra.run.dir={folder}")
    settings += ("data=ndsc", f"data.root={data}", *locations, "tracking.figures=false")
    done = subprocess.run([sys.executable, "-m", "ndsc.train", *settings], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    (run_id,) = re.findall(r"MLflow run ([0-9a-f]{32})", done.stderr)
    return TrainedRun(run_id, data, folder / "mlruns", folder / "cache")
