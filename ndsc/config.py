"""The schema of the configuration, and the one check of what types cannot say.

Every knob has its home, its default and its comment in `conf/`; this file says which keys exist and of which type they
are. Our own knobs are dataclasses. Library objects (augmentation layers, optimizers, callbacks, backbones) are
dictionaries with a `_target_`, so that a new one is a few lines of YAML and no code here.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ndsc.errors import UserError

Schema = TypeVar("Schema")

CONFIG_FOLDER = Path(__file__).resolve().parent.parent / "conf"

# What a `_target_` may name, by the place where it stands. A config can come from a colleague's run, so it must not be
# able to call whatever is importable.
ALLOWED_TARGETS = {
    "augmentation.layers": ("keras.layers.", "keras_hub.layers."),
    "backbone.build": ("keras.applications.",),
    "callbacks": ("keras.callbacks.", "ndsc.training.callbacks."),
    "optimizer": ("keras.optimizers.",),
}


@dataclass
class DataConfig:
    """Where photos and labels come from."""

    source: str = MISSING
    root: str | None = None
    labels: str = MISSING
    extra: str | None = None
    table: str | None = None
    image_column: str = MISSING
    label_column: str = MISSING


@dataclass
class TestConfig:
    """Which photos are taken out first and looked at last."""

    per_class: int = MISSING
    pool: int = MISSING
    list: str | None = None


@dataclass
class SamplingConfig:
    """How many photos a class gives."""

    per_class: int | None = None
    fraction: float = MISSING
    max_rejected: float = MISSING
    test: TestConfig = MISSING


@dataclass
class SplitConfig:
    """On which side of the line between training and validation a photo falls."""

    kind: str = MISSING
    validation: float = MISSING
    by: str | None = None
    duplicates: str = MISSING


@dataclass
class AugmentationConfig:
    """How many views of a photo exist, and the layers that make them."""

    views: int = MISSING
    layers: dict[str, Any] = MISSING


@dataclass
class BackboneConfig:
    """Which pretrained network, where it is cut, and how its frozen part is run."""

    name: str = MISSING
    build: dict[str, Any] = MISSING
    preprocess: str = MISSING
    weights_file: str | None = None
    weights_md5: str | None = None
    weights: str = MISSING
    freeze: str = MISSING
    batch_norm: str = MISSING
    image_size: int = MISSING
    resize: str = MISSING
    engine: str = MISSING
    precision: str = MISSING


@dataclass
class HeadConfig:
    """The layers on top of the backbone's pooled output; `units` is null for a linear head."""

    units: int | None = None
    dropout: float = MISSING


@dataclass
class FinetuneConfig:
    """A second phase that lowers the freeze line."""

    freeze: str = MISSING
    learning_rate: float = MISSING
    epochs: int = MISSING


@dataclass
class TrainingConfig:
    """How what lies above the freeze line is fitted."""

    epochs: int = MISSING
    batch_size: int = MISSING
    label_smoothing: float = MISSING
    class_weights: str = MISSING
    finetune: FinetuneConfig | None = None


@dataclass
class TrackingConfig:
    """Where a run is recorded, and how much of it."""

    kind: str = MISSING
    experiment: str = MISSING
    root: str = MISSING
    model: str = MISSING
    figures: bool = MISSING
    run_name: str | None = None
    sampling_seconds: float = MISSING


@dataclass
class CacheConfig:
    """Where indexes, features and exported networks are kept, and the type that features are kept in."""

    root: str = MISSING
    dtype: str = MISSING


@dataclass
class Config:
    """Everything that `python -m ndsc.train` needs to know."""

    data: DataConfig = MISSING
    sampling: SamplingConfig = MISSING
    split: SplitConfig = MISSING
    augmentation: AugmentationConfig = MISSING
    backbone: BackboneConfig = MISSING
    head: HeadConfig = MISSING
    optimizer: dict[str, Any] = MISSING
    training: TrainingConfig = MISSING
    callbacks: dict[str, Any] = MISSING
    tracking: TrackingConfig = MISSING
    cache: CacheConfig = MISSING
    seed: int = MISSING


def register() -> None:
    """Make the schema known to Hydra under the name that `conf/train.yaml` begins with."""
    ConfigStore.instance().store(name="schema", node=Config)


def typed(composed: DictConfig) -> Config:
    """The composed configuration as typed values, checked.

    Raises:
        UserError: a value is out of range, combinations are illegal, or a target is not allowed.
    """
    config = as_schema(composed, Config)
    check(config)
    return config


def as_schema(composed: DictConfig, schema: type[Schema]) -> Schema:
    """The composed configuration as an instance of the dataclass that it was composed with.

    Raises:
        UserError: a value is missing or cannot be resolved.
    """
    try:
        config = OmegaConf.to_object(composed)
    except OmegaConfBaseException as error:
        raise UserError(f"The configuration is not complete or not of the right types: {error}") from error
    assert isinstance(config, schema)
    return config


def check(config: Config) -> None:
    """Say what types cannot: ranges, illegal combinations, targets outside the whitelist.

    Needs neither TensorFlow nor MLflow and reads no data.

    Raises:
        UserError: with one sentence for every setting that is wrong.
    """
    faults = [*_wrong_choices(config), *_wrong_ranges(config), *_wrong_combinations(config), *_wrong_targets(config)]
    if faults:
        raise UserError(" ".join(faults))


