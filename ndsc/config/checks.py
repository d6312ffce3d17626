"""Checks of combinations of settings. Single settings are checked by the constraints of the schema."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from typing import Any, TypeVar

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ndsc.config.constraints import POSITIVE, raise_faults, value_faults
from ndsc.config.instantiate import target_faults
from ndsc.config.schema import BackboneConfig, Config, DataConfig, SplitConfig, TrainingConfig
from ndsc.errors import UserError

Schema = TypeVar("Schema")


def typed(composed: DictConfig, schema: type[Schema] = Config) -> Schema:
    """Return the composed configuration as checked, typed values: an instance of the schema that it was composed with.

    Raises:
        UserError: a value is missing, of the wrong type or out of range, a combination is illegal, or a target is not
            allowed.
    """
    try:
        config = OmegaConf.to_object(composed)
    except OmegaConfBaseException as error:
        raise UserError(f"The configuration is not complete or not of the right types: {error}") from error
    assert isinstance(config, schema)
    _expand_home(vars(config))
    check(config)
    return config


def _expand_home(settings: dict[str, Any]) -> None:
    """Replace `~/` at the start of texts by the home folder: a shell does not within `tracking.root=~/runs`."""
    for key, value in settings.items():
        if is_dataclass(value):
            _expand_home(vars(value))
        elif isinstance(value, dict):
            _expand_home(value)
        else:
            settings[key] = _with_home(value)


def _with_home(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_home(item) for item in value]
    return os.path.expanduser(value) if isinstance(value, str) and value.startswith("~/") else value


def check(config: Any) -> None:
    """Check the configuration of a command by itself. Needs neither TensorFlow nor MLflow, and reads no data.

    Raises:
        UserError: with one sentence for every setting that is wrong or that the schema does not have.
    """
    raise_faults(_faults(config))


def _faults(config: Any) -> Iterator[str]:
    yield from value_faults(config)
    if isinstance(config, Config):
        yield from _combination_faults(config)


def _combination_faults(config: Config) -> Iterator[str]:
    rate = config.optimizer.get("learning_rate")
    if not isinstance(rate, Mapping):  # a schedule, whose _target_ is checked with the others
        yield from POSITIVE.faults("optimizer.learning_rate", rate)
    test = config.sampling.test
    if test.pool < test.per_class:
        yield (
            f"sampling.test.pool must be at least {test.per_class}, which is sampling.test.per_class. "
            f"Received: sampling.test.pool={test.pool}."
        )
    yield from _data_faults(config.data)
    yield from _split_faults(config.split)
    if config.augmentation.views > 1 and not config.augmentation.layers:
        yield (
            "augmentation.views above 1 needs layers that make the further views differ (augmentation=baseline). "
            f"Received: augmentation.views={config.augmentation.views} and no layers."
        )
    yield from _freeze_faults(config.backbone, config.training)
    yield from target_faults("augmentation.layers", config.augmentation.layers)
    yield from target_faults("backbone.build", {"build": config.backbone.build})
    yield from target_faults("callbacks", config.callbacks)
    yield from target_faults("optimizer", {"optimizer": config.optimizer})


def _data_faults(data: DataConfig) -> Iterator[str]:
    if data.source in ("ndsc", "folder") and data.root is None:
        yield f"data={data.source} needs the folder of the photos: data.root=<folder>. Received: data.root=null."
    if data.source == "table" and data.table is None:
        yield "data=table needs a CSV or Parquet file: data.table=<file>. Received: data.table=null."
    if data.source == "sample" and data.root is not None:
        yield f"data=sample is rendered; use data=ndsc or data=folder for your own. Received: data.root={data.root}."
    for name, value in (("table", data.table), ("archive", data.archive)):
        if data.source != "table" and value is not None:
            yield f"data.{name} is read with data=table only. Received: data={data.source} data.{name}={value}."
    if data.labels == "category" and data.source in ("folder", "table"):
        yield (
            "data.labels=category is for data in NDSC's layout; the classes of a folder are its subfolders, and a "
            "table names its column: data.label_column=category. "
            f"Received: data.labels=category and data={data.source}."
        )


def _split_faults(split: SplitConfig) -> Iterator[str]:
    if split.kind != "random" and split.by is None:
        yield f"split={split.kind} needs the column to split by: split.by=<column>. Received: split.by=null."
    if split.kind == "random" and split.by is not None:
        yield f"split.by is used with split=group and split=column. Received: split=random split.by={split.by}."


def _freeze_faults(backbone: BackboneConfig, training: TrainingConfig) -> Iterator[str]:
    """Yield faults of the freeze lines, and of int8, which only the frozen part can have."""
    finetune = training.finetune
    if finetune is not None and (backbone.freeze == "none" or finetune.freeze == "all"):
        yield (
            "training=finetune lowers the freeze line, from backbone.freeze to training.finetune.freeze. "
            f"Received: backbone.freeze={backbone.freeze} training.finetune.freeze={finetune.freeze}."
        )
    if backbone.precision != "int8":
        return
    if backbone.engine == "tensorflow":
        yield (
            "backbone.precision=int8 needs OpenVINO: backbone.engine=auto. "
            "Received: backbone.precision=int8 backbone.engine=tensorflow."
        )
    if "none" in (backbone.freeze, finetune and finetune.freeze):
        yield (
            "backbone.precision=int8 quantizes the frozen part of the backbone, and a freeze line of none leaves no "
            "such part. Received: backbone.precision=int8 and a freeze line of none."
        )
