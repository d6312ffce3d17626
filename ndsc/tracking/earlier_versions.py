"""The translation of runs that an earlier version stored: they are read as if this version had stored them."""

import re
from collections.abc import Mapping

from omegaconf import DictConfig, ListConfig, OmegaConf

from ndsc.config.keys import RENAMED_KEYS, flatten, is_compared
from ndsc.config.schema import CONFIG_FOLDER
from ndsc.tracking.tracked_run import as_typed

RENAMED_METRICS = {
    "best/val_calibration_error": "best/val_ece",
    "test/calibration_error": "test/ece",
    "test/scaled_calibration_error": "test/ece_temperature_scaled",
}
RENAMED_WEIGHTS = {"random, for want of imagenet": "random (ImageNet weights unavailable)"}
# Version 0.1 logged what was overridden and a few settings, but never this one. Since then every setting is a param.
SINCE_0_2 = "cache.dtype"
# Dictionaries of library objects: a key that one of them lacks has no default.
OPEN_DICTIONARIES = ("augmentation.layers.", "backbone.build.", "optimizer.", "callbacks.")
_OLD_KEY = re.compile(rf"(?<![\w.])({'|'.join(map(re.escape, RENAMED_KEYS))})(?==)")


def rename_params(params: Mapping[str, str]) -> dict[str, str]:
    """Return the params under the keys of this version."""
    return {RENAMED_KEYS.get(key, key): value for key, value in params.items()}


def rename_metrics(metrics: Mapping[str, float]) -> dict[str, float]:
    """Return the metrics under the names of this version."""
    return {RENAMED_METRICS.get(name, name): value for name, value in metrics.items()}


def rename_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags with the values of this version, which can run the command."""
    translate = {"weights": lambda origin: RENAMED_WEIGHTS.get(origin, origin), "command": rename_overrides}
    return {name: translate[name](value) if name in translate else value for name, value in tags.items()}


def rename_overrides(text: str) -> str:
    """Return an override, or a command with overrides, with the keys of this version."""
    return _OLD_KEY.sub(lambda found: RENAMED_KEYS[found[1]], text)


def rename_config(config: DictConfig) -> DictConfig:
    """Give the settings of a recorded configuration their names of this version, in place."""
    for old, new in RENAMED_KEYS.items():
        parent, _, name = old.rpartition(".")
        node = OmegaConf.select(config, parent) if parent else config
        if node is not None and name in node:
            OmegaConf.update(config, new, node.pop(name))
    return config


def needs_completion(params: Mapping[str, str]) -> bool:
    """Return whether a run may have settings that it did not log as params."""
    return SINCE_0_2 not in params


def complete_params(params: Mapping[str, str], config: DictConfig) -> dict[str, str]:
    """Return the params of a run that logged only some of its settings, and the other ones from its configuration."""
    return _as_params(config) | dict(params)


def add_defaults(params: Mapping[str, str], keys: set[str]) -> dict[str, str]:
    """Return the params, with the defaults of settings that later versions added.

    Args:
        keys: the params of all runs that are compared.
    """
    missing = {key for key in keys - params.keys() if not key.startswith(OPEN_DICTIONARIES)}
    if not missing or needs_completion(params):
        return dict(params)
    defaults = _as_params(OmegaConf.load(CONFIG_FOLDER / "train.yaml"))
    return {key: value for key, value in defaults.items() if key in missing} | dict(params)


def _as_params(config: DictConfig | ListConfig) -> dict[str, str]:
    """Return the settings of a configuration as `Run.log_params` writes them."""
    settings = OmegaConf.to_container(config)
    assert isinstance(settings, dict)
    return {key: as_typed(value) for key, value in flatten(settings).items() if is_compared(key)}
