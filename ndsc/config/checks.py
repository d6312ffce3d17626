"""What the types of a configuration cannot say: ranges, illegal combinations, targets outside the whitelist."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ndsc.errors import UserError
from ndsc.packages import installing, missing
from ndsc.storage.remote import is_remote, missing_packages

if TYPE_CHECKING:
    from ndsc.config.schema import Config

# What a `_target_` may name, by the place where it stands: a class right in one of these modules. A config can come
# from a colleague's run, so it must not be able to call whatever is importable, nor what these modules import.
ALLOWED_TARGETS = {
    "augmentation.layers": ("keras.layers", "keras_hub.layers"),
    "backbone.build": ("keras.applications",),
    "callbacks": ("keras.callbacks", "ndsc.training.callbacks"),
    "optimizer": ("keras.optimizers", "keras.optimizers.schedules"),
}
CLASS_NAME = r"\.[A-Z]\w*"
PREPROCESS = r"keras\.applications\.\w+\.preprocess_input"
FREEZE = r"all|none|before:.+"


def check(config: "Config") -> None:
    """Say what types cannot. Needs neither TensorFlow nor MLflow and reads no data.

    Raises:
        UserError: with one sentence for every setting that is wrong.
    """
    faults = [
        *_unknown(config, ""),
        *_wrong_choices(config),
        *_wrong_numbers(config),
        *_wrong_fractions(config),
        *_wrong_rates(config),
        *_wrong_data(config),
        *_wrong_address(config),
        *_wrong_combinations(config),
        *_wrong_quantization(config),
        *_missing_for_duplicates(config),
        *_wrong_labels(config),
        *_wrong_targets(config),
    ]
    if faults:
        raise UserError(" ".join(faults))


def _unknown(config: Any, place: str) -> Iterator[str]:
    """Settings that were added with a plus sign, which Hydra lets through, but that nothing reads."""
    known = {field.name for field in fields(config)}
    for name, value in vars(config).items():
        if name not in known:
            yield f"There is no setting {place}{name}; expected one of {', '.join(sorted(known))}. Received: {value!r}."
        elif is_dataclass(value):
            yield from _unknown(value, f"{place}{name}.")


def _wrong_choices(config: "Config") -> Iterator[str]:
    choices = {
        "data.source": (config.data.source, ("sample", "ndsc", "folder", "table")),
        "data.labels": (config.data.labels, ("domain", "category")),
        "split.kind": (config.split.kind, ("random", "group", "column")),
        "split.duplicates": (config.split.duplicates, ("off", "exact", "near")),
        "backbone.batch_norm": (config.backbone.batch_norm, ("inference", "training")),
        "backbone.resize": (config.backbone.resize, ("stretch", "crop", "pad")),
        "backbone.engine": (config.backbone.engine, ("auto", "tensorflow", "openvino")),
        "backbone.precision": (config.backbone.precision, ("auto", "float32", "int8")),
        "training.precision": (config.training.precision, ("float32", "mixed_float16", "mixed_bfloat16")),
        "training.class_weights": (config.training.class_weights, ("none", "balanced")),
        "tracking.kind": (config.tracking.kind, ("local", "server", "off")),
        "tracking.model": (config.tracking.model, ("full", "head", "none")),
        "cache.dtype": (config.cache.dtype, ("float16", "float32")),
    }
    for key, (value, allowed) in choices.items():
        if value not in allowed:
            yield f"{key} must be one of {', '.join(allowed)}. Received: {key}={value}."
    lines = {"backbone.freeze": config.backbone.freeze}
    if config.training.finetune is not None:
        lines["training.finetune.freeze"] = config.training.finetune.freeze
    for key, line in lines.items():
        if not re.fullmatch(FREEZE, line):
            yield f"{key} must be all, none or before:<prefix of layer names>. Received: {key}={line}."


def _wrong_numbers(config: "Config") -> Iterator[str]:
    at_least = {
        "sampling.per_class": (config.sampling.per_class, 2),
        "sampling.test.per_class": (config.sampling.test.per_class, 0),
        "sampling.test.pool": (config.sampling.test.pool, config.sampling.test.per_class),
        "augmentation.views": (config.augmentation.views, 1),
        "backbone.image_size": (config.backbone.image_size, 32),
        "head.units": (config.head.units, 1),
        "training.epochs": (config.training.epochs, 1),
        "training.batch_size": (config.training.batch_size, 1),
        "threads": (config.threads, 1),
        "seed": (config.seed, 0),
    }
    if config.training.finetune is not None:
        at_least["training.finetune.epochs"] = (config.training.finetune.epochs, 1)
    for key, (value, least) in at_least.items():
        if value is not None and value < least:
            yield f"{key} must be at least {least}. Received: {key}={value}."


def _wrong_fractions(config: "Config") -> Iterator[str]:
    fraction, validation = config.sampling.fraction, config.split.validation
    if not 0 < fraction <= 1:
        yield f"sampling.fraction must be above 0 and at most 1. Received: sampling.fraction={fraction}."
    if not 0 < validation < 1:
        yield f"split.validation must be above 0 and below 1. Received: split.validation={validation}."
    zero_to_below_one = {
        "sampling.max_rejected": config.sampling.max_rejected,
        "head.dropout": config.head.dropout,
        "training.label_smoothing": config.training.label_smoothing,
    }
    for key, value in zero_to_below_one.items():
        if not 0 <= value < 1:
            yield f"{key} must be at least 0 and below 1. Received: {key}={value}."


def _wrong_rates(config: "Config") -> Iterator[str]:
    rates = {
        "optimizer.learning_rate": config.optimizer.get("learning_rate"),
        "tracking.system_metrics_interval": config.tracking.system_metrics_interval,
    }
    if config.training.finetune is not None:
        rates["training.finetune.learning_rate"] = config.training.finetune.learning_rate
    for key, value in rates.items():
        if key == "optimizer.learning_rate" and isinstance(value, Mapping):
            continue  # a schedule, whose _target_ is looked at below
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
            yield f"{key} must be a finite number above 0. Received: {key}={'nothing' if value is None else value}."


def _wrong_data(config: "Config") -> Iterator[str]:
    data = config.data
    if data.source in ("ndsc", "folder") and data.root is None:
        yield f"data={data.source} needs the folder that holds it: data.root=<folder>. Received: data.root=null."
    if data.source == "table" and data.table is None:
        yield "data=table needs a CSV or Parquet file: data.table=<file>. Received: data.table=null."
    if data.source == "sample" and data.root is not None:
        yield f"data=sample is rendered; say data=ndsc or data=folder for your own. Received: data.root={data.root}."
    if data.source != "table" and data.table is not None:
        yield f"data.table is read with data=table only. Received: data={data.source} data.table={data.table}."


def _wrong_address(config: "Config") -> Iterator[str]:
    data = config.data
    if data.root is None or not is_remote(data.root):
        return
    address = urlsplit(data.root)
    # What data.root says is logged with the run, and shown by every message about it.
    if address.query or "@" in address.netloc:
        yield (
            "data.root must be the plain address of a folder; who you are belongs into ~/.netrc, and for s3:// into "
            f"AWS' own variables and files. Received: an address with a password or a query on {address.hostname}."
        )
        return
    if data.source != "ndsc":
        yield (
            f"Only data in NDSC's layout is read from a server: data=ndsc. Received: data={data.source} "
            f"data.root={data.root}."
        )
    absent = missing_packages(data.root)
    if absent:
        yield (
            f"Data on a server needs {' and '.join(absent)}, which cannot be imported here; install with: "
            f"{installing('remote')} . Received: data.root={data.root}."
        )


def _wrong_combinations(config: "Config") -> Iterator[str]:
    split, backbone, finetune = config.split, config.backbone, config.training.finetune
    if split.kind != "random" and split.by is None:
        yield f"split={split.kind} needs the column that decides: split.by=<column>. Received: split.by=null."
    if split.kind == "random" and split.by is not None:
        yield f"split.by is used with split=group and split=column. Received: split=random split.by={split.by}."
    if config.augmentation.views > 1 and not config.augmentation.layers:
        yield (
            "augmentation.views above 1 needs layers that make the further views differ (augmentation=baseline). "
            f"Received: augmentation.views={config.augmentation.views} and no layers."
        )
    if finetune is not None and (backbone.freeze == "none" or finetune.freeze == "all"):
        yield (
            "training=finetune lowers the freeze line, from backbone.freeze to training.finetune.freeze. "
            f"Received: backbone.freeze={backbone.freeze} training.finetune.freeze={finetune.freeze}."
        )


def _wrong_labels(config: "Config") -> Iterator[str]:
    data = config.data
    if data.labels == "category" and data.source in ("folder", "table"):
        yield (
            "data.labels=category is for data in NDSC's layout; a folder's classes are its folders, and a table names "
            f"its column: data.label_column=category. Received: data.labels=category and data={data.source}."
        )


def _wrong_quantization(config: "Config") -> Iterator[str]:
    backbone, finetune = config.backbone, config.training.finetune
    if backbone.precision != "int8":
        return
    if backbone.engine == "tensorflow":
        yield (
            "backbone.precision=int8 runs in OpenVINO only; say backbone.engine=auto. "
            "Received: backbone.precision=int8 backbone.engine=tensorflow."
        )
    if "none" in (backbone.freeze, finetune and finetune.freeze):
        yield (
            "backbone.precision=int8 is of the frozen part, and without one only the photos would be made coarser. "
            "Received: backbone.precision=int8 and a freeze line of none."
        )
    if missing({"nncf": "nncf"}):
        yield (
            "backbone.precision=int8 needs the package nncf, which is not installed. Say backbone.precision=auto, or "
            f"install it with: {installing('int8')} . Received: backbone.precision=int8."
        )


def _missing_for_duplicates(config: "Config") -> Iterator[str]:
    if config.split.duplicates != "near":
        return
    absent = missing({"cv2": "opencv-python-headless", "imagehash": "imagehash"})
    if absent:
        yield (
            f"split.duplicates=near needs {' and '.join(absent)}, not installed here. Say split.duplicates=exact, or "
            f"install the extra with: {installing('audit')} . Received: split.duplicates=near."
        )


def _wrong_targets(config: "Config") -> Iterator[str]:
    places = {
        "augmentation.layers": config.augmentation.layers,
        "backbone.build": {"build": config.backbone.build},
        "callbacks": config.callbacks,
        "optimizer": {"optimizer": config.optimizer},
    }
    for place, objects in places.items():
        modules = ALLOWED_TARGETS[place]
        allowed = "|".join(map(re.escape, modules))
        for name, described in objects.items():
            if not isinstance(described, Mapping) or "_target_" not in described:
                yield f"{place}: {name} must be a dictionary with a _target_. Received: {described!r}."
            for target in _targets(described):
                if not re.fullmatch(f"({allowed}){CLASS_NAME}", str(target)):
                    yield f"{place}: a _target_ must be a class of {' or '.join(modules)}. Received: {target}."
    if not re.fullmatch(PREPROCESS, config.backbone.preprocess):
        yield (
            "backbone.preprocess must be keras.applications.<network>.preprocess_input. "
            f"Received: {config.backbone.preprocess}."
        )


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
