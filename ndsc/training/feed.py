"""What training is fed with: which photo is shown when and in which view, and how its features are come by."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from ndsc.config import TrainingConfig
from ndsc.training.features import ViewedFeatures

# Pooled features are a few kB each and are held in memory; feature maps are read from the cache batch by batch.
IN_MEMORY_BYTES = 512 * 2**20

JUDGED_AT_ONCE = 512

# From (n,) numbers of photos and of views to a batch as Keras takes it: features, labels, and weights if there are any.
Gather = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, ...]]


@dataclass(frozen=True)
class Side:
    """Photos of one side of the split: their features and (n,) int32 class numbers."""

    features: ViewedFeatures
    labels: np.ndarray

    @property
    def in_memory(self) -> bool:
        """Whether the features are few enough to be held there."""
        return self.features.nbytes <= IN_MEMORY_BYTES


def judged_at_once(features: ViewedFeatures, batch_size: int) -> int:
    """How many photos are judged in one step: no weights move, so it is a question of time only, and of memory where
    features are maps."""
    return max(batch_size, JUDGED_AT_ONCE) if len(features.shape) == 2 else batch_size


def schedule(side: Side, epochs: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Photos and their views as training shows them, (epochs, photos) int32 each: every photo once an epoch, in another
    order each time, and in a view that changes from epoch to epoch."""
    random = np.random.default_rng(seed)
    views = np.array(side.features.views)
    count = len(side.labels)
    first = random.integers(len(views), size=count)  # so that an epoch holds all views in equal parts
    order = np.stack([random.permutation(count) for _ in range(epochs)]).astype(np.int32)
    turn = np.arange(epochs)[:, None]
    return order, views[(first[order] + turn) % len(views)].astype(np.int32)


def gatherer(side: Side, training: TrainingConfig, classes: int, weighted: bool) -> Gather:
    """How batches of a side are put together.

    Args:
        weighted: as `training.class_weights` says; a validation is not.
    """
    labels = tf.constant(np.eye(classes, dtype=np.float32)[side.labels] if training.label_smoothing else side.labels)
    weights = _weights(side.labels, training.class_weights) if weighted else None
    features = _from_memory(side.features) if side.in_memory else _from_cache(side.features)

    def gather(photos: tf.Tensor, views: tf.Tensor) -> tuple[tf.Tensor, ...]:
        batch = features(photos, views), tf.gather(labels, photos)
        return batch if weights is None else (*batch, tf.gather(weights, photos))

    return gather


def in_batches(gather: Gather, photos: np.ndarray, views: np.ndarray, batch_size: int) -> tf.data.Dataset:
    """Batches of all epochs, one after the other; an epoch's last one may be smaller."""
    numbers = tf.data.Dataset.from_tensor_slices((photos, views)).flat_map(
        lambda photos, views: tf.data.Dataset.from_tensor_slices((photos, views)).batch(batch_size)
    )
    epochs, count = photos.shape
    # Keras must know where an epoch ends.
    counted = numbers.apply(tf.data.experimental.assert_cardinality(epochs * math.ceil(count / batch_size)))
    return counted.map(gather, num_parallel_calls=2, deterministic=True).prefetch(4)


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


def _weights(labels: np.ndarray, kind: str) -> tf.Tensor | None:
    """(n,) float32. `balanced`: inversely to the number of photos of a class, one on average over the photos."""
    if kind == "none":
        return None
    counts = np.bincount(labels)
    return tf.constant((len(labels) / (np.count_nonzero(counts) * counts[labels])).astype(np.float32))
