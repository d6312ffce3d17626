"""Training what lies above the freeze line, on features."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ndsc.config import TrainingConfig
from ndsc.errors import UserError
from ndsc.library import build
from ndsc.terminal import progress
from ndsc.training.callbacks import KeepBest, Report
from ndsc.training.features import ViewedFeatures
from ndsc.training.unfinished import Unfinished

# Pooled features are a few kB each and are held in memory; feature maps are read from the cache batch by batch.
IN_MEMORY_BYTES = 512 * 2**20

JUDGED_AT_ONCE = 512

History = dict[str, list[float]]


@dataclass(frozen=True)
class Side:
    """Photos of one side of the split: their features and (n,) int32 class numbers."""

    features: ViewedFeatures
    labels: np.ndarray


@dataclass(frozen=True)
class Fitted:
    """Per-epoch metrics named as they are logged (`train/loss`, …), and the number of the best epoch, from 0."""

    history: History
    best_epoch: int


def fit(
    model: keras.Model,
    train: Side,
    validation: Side,
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
    classes = model.output_shape[-1]
    steps = math.ceil(len(train.labels) / training.batch_size)
    built = build(optimizer, "optimizer")
    model.compile(
        # Small gradients vanish in float16 unless the loss is scaled up.
        optimizer=keras.optimizers.LossScaleOptimizer(built) if training.precision == "mixed_float16" else built,
        loss=_loss(training.label_smoothing),
        metrics=["accuracy"],
        # All steps of an epoch in one call: in a linear head the way in and out costs more than the work.
        steps_per_execution=steps,
    )
    best = KeepBest()
    kept = Unfinished(unfinished, best) if unfinished is not None else None
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
            _epochs(train, training, classes, seed, first),
            epochs=training.epochs,
            initial_epoch=first,
            steps_per_epoch=steps,
            validation_data=_plain(validation, training, classes),
            callbacks=shown if kept is None else [*shown, kept],
            class_weight=_class_weights(train.labels, training.class_weights),
            shuffle=False,  # the batches come shuffled
            verbose=0,
        )
    if not np.isfinite(history["train/loss"][-1]) or not math.isfinite(best.loss):
        raise UserError(
            f"Training diverged: the loss in epoch {len(history['train/loss']) - 1} is {history['train/loss'][-1]}. "
            "Expected "
            f"a finite number. Lower optimizer.learning_rate. Received: {dict(optimizer)}."
        )
    best.restore()
    if kept is not None:
        kept.forget()
    return Fitted(history, best.epoch)


def predict(model: keras.Model, features: ViewedFeatures, batch_size: int) -> np.ndarray:
    """(n, classes) float32 probabilities of the plain photos."""
    count, batch_size = features.shape[0], _judged_at_once(features, batch_size)
    batches = [np.arange(start, min(start + batch_size, count)) for start in range(0, count, batch_size)]
    zero = [np.zeros(len(batch), int) for batch in batches]
    found = [
        keras.ops.convert_to_numpy(model(features[photos, views].astype(np.float32), training=False))
        for photos, views in zip(batches, zero, strict=True)
    ]
    return np.concatenate(found) if found else np.empty((0, model.output_shape[-1]), np.float32)


def _loss(label_smoothing: float) -> keras.losses.Loss:
    if label_smoothing:
        return keras.losses.CategoricalCrossentropy(label_smoothing=label_smoothing)
    return keras.losses.SparseCategoricalCrossentropy()


def _logged(name: str) -> str:
    """Keras' name of a metric as it is logged: `val_loss` is `val/loss`, `loss` is `train/loss`."""
    return f"val/{name.removeprefix('val_')}" if name.startswith("val_") else f"train/{name}"


def _epochs(train: Side, training: TrainingConfig, classes: int, seed: int, start: int = 0) -> tf.data.Dataset:
    """Batches of all epochs from number `start` on, one after the other."""
    random = np.random.default_rng(seed)
    views = np.array(train.features.views)
    count = len(train.labels)
    first = random.integers(len(views), size=count)  # so that an epoch holds all views in equal parts
    order = np.stack([random.permutation(count) for _ in range(training.epochs)]).astype(np.int32)
    turn = np.arange(training.epochs)[:, None]
    shown = views[(first[order] + turn) % len(views)].astype(np.int32)
    batches = tf.data.Dataset.from_tensor_slices((order[start:], shown[start:])).flat_map(
        lambda photos, views: tf.data.Dataset.from_tensor_slices((photos, views)).batch(training.batch_size)
    )
    return _gathered(batches, train, training, classes)


def _plain(side: Side, training: TrainingConfig, classes: int) -> tf.data.Dataset:
    """One pass over the plain photos."""
    photos = np.arange(len(side.labels), dtype=np.int32)
    at_once = _judged_at_once(side.features, training.batch_size)
    batches = tf.data.Dataset.from_tensor_slices((photos, np.zeros_like(photos))).batch(at_once)
    return _gathered(batches, side, training, classes)


def _judged_at_once(features: ViewedFeatures, batch_size: int) -> int:
    """How many photos are judged in one step: no weights move, so it is a question of time only, and of memory where
    features are maps."""
    return max(batch_size, JUDGED_AT_ONCE) if len(features.shape) == 2 else batch_size


def _gathered(batches: tf.data.Dataset, side: Side, training: TrainingConfig, classes: int) -> tf.data.Dataset:
    """Batches of (photo, view) numbers become batches of (features, labels)."""
    labels = tf.constant(np.eye(classes, dtype=np.float32)[side.labels] if training.label_smoothing else side.labels)
    features = side.features
    gather = _from_memory(features) if features.nbytes <= IN_MEMORY_BYTES else _from_cache(features)
    return batches.map(
        lambda photos, views: (gather(photos, views), tf.gather(labels, photos)),
        num_parallel_calls=2,
        deterministic=True,
    ).prefetch(4)


def _from_memory(features: ViewedFeatures) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """All features in one tensor: TensorFlow gathers a batch in a fraction of the time that a call to Python takes."""
    table = tf.constant(np.stack(list(features.in_memory().rows.values())))
    place = np.zeros(max(features.views) + 1, np.int32)
    place[list(features.views)] = np.arange(len(features.views))
    places = tf.constant(place)

    def gather(photos: tf.Tensor, views: tf.Tensor) -> tf.Tensor:
        return tf.cast(tf.gather_nd(table, tf.stack([tf.gather(places, views), photos], axis=1)), tf.float32)

    return gather


def _from_cache(features: ViewedFeatures) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Feature maps, which need not fit in memory, are read batch by batch."""

    def read(photos: np.ndarray, views: np.ndarray) -> np.ndarray:
        return features[photos, views].astype(np.float32)

    def gather(photos: tf.Tensor, views: tf.Tensor) -> tf.Tensor:
        return tf.ensure_shape(tf.numpy_function(read, [photos, views], tf.float32), [None, *features.shape[1:]])

    return gather


def _class_weights(labels: np.ndarray, kind: str) -> dict[int, float] | None:
    """`balanced`: inversely to the number of photos, one on average over the photos."""
    if kind == "none":
        return None
    counts = np.bincount(labels)
    return {label: len(labels) / (len(counts) * count) for label, count in enumerate(counts) if count}
