"""Training of what lies above the freeze line, on features."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ndsc.config.instantiate import build
from ndsc.config.schema import TrainingConfig
from ndsc.errors import UserError
from ndsc.features.feature_extractor import MultiViewFeatures
from ndsc.terminal import progress
from ndsc.training.batching import SplitData, by_epoch, in_batches, inference_batch, make_gather, schedule
from ndsc.training.callbacks import KeepBest
from ndsc.training.graph_epochs import use_graph_epochs
from ndsc.training.resume import ResumeState

History = dict[str, list[float]]


@dataclass(frozen=True)
class Phase:
    """One phase of a training: everything above the line `freeze` is trained, with this optimizer.

    Attributes:
        freeze_key: the key of the configuration that holds `freeze`.
        seed: of the order of the photos.
    """

    name: str
    freeze: str
    freeze_key: str
    batch_norm: str
    training: TrainingConfig
    optimizer: Mapping[str, Any]
    callbacks: Mapping[str, Mapping[str, Any]]
    seed: int


@dataclass(frozen=True)
class FitResult:
    """Per-epoch metrics by the names under which they are logged (`train/loss`, …), and the best epoch, from 0."""

    history: History
    best_epoch: int


def fit(
    model: keras.Model,
    train: SplitData,
    validation: SplitData,
    phase: Phase,
    report: Callable[[int, dict[str, float]], None],
    state_file: Path | None = None,
) -> FitResult:
    """Train the model in place and leave it with the weights of its best epoch by validation loss.

    Args:
        model: from features to probabilities.
        train: in all views; an epoch shows each photo once, in a view that changes from epoch to epoch.
        validation: evaluated in view 0.
        report: called with each epoch's number and metrics.
        state_file: stores the state after each epoch; if it exists, the training resumes from it.

    Raises:
        UserError: the loss became infinite or not a number.
    """
    epochs, first = phase.training.epochs, 0
    _compile(model, train, phase)
    best = KeepBest()
    history: History = {}
    with progress("fit", total=epochs, unit="epochs") as advance:

        def on_epoch(epoch: int, logs: Mapping[str, Any]) -> None:
            named = {_logged_name(name): float(value) for name, value in logs.items()}
            for name, value in named.items():
                history.setdefault(name, []).append(value)
            report(epoch, named)
            advance(1)

        given = [build(described, f"callbacks.{name}") for name, described in phase.callbacks.items()]
        # The report last: others add to the logs.
        callbacks = [best, *given, keras.callbacks.LambdaCallback(on_epoch_end=on_epoch)]
        if state_file is not None:
            resume = ResumeState(state_file, best, tuple(callbacks))
            first = resume.first_epoch(epochs)
            callbacks.append(resume)
        data = _data(model, train, validation, phase, first)
        # The batches come shuffled.
        model.fit(**data, epochs=epochs, initial_epoch=first, callbacks=callbacks, shuffle=False, verbose=0)
    _validate_finite(history["train/loss"], best.loss, phase.optimizer)
    model.set_weights(best.weights)
    if state_file is not None:
        state_file.unlink(missing_ok=True)
    return FitResult(history, best.epoch)


def predict(model: keras.Model, features: MultiViewFeatures, batch_size: int) -> np.ndarray:
    """Return (n, classes) float32: the probabilities of photos in view 0."""
    count, batch_size = features.shape[0], inference_batch(features, batch_size)
    batches = [np.arange(start, min(start + batch_size, count)) for start in range(0, count, batch_size)]
    inputs = (features[photos, np.zeros_like(photos)].astype(np.float32) for photos in batches)
    found = [keras.ops.convert_to_numpy(model(batch, training=False)) for batch in inputs]
    return np.concatenate(found) if found else np.empty((0, model.output_shape[-1]), np.float32)


def _compile(model: keras.Model, train: SplitData, phase: Phase) -> None:
    training, optimizer = phase.training, build(phase.optimizer, "optimizer")
    if training.precision == "mixed_float16":
        # Small gradients vanish in float16 unless the loss is scaled up.
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    if training.label_smoothing:
        loss = keras.losses.CategoricalCrossentropy(label_smoothing=training.label_smoothing)
    else:
        loss = keras.losses.SparseCategoricalCrossentropy()
    # All steps of an epoch in one call: for a linear head the call costs more than the work.
    model.compile(optimizer, loss, metrics=["accuracy"], steps_per_execution=_steps(train, training))


def _data(
    model: keras.Model, train: SplitData, validation: SplitData, phase: Phase, first_epoch: int
) -> dict[str, Any]:
    """The data for `model.fit`, from this epoch on."""
    training, classes = phase.training, model.output_shape[-1]
    photos, views = (shown[first_epoch:] for shown in schedule(train, training.epochs, phase.seed))
    plain = np.arange(len(validation.labels), dtype=np.int32)[None]
    at_once = inference_batch(validation.features, training.batch_size)
    gather_train = make_gather(train, training, classes, weighted=True)
    gather_plain = make_gather(validation, training, classes, weighted=False)
    if train.fits_in_memory and validation.fits_in_memory:
        use_graph_epochs(model, gather_train, gather_plain, training.batch_size, at_once)
        return {
            "x": by_epoch(photos, views),
            "steps_per_epoch": 1,
            "validation_data": by_epoch(plain, np.zeros_like(plain)),
        }
    return {
        "x": in_batches(gather_train, photos, views, training.batch_size),
        "steps_per_epoch": _steps(train, training),
        "validation_data": in_batches(gather_plain, plain, np.zeros_like(plain), at_once),
    }


def _steps(train: SplitData, training: TrainingConfig) -> int:
    return math.ceil(len(train.labels) / training.batch_size)


def _validate_finite(losses: list[float], best: float, optimizer: Mapping[str, Any]) -> None:
    if not np.isfinite(losses[-1]) or not math.isfinite(best):
        raise UserError(
            f"Training diverged: the loss in epoch {len(losses) - 1} is {losses[-1]}. Expected a finite number. Lower "
            f"optimizer.learning_rate. Received: {dict(optimizer)}."
        )


def _logged_name(name: str) -> str:
    """Keras' name of a metric as it is logged: `val_loss` is `val/loss`, `loss` is `train/loss`."""
    return f"val/{name.removeprefix('val_')}" if name.startswith("val_") else f"train/{name}"