def _wrong_choices(config: Config) -> Iterator[str]:
    choices = {
        "data.source": (config.data.source, ("sample", "ndsc", "folder", "table")),
        "data.labels": (config.data.labels, ("domain", "category")),
        "split.kind": (config.split.kind, ("random", "group", "column")),
        "split.duplicates": (config.split.duplicates, ("off", "exact")),
        "backbone.batch_norm": (config.backbone.batch_norm, ("inference", "training")),
        "backbone.resize": (config.backbone.resize, ("stretch", "crop", "pad")),
        "backbone.engine": (config.backbone.engine, ("auto", "tensorflow", "openvino")),
        "backbone.precision": (config.backbone.precision, ("auto", "float32", "int8")),
        "training.class_weights": (config.training.class_weights, ("none", "balanced")),
        "tracking.kind": (config.tracking.kind, ("local", "server", "off")),
        "tracking.model": (config.tracking.model, ("full", "head", "none")),
        "cache.dtype": (config.cache.dtype, ("float16", "float32")),
    }
    for key, (value, allowed) in choices.items():
        if value not in allowed:
            yield f"{key} must be one of {', '.join(allowed)}. Received: {key}={value}."


def _wrong_ranges(config: Config) -> Iterator[str]:
    at_least = {
        "sampling.test.per_class": (config.sampling.test.per_class, 0),
        "sampling.test.pool": (config.sampling.test.pool, config.sampling.test.per_class),
        "augmentation.views": (config.augmentation.views, 1),
        "backbone.image_size": (config.backbone.image_size, 32),
        "training.epochs": (config.training.epochs, 1),
        "training.batch_size": (config.training.batch_size, 1),
        "seed": (config.seed, 0),
    }
    if config.sampling.per_class is not None:
        at_least["sampling.per_class"] = (config.sampling.per_class, 2)
    if config.head.units is not None:
        at_least["head.units"] = (config.head.units, 1)
    if config.training.finetune is not None:
        at_least["training.finetune.epochs"] = (config.training.finetune.epochs, 1)
    for key, (value, least) in at_least.items():
        if value < least:
            yield f"{key} must be at least {least}. Received: {key}={value}."
    yield from _wrong_fractions(config)
    rates = {"optimizer.learning_rate": config.optimizer.get("learning_rate")}
    if config.training.finetune is not None:
        rates["training.finetune.learning_rate"] = config.training.finetune.learning_rate
    rates["tracking.sampling_seconds"] = config.tracking.sampling_seconds
    for key, value in rates.items():
        if isinstance(value, (int, float)) and not (0 < value < math.inf):
            yield f"{key} must be a finite number above 0. Received: {key}={value}."


def _wrong_fractions(config: Config) -> Iterator[str]:
    above_zero_to_one = {"sampling.fraction": config.sampling.fraction}
    zero_to_below_one = {
        "sampling.max_rejected": config.sampling.max_rejected,
        "head.dropout": config.head.dropout,
        "training.label_smoothing": config.training.label_smoothing,
    }
    for key, value in above_zero_to_one.items():
        if not 0 < value <= 1:
            yield f"{key} must be above 0 and at most 1. Received: {key}={value}."
    for key, value in zero_to_below_one.items():
        if not 0 <= value < 1:
            yield f"{key} must be at least 0 and below 1. Received: {key}={value}."
    if not 0 < config.split.validation < 1:
        yield f"split.validation must be between 0 and 1. Received: split.validation={config.split.validation}."


def _wrong_combinations(config: Config) -> Iterator[str]:
    if config.data.source in ("ndsc", "folder") and config.data.root is None:
        yield f"data={config.data.source} needs the folder that holds it: data.root=<folder>. Received: data.root=null."
    if config.data.source == "table" and config.data.table is None:
        yield "data=table needs a CSV or Parquet file: data.table=<file>. Received: data.table=null."
    if config.split.kind != "random" and config.split.by is None:
        yield f"split={config.split.kind} needs the column that decides: split.by=<column>. Received: split.by=null."
    if config.augmentation.views > 1 and not config.augmentation.layers:
        yield (
            "augmentation.views above 1 needs layers that make the further views differ (augmentation=baseline). "
            f"Received: augmentation.views={config.augmentation.views} and no layers."
        )


def _wrong_targets(config: Config) -> Iterator[str]:
    places = {
        "augmentation.layers": config.augmentation.layers,
        "backbone.build": {"build": config.backbone.build},
        "callbacks": config.callbacks,
        "optimizer": {"optimizer": config.optimizer},
    }
    for place, objects in places.items():
        allowed = ALLOWED_TARGETS[place]
        for name, described in objects.items():
            if not isinstance(described, Mapping) or "_target_" not in described:
                yield f"{place}: {name} must be a dictionary with a _target_. Received: {described!r}."
            for target in _targets(described):
                if not str(target).startswith(allowed):
                    yield f"{place}: a _target_ must begin with {' or '.join(allowed)}. Received: {target}."
    if not config.backbone.preprocess.startswith("keras.applications."):
        yield f"backbone.preprocess must begin with keras.applications. Received: {config.backbone.preprocess}."


def _targets(described: Any) -> Iterator[Any]:
    """Every `_target_` in a nested description, however deep."""
    if isinstance(described, Mapping):
        if "_target_" in described:
            yield described["_target_"]
        for value in described.values():
            yield from _targets(value)
    elif isinstance(described, list):
        for value in described:
            yield from _targets(value)
