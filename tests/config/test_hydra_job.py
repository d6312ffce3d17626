from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import DictConfig

from ndsc.config.hydra_job import HydraJob


def test_the_command_of_a_run_in_a_search_repeats_only_this_run(composed: Callable[..., DictConfig], tmp_path: Path):
    overrides = ("head=mlp", "optimizer.learning_rate=0.003")
    pruning = "+callbacks.pruning={_target_:ndsc.training.callbacks.PruneTrial,storage:'s',study:'s',trial:3}"
    by_the_sweep = (pruning, "tracking.parent_run_id=abc", "tracking.run_name='learning_rate=0.003'")
    job = HydraJob((*overrides, *by_the_sweep), {}, composed(), tmp_path)
    assert job.command == "python -m ndsc.train head=mlp optimizer.learning_rate=0.003"


def test_params_are_group_choices_and_every_value_keyed_like_its_override(
    composed: Callable[..., DictConfig], tmp_path: Path
):
    choices = {"experiment": "baseline", "augmentation": "strong", "hydra/launcher": "basic", "tracking": "off"}
    overrides = ("augmentation=strong", "callbacks=checkpoint", "tracking=off", "data.root=/photos", "data=ndsc")
    params = HydraJob((), choices, composed(*overrides), tmp_path).params()
    assert {key: params[key] for key in ("augmentation", "seed", "data.source", "head.units", "sampling.fraction")} == {
        "augmentation": "strong",
        "seed": 0,
        "data.source": "ndsc",
        "head.units": None,
        "sampling.fraction": 1.0,
    }
    assert params["augmentation.layers.zoom.height_factor"] == [-0.3, 0.1]
    assert params["callbacks.checkpoint.save_best_only"] is True
    assert params["cache.dtype"] == "float16"
    assert params["sampling.exclude"] is None
    assert not any(isinstance(value, dict) for value in params.values())


@pytest.mark.parametrize(
    "key",
    [
        "experiment",
        "hydra/launcher",
        "tracking",
        "tracking.root",
        "cache.root",
        "threads",
        "rerun_finished",
        "data.root",
        "data.metadata",
        "data.table",
        "sampling.test.list",
        "callbacks.checkpoint.filepath",
        "callbacks.pruning.storage",
    ],
)
def test_locations_and_bookkeeping_are_no_params(composed: Callable[..., DictConfig], tmp_path: Path, key: str):
    choices = {"experiment": "baseline", "hydra/launcher": "basic", "tracking": "off"}
    config = composed("callbacks=checkpoint", "+callbacks.pruning={_target_:x,storage:'sqlite:///s'}")
    assert key not in HydraJob((), choices, config, tmp_path).params()


def test_a_run_is_named_by_its_experiment_and_the_overrides_that_shape_numbers(
    composed: Callable[..., DictConfig], tmp_path: Path
):
    overrides = ("+experiment=baseline", "augmentation=strong", "optimizer.learning_rate=0.1", "data.root=/photos")
    job = HydraJob(overrides, {"experiment": "baseline"}, composed(), tmp_path)
    assert job.name() == "baseline augmentation=strong learning_rate=0.1"
    long = HydraJob(tuple(f"a.k{number}=1" for number in range(99)), {}, composed(), tmp_path).name()
    assert long.startswith("run k0=1")
    assert len(long) <= 120
