"""From a manifest to a trained head: one phase, or two where fine-tuning lowers the freeze line."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ndsc.config.instantiate import build
from ndsc.config.keys import CALLBACK_PATHS
from ndsc.config.schema import BackboneConfig, TrainingConfig
from ndsc.data.manifest import Manifest
from ndsc.errors import UserError
from ndsc.evaluation.predictions import Predictions
from ndsc.features.feature_extractor import FeatureExtractor
from ndsc.model.backbone import Backbone
from ndsc.model.classifier import build_trainable
from ndsc.model.freeze_line import cut
from ndsc.process import Timer
from ndsc.seeds import derive
from ndsc.training.batching import SplitData
from ndsc.training.fit import History, Phase, fit, predict

MONITORS = ("loss", "accuracy", "val_loss", "val_accuracy")


@dataclass(frozen=True)
class TrainingResult:
    """The result of all phases. What was trained between the head and the freeze line was trained in the backbone.

    Attributes:
        head: the trained head.
        history: the curves of all phases end to end.
        best_epoch: the best epoch of the last phase, as a position in them.
        second_phase: the position at which the second phase begins; None: there is one phase.
        probabilities: (n, classes) by split.
    """

    head: keras.Sequential
    history: History
    best_epoch: int
    second_phase: int | None
    probabilities: Mapping[str, np.ndarray]

    def predictions(self, manifest: Manifest) -> dict[str, Predictions]:
        """Return the predictions of each split that has photos."""
        rows = {split: manifest.of(split) for split in self.probabilities}
        return {
            split: Predictions(probabilities, manifest.labels(rows[split]), manifest.classes, rows[split])
            for split, probabilities in self.probabilities.items()
            if len(rows[split])
        }


def plan_phases(
    backbone: BackboneConfig,
    training: TrainingConfig,
    optimizer: Mapping[str, Any],
    callbacks: Mapping[str, Mapping[str, Any]],
    seed: int,
) -> tuple[Phase, ...]:
    """Return the phases of a training: one, or two with `training.finetune`."""
    if isinstance(rate := optimizer.get("learning_rate"), int):  # Keras refuses 1, and takes 1.0
        optimizer = {**optimizer, "learning_rate": float(rate)}
    first = Phase(
        "first",
        backbone.freeze,
        "backbone.freeze",
        backbone.batch_norm,
        training,
        optimizer,
        callbacks,
        derive(seed, "shuffling, first phase"),
    )
    finetune = training.finetune
    if finetune is None:
        return (first,)
    second = replace(
        first,
        name="finetune",
        freeze=finetune.freeze,
        freeze_key="training.finetune.freeze",
        training=replace(training, epochs=finetune.epochs),
        optimizer={**optimizer, "learning_rate": finetune.learning_rate},
        callbacks=_with_own_files(callbacks, "finetune"),
        seed=derive(seed, "shuffling, finetune phase"),
    )
    return first, second


def check_freeze_lines(backbone: Backbone, phases: Sequence[Phase], float32_until: str) -> None:
    """Check that the freeze line of each phase exists. The backbone needs no weights for that.

    Raises:
        UserError: no such line.
    """
    for phase in phases:
        cut(backbone, phase.freeze, float32_until, phase.freeze_key)


def check_phases(phases: Sequence[Phase]) -> None:
    """Build the parts of all phases, which takes a second.

    Otherwise an error in the configuration would appear only after an hour of computing features.

    Raises:
        UserError: the library refuses the arguments of an optimizer or a callback, or a callback monitors a metric that
            does not exist.
    """
    build(phases[0].optimizer, "optimizer")
    for name, described in phases[0].callbacks.items():
        monitor = getattr(build(described, f"callbacks.{name}"), "monitor", None)
        if monitor not in (None, *MONITORS):
            raise UserError(
                f"callbacks.{name}.monitor must be a metric by Keras' own name: {', '.join(MONITORS)}. "
                f"Received: callbacks.{name}.monitor={monitor}."
            )


def train_phases(
    phases: Sequence[Phase],
    extractors: Mapping[str, FeatureExtractor],
    manifest: Manifest,
    head: keras.Sequential,
    report: Callable[[int, dict[str, float]], None],
    state_path: Path,
    timer: Timer,
) -> TrainingResult:
    """Train the head on the features of a manifest, phase by phase.

    Args:
        extractors: by `freeze`, one for each phase.
        head: trained in place.
        report: called with the number of each epoch, counted through all phases, and its metrics.
        state_path: of the files that hold the state of each phase; the name of the phase is appended.
        timer: receives the seconds of `features` and `fit`.
    """
    history: History = {}
    results = []
    for phase in phases:
        extractor, start = extractors[phase.freeze], len(history.get("train/loss", ()))
        with timer("features"):
            data = {split: _split_data(extractor, manifest, split) for split in ("train", "validation", "test")}
        model = build_trainable(extractor.cut, head, phase.batch_norm, phase.training.precision)
        # A head is trained in seconds; a longer training resumes after its process was killed.
        state = None if extractor.cut.trainable is None else state_path.with_name(f"{state_path.name}-{phase.name}.npz")

        def report_epoch(epoch: int, metrics: dict[str, float], start: int = start) -> None:
            report(start + epoch, metrics)

        with timer("fit"):
            fitted = fit(model, data["train"], data["validation"], phase, report_epoch, state)
        batch_size = phase.training.batch_size
        probabilities = {split: predict(model, one.features, batch_size) for split, one in data.items()}
        for name, values in fitted.history.items():
            history.setdefault(name, []).extend(values)
        results.append(TrainingResult(head, history, start + fitted.best_epoch, start or None, probabilities))
    return results[-1]


def _split_data(extractor: FeatureExtractor, manifest: Manifest, split: str) -> SplitData:
    """The features of one split: training photos in all views, the others in view 0."""
    rows = manifest.of(split)
    views = range(extractor.pipeline.policy.views) if split == "train" else [0]
    return SplitData(extractor.extract(rows, views), manifest.labels(rows))


def _with_own_files(callbacks: Mapping[str, Mapping[str, Any]], prefix: str) -> dict[str, dict[str, Any]]:
    """The callbacks with a prefix in the names of their files and folders: each phase builds its own callbacks, which
    would overwrite the files of the previous phase."""

    def renamed(described: Mapping[str, Any]) -> dict[str, Any]:
        paths = {key: Path(described[key]) for key in CALLBACK_PATHS if described.get(key) is not None}
        return {**described, **{key: str(path.with_name(f"{prefix}-{path.name}")) for key, path in paths.items()}}

    return {name: renamed(described) for name, described in callbacks.items()}
