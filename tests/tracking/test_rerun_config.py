from collections.abc import Callable

import pytest
from omegaconf import DictConfig, OmegaConf

from ndsc.config.schema import typed
from ndsc.errors import UserError
from ndsc.tracking.rerun_config import on_schema, replace_callbacks

Compose = Callable[..., DictConfig]


def yaml(config: DictConfig) -> str:
    return OmegaConf.to_yaml(config, resolve=True)


def no_defaults() -> DictConfig:
    raise AssertionError("nothing is missing")


def test_a_recorded_configuration_comes_back_as_it_was(composed: Compose):
    config = composed("training=finetune", "~augmentation.layers.flip", "callbacks=none", "optimizer=sgd", "head=mlp")
    again, added = on_schema(yaml(config), no_defaults)
    assert typed(again) == typed(config)
    assert added == {}
    assert "flip" not in again.augmentation.layers


def test_settings_that_came_later_get_their_defaults_and_are_named(composed: Compose):
    config = composed("augmentation=none", "seed=7")
    older = OmegaConf.to_container(config, resolve=True)
    assert isinstance(older, dict)
    del older["backbone"]["resize"], older["split"]
    again, added = on_schema(yaml(OmegaConf.create(older)), lambda: composed("seed=0"))
    assert added == {"backbone.resize": "stretch", "split": config.split}
    assert typed(again) == typed(config)


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("backbone.colour", "red", "setting backbone.colour is not known any more"),
        ("training.epochs", "many", r"setting training.epochs does not fit .*'many'"),
    ],
)
def test_settings_that_this_version_cannot_read_are_refused_by_name(
    composed: Compose, key: str, value: object, told: str
):
    recorded = OmegaConf.create(yaml(composed()))
    OmegaConf.update(recorded, key, value)
    with pytest.raises(UserError, match=told):
        on_schema(yaml(recorded), no_defaults)


def test_callbacks_write_into_the_folder_of_now_and_give_nothing_up(composed: Compose):
    pruning = "{_target_:ndsc.training.callbacks.PruneTrial,storage:a,study:b,trial:1}"
    config, _ = on_schema(yaml(composed("callbacks=checkpoint", f"+callbacks.pruning={pruning}")), no_defaults)
    then = str(config.callbacks.checkpoint.filepath).removesuffix("/best.weights.h5")
    early_stopping = config.callbacks.early_stopping
    replace_callbacks(config, then, "/now")
    assert config.callbacks.checkpoint.filepath == "/now/best.weights.h5"
    assert "pruning" not in config.callbacks
    assert config.callbacks.early_stopping == early_stopping
