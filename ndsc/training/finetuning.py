"""From a manifest to a trained head: one phase, or two where the freeze line is lowered for fine-tuning."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from ndsc.config.instantiate import build
from ndsc.config.keys import CALLBACK_PATHS
from ndsc.config.run_key import run_key
from ndsc.config.schema import Config, TrainingConfig
from ndsc.data.manifest import Manifest
from ndsc.errors import UserError
from ndsc.features.feature_extractor import CacheStats, FeatureExtractor
from ndsc.features.views import Policy
from ndsc.model.backbone import Backbone, build_backbone, cut
from ndsc.model.classifier import build_head, build_trainable
from ndsc.model.engines import EngineSpec
from ndsc.seeds import derive
from ndsc.storage.photo_reader import PhotoReader
from ndsc.training.batching import SplitData
from ndsc.training.fit import Fitted, History, fit, predict

MONITORS = ("loss", "accuracy", "val_loss", "val_accuracy")


@dataclass(frozen=True)
class Study:
    """What all phases of a run share: the backbone, how its frozen part is run, and where photos are read."""

    config: Config
    backbone: Backbone
    choice: EngineSpec
    policy: Policy
    reader: PhotoReader
    cost: CacheStats = field(default_factory=CacheStats)
    _parts: dict[str, FeatureExtractor] = field(default_factory=dict)

    def frozen_part(self, freeze: str) -> FeatureExtractor:
        """Everything below a line of the backbone, ready to make features; built once a line.

        Raises:
            UserError: no such line.
        """
        if freeze not in self._parts:
            self._parts[freeze] = FeatureExtractor(
                self.backbone,
                cut(self.backbone, freeze, self.config.backbone.float32_until),
                self.choice,
                self.policy,
                self.config,
                self.reader,
                self.cost,
            )
        return self._parts[freeze]

    def calibration(self) -> pd.DataFrame | None:
        """The photos that the quantized networks of this study's phases were measured on, as
        `FeatureExtractor.calibration` gives them, and the `line` of each. None at other precisions."""
        lines = {phase.freeze for phase in _phases(self.config)}
        known = {line: part.calibration for line, part in self._parts.items() if line in lines}
        measured = [photos.assign(line=line) for line, photos in known.items() if photos is not None]
        return pd.concat(measured, ignore_index=True) if measured else None


@dataclass(frozen=True)
class Trained:
    """The trained head (what lies between it and the line was trained in the backbone), the curves of all phases end to
    end, the best epoch of the last phase in them, where a second phase began, and probabilities by split."""

    head: keras.Sequential
    history: History
    best_epoch: int
    second_phase: int | None
    probabilities: dict[str, np.ndarray]
    fit_seconds: float


def check_lines(config: Config) -> None:
    """Look for the freeze lines in the network as it is without its weights, in two seconds.

    Raises:
        UserError: no such freeze line.
    """
    phases = _phases(config)
    if any(phase.freeze != "all" for phase in phases):
        bare = build_backbone(config.backbone, None, config.seed)
        for phase in phases:
            cut(bare, phase.freeze, config.backbone.float32_until, phase.freeze_key)


def check_phases(study: Study) -> None:
    """Find out in a second what else would be found out after an hour of features.

    Raises:
        UserError: no such freeze line, or the library refuses an optimizer's or a callback's arguments.
    """
    config = study.config
    for phase in _phases(config):
        cut(study.backbone, phase.freeze, config.backbone.float32_until, phase.freeze_key)
    build(config.optimizer, "optimizer")
    for name, described in config.callbacks.items():
        monitor = getattr(build(described, f"callbacks.{name}"), "monitor", None)
        if monitor not in (None, *MONITORS):
            raise UserError(
                f"callbacks.{name}.monitor must be a metric by Keras' own name: {', '.join(MONITORS)}. "
                f"Received: callbacks.{name}.monitor={monitor}."
            )


def train_phases(study: Study, manifest: Manifest, report: Callable[[int, dict[str, float]], None]) -> Trained:
    """Train the head on the manifest's features; then, with `training.finetune`, what is above a lower line.

    Args:
        report: called with each epoch's number, counted through all phases, and its metrics.
    """
    config = study.config
    pooled = study.backbone.network.output_shape[-1]
    head = build_head(config.head, pooled, len(manifest.classes), derive(config.seed, "head"))
    done: list[_Done] = []
    for settings in _phases(config):
        epochs = sum(phase.epochs for phase in done)

        def count_on(epoch: int, metrics: dict[str, float], epochs_before: int = epochs) -> None:
            report(epochs_before + epoch, metrics)

        done.append(_fit_phase(study, manifest, head, settings, count_on))
    *before, last = done
    epochs_before = sum(phase.epochs for phase in before)
    history: History = {}
    for phase in done:
        for name, values in phase.fitted.history.items():
            history.setdefault(name, []).extend(values)
    return Trained(
        head,
        history,
        best_epoch=epochs_before + last.fitted.best_epoch,
        second_phase=epochs_before or None,
        probabilities=last.probabilities,
        fit_seconds=sum(phase.seconds for phase in done),
    )


@dataclass(frozen=True)
class _Phase:
    """What one phase trains: all above `freeze`, at this learning rate."""

    name: str
    freeze: str
    training: TrainingConfig
    learning_rate: float
    callbacks: Mapping[str, Mapping[str, Any]]

    @property
    def freeze_key(self) -> str:
        """The key of the configuration that says `freeze`."""
        return "training.finetune.freeze" if self.name == "finetune" else "backbone.freeze"


@dataclass(frozen=True)
class _Done:
    """What one phase gave."""

    fitted: Fitted
    probabilities: dict[str, np.ndarray]
    seconds: float

    @property
    def epochs(self) -> int:
        return len(self.fitted.history["train/loss"])


def _phases(config: Config) -> list[_Phase]:
    rate = config.optimizer["learning_rate"]
    first = _Phase("first", config.backbone.freeze, config.training, rate, config.callbacks)
    finetune = config.training.finetune
    if finetune is None:
        return [first]
    training = replace(config.training, epochs=finetune.epochs)
    callbacks = _writing_elsewhere(config.callbacks, "finetune")
    return [first, _Phase("finetune", finetune.freeze, training, finetune.learning_rate, callbacks)]


def _writing_elsewhere(callbacks: Mapping[str, Mapping[str, Any]], prefix: str) -> dict[str, dict[str, Any]]:
    """The same callbacks, the names of their files and folders with a prefix: each phase makes its callbacks anew, and
    what one has written would be lost to the next."""

    def elsewhere(key: str, value: Any) -> Any:
        if key not in CALLBACK_PATHS or value is None:
            return value
        place = Path(value)
        return str(place.with_name(f"{prefix}-{place.name}"))

    return {
        name: {key: elsewhere(key, value) for key, value in described.items()} for name, described in callbacks.items()
    }


def _fit_phase(
    study: Study,
    manifest: Manifest,
    head: keras.Sequential,
    phase: _Phase,
    report: Callable[[int, dict[str, float]], None],
) -> _Done:
    """Make the features at the phase's line and fit what is above it."""
    config = study.config
    part = study.frozen_part(phase.freeze)
    sides = {split: _side(part, manifest, split) for split in ("train", "validation", "test")}
    model = build_trainable(part.cut, head, config.backbone.batch_norm, phase.training.precision)
    started = time.perf_counter()
    fitted = fit(
        model,
        sides["train"],
        sides["validation"],
        phase.training,
        {**config.optimizer, "learning_rate": phase.learning_rate},
        phase.callbacks,
        derive(config.seed, f"shuffling, {phase.name} phase"),
        report,
        # A head is trained in seconds; what takes longer goes on where it was killed.
        None if part.cut.trainable is None else _unfinished(study, manifest, phase.name),
    )
    seconds = time.perf_counter() - started
    batch = phase.training.batch_size
    return _Done(fitted, {split: predict(model, side.features, batch) for split, side in sides.items()}, seconds)


def _unfinished(study: Study, manifest: Manifest, phase: str) -> Path:
    """The file of a training's state. The weights' origin is in its name: random ones for want of ImageNet's are what
    the same configuration begins with elsewhere."""
    key = run_key(study.config, f"{manifest.digest()} {study.backbone.origin}")
    return Path(study.config.cache.root) / "unfinished" / f"{key}-{phase}.npz"


def _side(part: FeatureExtractor, manifest: Manifest, split: str) -> SplitData:
    """Training photos in all views, the others plain."""
    rows = manifest.of(split)
    views = range(part.config.augmentation.views) if split == "train" else [0]
    return SplitData(part.features(rows, views), manifest.labels(rows))
