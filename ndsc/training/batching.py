"""Batches for training: which photo is shown when and in which view, and how its features are gathered."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from ndsc.config.schema import TrainingConfig
from ndsc.features.feature_extractor import MultiViewFeatures
from ndsc.features.image_pipeline import without_autotune

# Pooled features are a few kB each and fit in memory. Feature maps are read from the cache batch by batch: training on
# them takes so long that reading does not count, but two copies of half a gigabyte would.
IN_MEMORY_BYTES = 512 * 2**20

INFERENCE_BATCH = 512

Features = Callable[[Mapping[str, tf.Tensor], tf.Tensor, tf.Tensor], tf.Tensor]


@dataclass(frozen=True)
class SplitData:
    """The photos of one split: their features, and (n,) int32 class numbers."""

    features: MultiViewFeatures
    labels: np.ndarray

    @property
    def fits_in_memory(self) -> bool:
        """Whether the features are loaded into memory: vectors, unless there are very many."""
        return len(self.features.shape) == 2 and self.features.nbytes <= IN_MEMORY_BYTES


def inference_batch(features: MultiViewFeatures, batch_size: int) -> int:
    """Return the number of photos in one step of inference. No weights change, so a large step only saves time;
    feature maps need small ones for their memory."""
    return max(batch_size, INFERENCE_BATCH) if len(features.shape) == 2 else batch_size


def schedule(split: SplitData, epochs: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the photos and their views as training shows them, (epochs, photos) int32 each.

    Every photo is shown once an epoch, in a new order each time, in a view that changes from epoch to epoch.
    """
    random = np.random.default_rng(seed)
    views = np.array(split.features.views)
    count = len(split.labels)
    first = random.integers(len(views), size=count)  # so that an epoch holds all views in equal parts
    order = np.stack([random.permutation(count) for _ in range(epochs)]).astype(np.int32)
    turn = np.arange(epochs)[:, None]
    return order, views[(first[order] + turn) % len(views)].astype(np.int32)


@dataclass(frozen=True)
class Gather:
    """Gathers batches from the tensors in `tensors`.

    They are arguments of `batch`: TensorFlow never frees a tensor that a traced function captures, and in a sweep these
    would be all features of every run.
    """

    tensors: Mapping[str, tf.Tensor]
    _features: Features

    def batch(self, tensors: Mapping[str, tf.Tensor], photos: tf.Tensor, views: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Return what Keras takes for (n,) numbers of photos and of views: features, labels, and weights if any."""
        batch = self._features(tensors, photos, views), tf.gather(tensors["labels"], photos)
        return (*batch, tf.gather(tensors["weights"], photos)) if "weights" in tensors else batch


def make_gather(split: SplitData, training: TrainingConfig, classes: int, weighted: bool) -> Gather:
    """Build the gathering of batches of one split.

    Args:
        weighted: whether `training.class_weights` applies; it does not to validation.
    """
    labels = np.eye(classes, dtype=np.float32)[split.labels] if training.label_smoothing else split.labels
    tensors = {"labels": tf.constant(labels)}
    if weighted and training.class_weights != "none":
        tensors["weights"] = tf.constant(_balanced_weights(split.labels))
    if not split.fits_in_memory:
        return Gather(tensors, _from_cache(split.features))
    # TensorFlow gathers a batch in a fraction of the time of a call into Python.
    tensors["features"] = tf.constant(split.features.load())
    position = np.zeros(max(split.features.views) + 1, np.int32)
    position[list(split.features.views)] = np.arange(len(split.features.views))
    tensors["positions"] = tf.constant(position)
    return Gather(tensors, _from_memory)


def in_batches(gather: Gather, photos: np.ndarray, views: np.ndarray, batch_size: int) -> tf.data.Dataset:
    """Return a pipeline of the batches of all epochs; an epoch's last batch may be smaller."""
    numbers = tf.data.Dataset.from_tensor_slices((photos, views)).flat_map(
        lambda photos, views: tf.data.Dataset.from_tensor_slices((photos, views)).batch(batch_size)
    )
    epochs, count = photos.shape
    # Keras must know where an epoch ends.
    counted = numbers.apply(tf.data.experimental.assert_cardinality(epochs * math.ceil(count / batch_size)))

    def batch(photos: tf.Tensor, views: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return gather.batch(gather.tensors, photos, views)

    return without_autotune(counted.map(batch, num_parallel_calls=2, deterministic=True).prefetch(4))


def by_epoch(photos: np.ndarray, views: np.ndarray) -> tf.data.Dataset:
    """Return a pipeline in which an epoch is one step: its photos and their views, (n,) each."""
    return without_autotune(tf.data.Dataset.from_tensor_slices((photos, views)))


def _from_memory(tensors: Mapping[str, tf.Tensor], photos: tf.Tensor, views: tf.Tensor) -> tf.Tensor:
    at = tf.stack([tf.gather(tensors["positions"], views), photos], axis=1)
    return tf.cast(tf.gather_nd(tensors["features"], at), tf.float32)


def _from_cache(features: MultiViewFeatures) -> Features:
    """Feature maps, which need not fit in memory, are read batch by batch."""

    def read(photos: np.ndarray, views: np.ndarray) -> np.ndarray:
        return features[photos, views].astype(np.float32)

    def gather(_tensors: Mapping[str, tf.Tensor], photos: tf.Tensor, views: tf.Tensor) -> tf.Tensor:
        return tf.ensure_shape(tf.numpy_function(read, [photos, views], tf.float32), [None, *features.shape[1:]])

    return gather


def _balanced_weights(labels: np.ndarray) -> np.ndarray:
    """(n,) float32 weights, inverse to the number of photos of a class, with a mean of one."""
    counts = np.bincount(labels)
    return (len(labels) / (np.count_nonzero(counts) * counts[labels])).astype(np.float32)
