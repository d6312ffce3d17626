"""The schema of the configuration: keys, types, choices and ranges.

Defaults and comments are in `conf/`. Our own settings are dataclasses. Library objects (augmentation layers,
optimizers, callbacks, backbones) are dictionaries with a `_target_`, so that a new one is a few lines of YAML and
no code here.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig, OmegaConf

from ndsc.config.constraints import POSITIVE, choice, constrained, matching, number

# conf/ is beside the package in a checkout, and within it in a wheel (see pyproject.toml).
PACKAGE = Path(__file__).resolve().parents[1]
CONFIG_FOLDER = next(folder for folder in (PACKAGE / "conf", PACKAGE.parent / "conf") if folder.is_dir())

FREEZE_LINE = ("all|none|before:.+", "all, none or before:<prefix of layer names>")


@dataclass
class DataConfig:
    """The source of photos and labels."""

    source: str = choice("sample", "ndsc", "folder", "table")
    root: str | None = None
    labels: str = choice("domain", "category")
    metadata: str | None = None
    table: str | None = None
    archive: str | None = None
    image_column: str = MISSING
    label_column: str = MISSING


@dataclass
class TestConfig:
    """The test photos, which are taken out before any others are drawn."""

    per_class: int = number(at_least=0)
    pool: int = MISSING
    list: str | None = None


@dataclass
class SamplingConfig:
    """The number of photos drawn from each class."""

    per_class: int | None = number(at_least=2, default=None)
    fraction: float = number(above=0, at_most=1)
    max_rejected: float = number(at_least=0, below=1)
    test: TestConfig = MISSING
    exclude: str | None = None


@dataclass
class SplitConfig:
    """The split into training and validation."""

    kind: str = choice("random", "group", "column")
    validation: float = number(above=0, below=1)
    by: str | None = None
    duplicates: str = choice("off", "exact", "near")


@dataclass
class AugmentationConfig:
    """The number of views of a photo, and the layers that make them."""

    views: int = number(at_least=1)
    layers: dict[str, Any] = MISSING


@dataclass
class BackboneConfig:
    """The pretrained network, its freeze line, and how the frozen part is run."""

    name: str = MISSING
    build: dict[str, Any] = MISSING
    preprocess: str = matching(
        r"keras\.applications\.\w+\.preprocess_input", "keras.applications.<network>.preprocess_input"
    )
    weights_file: str | None = None
    weights_md5: str | None = None
    weights: str = MISSING
    freeze: str = matching(*FREEZE_LINE)
    batch_norm: str = choice("inference", "training")
    image_size: int = number(at_least=32)
    resize: str = choice("stretch", "crop", "pad")
    engine: str = choice("auto", "tensorflow", "openvino")
    precision: str = choice("auto", "float32", "int8")
    float32_until: str = MISSING


@dataclass
class HeadConfig:
    """The layers above the pooled output of the backbone; `units` is null for a linear head."""

    units: int | None = number(at_least=1, default=None)
    dropout: float = number(at_least=0, below=1)


@dataclass
class FinetuneConfig:
    """A second phase of training with a lower freeze line."""

    freeze: str = matching(*FREEZE_LINE)
    learning_rate: float = constrained(POSITIVE)
    epochs: int = number(at_least=1)


@dataclass
class TrainingConfig:
    """The training of the layers above the freeze line."""

    epochs: int = number(at_least=1)
    batch_size: int = number(at_least=1)
    label_smoothing: float = number(at_least=0, below=1)
    class_weights: str = choice("none", "balanced")
    precision: str = choice("float32", "mixed_float16", "mixed_bfloat16")
    finetune: FinetuneConfig | None = None


@dataclass
class TrackingStoreConfig:
    """The store of the runs."""

    kind: str = choice("local", "server", "off")
    root: str = MISSING


@dataclass
class TrackingConfig(TrackingStoreConfig):
    """Where a run is recorded, and how much of it."""

    experiment: str = MISSING
    model: str = choice("full", "head", "none")
    figures: bool = MISSING
    run_name: str | None = None
    parent_run_id: str | None = None
    resume_run_id: str | None = None
    system_metrics_interval: float = constrained(POSITIVE)


@dataclass
class CacheRootConfig:
    """The folder of indexes, features and exported networks."""

    root: str = MISSING


@dataclass
class CacheConfig(CacheRootConfig):
    """The cache, and the type in which it holds features."""

    dtype: str = choice("float16", "float32")


@dataclass
class Config:
    """The configuration of `python -m ndsc.train`."""

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
    threads: int | None = number(at_least=1, default=None)
    rerun_finished: bool = False
    seed: int = number(at_least=0)


# The name with which `conf/train.yaml` begins.
ConfigStore.instance().store(name="schema", node=Config)


def schema_config() -> DictConfig:
    """Return a configuration of the schema's keys and types, with all values missing but those that are null."""
    return OmegaConf.structured(Config)
