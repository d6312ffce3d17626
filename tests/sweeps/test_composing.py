"""Jobs have the configurations that Hydra composes, although Hydra composes only one for jobs that differ in values."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
from hydra import compose, initialize_config_dir
from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import HydraContext
from omegaconf import OmegaConf, open_dict

from ndsc.config.checks import typed
from ndsc.config.command_line import VERSION_BASE
from ndsc.config.run_key import run_key
from ndsc.config.schema import CONFIG_FOLDER, Config
from ndsc.data.data_digest import data_digest
from ndsc.errors import UserError
from ndsc.sweeps.composing import ComposingSweeper
from tests.sweeps.conftest import job_of

SHARED = ("+experiment=baseline", "head=mlp", "tracking=off")


class Composing(ComposingSweeper):
    """A sweeper that only composes. It counts how often Hydra composes a configuration."""

    def __init__(self, params: Mapping[str, str] | None = None) -> None:
        super().__init__(params)
        self.asked = 0

    def sweep(self, arguments: list[str]) -> None:
        raise NotImplementedError

    def _composed_by_hydra(self, shared, chosen):
        self.asked += 1
        return super()._composed_by_hydra(shared, chosen)


@pytest.fixture
def sweeper(request: pytest.FixtureRequest) -> Iterator[Composing]:
    """A sweeper of the params that a test gives as its parameter `sweeper`, if any."""
    with initialize_config_dir(str(CONFIG_FOLDER), **VERSION_BASE):
        made = Composing(getattr(request, "param", None))
        made.config = compose("train", return_hydra_config=True)
        HydraConfig.instance().set_config(made.config)
        made.hydra_context = SimpleNamespace(config_loader=GlobalHydra.instance().config_loader())
        yield made
    HydraConfig.instance().cfg = None


@pytest.mark.parametrize(
    ("chosen", "asked"),
    [
        (["head.dropout=0.25", "seed=3", "backbone.freeze='before:conv5_block1'", "data.metadata=null"], 1),
        (["optimizer=adamw", "optimizer.weight_decay=1e-4"], 2),
        (["+optimizer.beta_1=0.8", "~augmentation.layers.flip", "augmentation.views=2"], 2),
        (["augmentation.layers={}", "sampling=all", "split=group", "split.by=source"], 2),
    ],
)
def test_composed_jobs_are_what_hydra_composes(sweeper: Composing, chosen: list[str], asked: int):
    sweeper._composed(SHARED, ["seed=1"])
    composed = sweeper._composed(SHARED, chosen)
    assert sweeper.asked == asked
    assert composed == sweeper._composed_by_hydra(SHARED, chosen)
    assert OmegaConf.to_yaml(composed, resolve=True) == OmegaConf.to_yaml(
        sweeper._composed_by_hydra(SHARED, chosen), resolve=True
    )
    # The values of one job do not change the next.
    assert sweeper._composed(SHARED, ["seed=1"]) == sweeper._composed_by_hydra(SHARED, ["seed=1"])


@pytest.mark.parametrize("wrong", ["head.dropuot=0.5", "seed=many"])
def test_a_wrong_override_gives_the_error_of_hydra(sweeper: Composing, wrong: str):
    with pytest.raises(UserError, match=wrong.partition("=")[0]):
        sweeper._composed(SHARED, [wrong])


@pytest.mark.parametrize(
    ("sweeper", "typed", "refused"),
    [
        ({"sampling.per_class": "50,100"}, ["sampling=all"], "sampling=all sets sampling.per_class=null"),
        ({"sampling.per_class": "50,100"}, ["sampling=per_class,fraction"], "sampling=per_class sets .*=1150"),
        ({"sampling.per_class": "50"}, ["sampling=fraction"], "sampling=fraction sets sampling.per_class=null"),
        ({"head": "linear,mlp", "head.dropout": "0.0,0.5"}, ["head=mlp"], "head=mlp sets head.dropout=0.3"),
        ({"sampling.per_class": "50,1150"}, ["sampling=per_class"], None),
        ({"sampling.per_class": "50,100"}, ["sampling=all", "sampling.per_class=null"], None),
        ({"sampling.per_class": "50,100"}, ["sampling=all", "sampling.per_class=20,40"], None),
        ({"augmentation.views": "1,2,4,8"}, ["augmentation=strong"], None),
        ({"backbone.freeze": "all,'before:conv5_block1',none"}, ["backbone=xception", "seed=1,2"], None),
        ({"optimizer.learning_rate": "interval(1e-5,1e-3)"}, ["optimizer=sgd"], None),
    ],
    indirect=["sweeper"],
)
def test_an_experiment_s_sweep_never_loses_the_value_of_a_choice(
    sweeper: Composing, typed: list[str], refused: str | None
):
    with pytest.raises(UserError, match=refused) if refused else nullcontext():
        sweeper._overrides(typed)


def test_a_callback_that_writes_into_hydra_s_folder_gives_sweep_and_job_the_same_key(
    sweeper: Composing, tmp_path: Path
):
    HydraConfig.instance().cfg = None  # as in a sweep, outside its jobs
    context = HydraContext(sweeper.hydra_context.config_loader, Callbacks())
    sweeper.setup(hydra_context=context, task_function=lambda _: None, config=sweeper.config)
    overrides = [*SHARED, "callbacks=checkpoint"]
    job = sweeper._job(overrides, {"seed": "1"}, {})

    config = compose("train", [*job.overrides, f"hydra.runtime.output_dir={tmp_path}"], return_hydra_config=True)
    HydraConfig.instance().set_config(config)
    with open_dict(config):
        del config["hydra"]
    of_the_job = typed(config)
    assert of_the_job.callbacks["checkpoint"]["filepath"] == f"{tmp_path}/best.weights.h5"
    assert job.key == run_key(
        of_the_job, data_digest(of_the_job.data, of_the_job.sampling, Path(of_the_job.cache.root))
    )


@pytest.mark.parametrize(
    ("swept", "name"),
    [
        ({"augmentation": "strong", "optimizer.learning_rate": "0.001"}, "augmentation=strong learning_rate=0.001"),
        (
            {"optimizer.learning_rate": "0.1", "training.finetune.learning_rate": "0.01", "seed": "3"},
            "optimizer.learning_rate=0.1 training.finetune.learning_rate=0.01 seed=3",
        ),
        ({}, ""),
    ],
)
def test_a_job_is_named_by_its_swept_values(configured: Callable[..., Config], swept: dict[str, str], name: str):
    assert job_of(configured(), "", swept).name == name
