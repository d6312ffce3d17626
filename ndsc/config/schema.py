"""The schema of the configuration; what types cannot say is in `ndsc/config_check.py`.

Every knob has its home, its default and its comment in `conf/`; this file says which keys exist and of which type they
are. Our own knobs are dataclasses. Library objects (augmentation layers, optimizers, callbacks, backbones) are
dictionaries with a `_target_`, so that a new one is a few lines of YAML and no code here.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ndsc.config.checks import check
from ndsc.errors import UserError

Schema = TypeVar("Schema")

TRACKING_KINDS = ("local", "server", "off")
CONFIG_FOLDER = Path(__file__).resolve().parents[2] / "conf"


@dataclass
class DataConfig:
    """Where photos and labels come from."""

    source: str = MISSING
    root: str | None = None
    labels: str = MISSING
    metadata: str | None = None
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
    exclude: str | None = None


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
    float32_until: str = MISSING


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
    precision: str = MISSING
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
    parent_run_id: str | None = None
    resume_run_id: str | None = None
    system_metrics_interval: float = MISSING


@dataclass
class TrackingStoreConfig:
    """The store that holds earlier runs."""

    kind: str = MISSING
    root: str = MISSING


@dataclass
class CacheRootConfig:
    """The cache of a command that reads earlier runs."""

    root: str = MISSING


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
    threads: int | None = None
    rerun_finished: bool = False
    seed: int = MISSING


def check_tracking_kind(kind: str) -> None:
    """Check the kind of a store.

    Raises:
        UserError: there is no such kind.
    """
    if kind not in TRACKING_KINDS:
        raise UserError(f"tracking must be one of {', '.join(TRACKING_KINDS)}. Received: tracking.kind={kind}.")


def register() -> None:
    """Make the schema known to Hydra under the name that `conf/train.yaml` begins with."""
    ConfigStore.instance().store(name="schema", node=Config)


def schema_config() -> DictConfig:
    """Return a configuration of the schema's keys and types, with all values missing but those that are null."""
    return OmegaConf.structured(Config)


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
