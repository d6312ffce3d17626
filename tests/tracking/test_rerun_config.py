from collections.abc import Callable

import pytest
from omegaconf import DictConfig, OmegaConf

from ndsc.config.checks import typed
from ndsc.errors import UserError
from ndsc.tracking.rerun_config import on_schema, replace_callbacks

Compose = Callable[..., DictConfig]


def stored(config: DictConfig) -> DictConfig:
    """Return the configuration as a store returns it."""
    loaded = OmegaConf.create(OmegaConf.to_yaml(config, resolve=True))
    assert isinstance(loaded, DictConfig)
    return loaded


def test_a_recorded_configuration_is_read_without_changes(composed: Compose):
    config = composed("training=finetune", "~augmentation.layers.flip", "callbacks=none", "optimizer=sgd", "head=mlp")
    again, added = on_schema(stored(config), composed())
    assert typed(again) == typed(config)
    assert added == {}
    assert "flip" not in again.augmentation.layers


def test_settings_that_a_later_version_added_get_their_defaults_and_are_listed(composed: Compose):
    config = composed("augmentation=none", "seed=7")
    older = OmegaConf.to_container(config, resolve=True)
    assert isinstance(older, dict)
    del older["backbone"]["resize"], older["split"]
    again, added = on_schema(OmegaConf.create(older), composed("seed=0"))
    assert added == {"backbone.resize": "stretch", "split": config.split}
    assert typed(again) == typed(config)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("backbone.colour", "red", "setting backbone.colour no longer exists"),
        ("training.epochs", "many", r"setting training.epochs does not fit .*'many'"),
    ],
)
def test_settings_that_this_version_cannot_read_are_rejected_by_name(
    composed: Compose, key: str, value: object, message: str
):
    recorded = stored(composed())
    OmegaConf.update(recorded, key, value)
    with pytest.raises(UserError, match=message):
        on_schema(recorded, composed())


def test_callbacks_write_into_the_current_folder_and_pruning_is_removed(composed: Compose):
    pruning = "{_target_:ndsc.training.callbacks.PruneTrial,storage:a,study:b,trial:1}"
    recorded = stored(composed("callbacks=checkpoint", f"+callbacks.pruning={pruning}"))
    config, added = on_schema(recorded, composed())
    assert added == {}
    recorded_folder = str(config.callbacks.checkpoint.filepath).removesuffix("/best.weights.h5")
    early_stopping = config.callbacks.early_stopping
    replace_callbacks(config, recorded_folder, "/current")
    assert config.callbacks.checkpoint.filepath == "/current/best.weights.h5"
    assert "pruning" not in config.callbacks
    assert config.callbacks.early_stopping == early_stopping
