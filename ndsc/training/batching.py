"""What training is fed with: which photo is shown when and in which view, and how its features are come by."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from ndsc.config.schema import TrainingConfig
from ndsc.features.feature_extractor import MultiViewFeatures
from ndsc.features.image_pipeline import untuned

# Pooled features are a few kB each and are held in memory. Feature maps are read from the cache batch by batch: what is
# trained on them takes so long that reading does not count, and two copies of half a gigabyte would.
IN_MEMORY_BYTES = 512 * 2**20

JUDGED_AT_ONCE = 512

Features = Callable[[Mapping[str, tf.Tensor], tf.Tensor, tf.Tensor], tf.Tensor]


@dataclass(frozen=True)
class SplitData:
    """Photos of one side of the split: their features and (n,) int32 class numbers."""

    features: MultiViewFeatures
    labels: np.ndarray

    @property
    def in_memory(self) -> bool:
        """Whether the features are held there: vectors, unless there are very many."""
        return len(self.features.shape) == 2 and self.features.nbytes <= IN_MEMORY_BYTES


def judged_at_once(features: MultiViewFeatures, batch_size: int) -> int:
    """How many photos are judged in one step: no weights move, so it is a question of time only, and of memory where
    features are maps."""
    return max(batch_size, JUDGED_AT_ONCE) if len(features.shape) == 2 else batch_size


def schedule(side: SplitData, epochs: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Photos and their views as training shows them, (epochs, photos) int32 each: every photo once an epoch, in another
    order each time, and in a view that changes from epoch to epoch."""
    random = np.random.default_rng(seed)
    views = np.array(side.features.views)
    count = len(side.labels)
    first = random.integers(len(views), size=count)  # so that an epoch holds all views in equal parts
    order = np.stack([random.permutation(count) for _ in range(epochs)]).astype(np.int32)
    turn = np.arange(epochs)[:, None]
    return order, views[(first[order] + turn) % len(views)].astype(np.int32)


@dataclass(frozen=True)
class Gather:
    """How batches are put together, out of the tensors in `held`.

    They are handed to `batch` and not found there: TensorFlow never lets go of a tensor that a traced function found
    outside of its arguments, and in a sweep that is all features of every run.
    """

    held: Mapping[str, tf.Tensor]
    _features: Features

    def batch(self, held: Mapping[str, tf.Tensor], photos: tf.Tensor, views: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """From (n,) numbers of photos and of views to what Keras takes: features, labels, and weights if there are
        any."""
        batch = self._features(held, photos, views), tf.gather(held["labels"], photos)
        return (*batch, tf.gather(held["weights"], photos)) if "weights" in held else batch


def make_gather(side: SplitData, training: TrainingConfig, classes: int, weighted: bool) -> Gather:
    """How batches of a side are put together.

    Args:
        weighted: as `training.class_weights` says; a validation is not.
    """
    labels = np.eye(classes, dtype=np.float32)[side.labels] if training.label_smoothing else side.labels
    held = {"labels": tf.constant(labels)}
    if weighted and training.class_weights != "none":
        held["weights"] = tf.constant(_balancing(side.labels))
    if not side.in_memory:
        return Gather(held, _from_cache(side.features))
    # TensorFlow gathers a batch in a fraction of the time that a call to Python takes.
    held["features"] = tf.constant(side.features.in_memory())
    place = np.zeros(max(side.features.views) + 1, np.int32)
    place[list(side.features.views)] = np.arange(len(side.features.views))
    held["places"] = tf.constant(place)
    return Gather(held, _from_memory)


def in_batches(gather: Gather, photos: np.ndarray, views: np.ndarray, batch_size: int) -> tf.data.Dataset:
    """Batches of all epochs, one after the other; an epoch's last one may be smaller."""
    numbers = tf.data.Dataset.from_tensor_slices((photos, views)).flat_map(
        lambda photos, views: tf.data.Dataset.from_tensor_slices((photos, views)).batch(batch_size)
    )
    epochs, count = photos.shape
    # Keras must know where an epoch ends.
    counted = numbers.apply(tf.data.experimental.assert_cardinality(epochs * math.ceil(count / batch_size)))

    def batch(photos: tf.Tensor, views: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return gather.batch(gather.held, photos, views)

    return untuned(counted.map(batch, num_parallel_calls=2, deterministic=True).prefetch(4))


def by_epoch(photos: np.ndarray, views: np.ndarray) -> tf.data.Dataset:
    """The same, where an epoch is one step: its photos and their views, (n,) each."""
    return untuned(tf.data.Dataset.from_tensor_slices((photos, views)))


def _from_memory(held: Mapping[str, tf.Tensor], photos: tf.Tensor, views: tf.Tensor) -> tf.Tensor:
    at = tf.stack([tf.gather(held["places"], views), photos], axis=1)
    return tf.cast(tf.gather_nd(held["features"], at), tf.float32)


def _from_cache(features: MultiViewFeatures) -> Features:
    """Feature maps, which need not fit in memory, are read batch by batch."""

    def read(photos: np.ndarray, views: np.ndarray) -> np.ndarray:
        return features[photos, views].astype(np.float32)

    def gather(_held: Mapping[str, tf.Tensor], photos: tf.Tensor, views: tf.Tensor) -> tf.Tensor:
        return tf.ensure_shape(tf.numpy_function(read, [photos, views], tf.float32), [None, *features.shape[1:]])

    return gather


def _balancing(labels: np.ndarray) -> np.ndarray:
    """(n,) float32 weights, inversely to the number of photos of a class, one on average over the photos."""
    counts = np.bincount(labels)
    return (len(labels) / (np.count_nonzero(counts) * counts[labels])).astype(np.float32)
