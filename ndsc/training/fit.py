"""Training what lies above the freeze line, on features."""

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
from ndsc.training.batching import SplitData, by_epoch, in_batches, judged_at_once, make_gather, schedule
from ndsc.training.callbacks import KeepBest, Report
from ndsc.training.graph_epochs import use_graph_epochs
from ndsc.training.resume import ResumeState

History = dict[str, list[float]]


@dataclass(frozen=True)
class Fitted:
    """Per-epoch metrics named as they are logged (`train/loss`, …), and the number of the best epoch, from 0."""

    history: History
    best_epoch: int


def fit(
    model: keras.Model,
    train: SplitData,
    validation: SplitData,
    training: TrainingConfig,
    optimizer: Mapping[str, Any],
    callbacks: Mapping[str, Any],
    seed: int,
    report: Callable[[int, dict[str, float]], None],
    unfinished: Path | None = None,
) -> Fitted:
    """Train the model in place and leave it with the weights of its best epoch by validation loss.

    Args:
        model: from features to probabilities.
        train: in all views; an epoch shows each photo once, in a view that changes from epoch to epoch.
        validation: judged in view 0.
        report: called with each epoch's number and metrics.
        unfinished: a file to keep the state in after each epoch, and to go on from if it is there.

    Raises:
        UserError: the loss became infinite or not a number.
    """
    built = build(optimizer, "optimizer")
    model.compile(
        # Small gradients vanish in float16 unless the loss is scaled up.
        optimizer=keras.optimizers.LossScaleOptimizer(built) if training.precision == "mixed_float16" else built,
        loss=_loss(training.label_smoothing),
        metrics=["accuracy"],
        # All steps of an epoch in one call: in a linear head the way in and out costs more than the work.
        steps_per_execution=_steps(train, training),
    )
    best = KeepBest()
    kept = ResumeState(unfinished, best) if unfinished is not None else None
    history: History = {}
    with progress("fit", total=training.epochs, unit="epochs") as advance:

        def on_epoch(epoch: int, metrics: dict[str, float]) -> None:
            named = {_logged(name): value for name, value in metrics.items()}
            for name, value in named.items():
                history.setdefault(name, []).append(value)
            report(epoch, named)
            advance(1)

        given = [build(described, f"callbacks.{name}") for name, described in callbacks.items()]
        shown = [best, *given, Report(on_epoch)]  # the report last: others add to the logs
        first = 0
        if kept is not None:
            kept.show_to(shown)
            first = training.epochs if kept.stopped else kept.epochs
        model.fit(
            **_fed(model, train, validation, training, seed, first),
            epochs=training.epochs,
            initial_epoch=first,
            callbacks=shown if kept is None else [*shown, kept],
            shuffle=False,  # the batches come shuffled
            verbose=0,
        )
    if not np.isfinite(history["train/loss"][-1]) or not math.isfinite(best.loss):
        raise UserError(
            f"Training diverged: the loss in epoch {len(history['train/loss']) - 1} is {history['train/loss'][-1]}. "
            f"Expected a finite number. Lower optimizer.learning_rate. Received: {dict(optimizer)}."
        )
    best.restore()
    if kept is not None:
        kept.forget()
    return Fitted(history, best.epoch)


def predict(model: keras.Model, features: MultiViewFeatures, batch_size: int) -> np.ndarray:
    """(n, classes) float32 probabilities of the plain photos."""
    count, batch_size = features.shape[0], judged_at_once(features, batch_size)
    batches = [np.arange(start, min(start + batch_size, count)) for start in range(0, count, batch_size)]
    zero = [np.zeros(len(batch), int) for batch in batches]
    found = [
        keras.ops.convert_to_numpy(model(features[photos, views].astype(np.float32), training=False))
        for photos, views in zip(batches, zero, strict=True)
    ]
    return np.concatenate(found) if found else np.empty((0, model.output_shape[-1]), np.float32)


def _fed(
    model: keras.Model, train: SplitData, validation: SplitData, training: TrainingConfig, seed: int, first: int
) -> dict[str, Any]:
    """The data for `model.fit`, from epoch number `first` on."""
    classes = model.output_shape[-1]
    photos, views = (shown[first:] for shown in schedule(train, training.epochs, seed))
    plain = np.arange(len(validation.labels), dtype=np.int32)[None]
    at_once = judged_at_once(validation.features, training.batch_size)
    gather_train = make_gather(train, training, classes, weighted=True)
    gather_plain = make_gather(validation, training, classes, weighted=False)
    if train.in_memory and validation.in_memory:
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


def _loss(label_smoothing: float) -> keras.losses.Loss:
    if label_smoothing:
        return keras.losses.CategoricalCrossentropy(label_smoothing=label_smoothing)
    return keras.losses.SparseCategoricalCrossentropy()


def _logged(name: str) -> str:
    """Keras' name of a metric as it is logged: `val_loss` is `val/loss`, `loss` is `train/loss`."""
    return f"val/{name.removeprefix('val_')}" if name.startswith("val_") else f"train/{name}"
