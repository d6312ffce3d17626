"""From photos to batches of views, in parallel and in order: read, decode, resize, augment."""

import os
from collections.abc import Iterator

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from ndsc.data.catalogue import PhotoReader
from ndsc.data.images import decodable, decode
from ndsc.data.read_ahead import read_ahead
from ndsc.errors import UserError
from ndsc.training.views import Policy

# What of a photo goes into the graph: data, format, orientation, alpha, view numbers, seeds (views, layers, 2).
PHOTO = (
    tf.TensorSpec([], tf.string),
    tf.TensorSpec([], tf.string),
    tf.TensorSpec([], tf.int32),
    tf.TensorSpec([], tf.bool),
    tf.TensorSpec([None], tf.int32),
    tf.TensorSpec([None, None, 2], tf.int32),
)


def view_batches(
    photos: pd.DataFrame,
    views: np.ndarray,
    wanted: np.ndarray,
    policy: Policy,
    reader: PhotoReader,
    resize: keras.layers.Resizing,
    batch: int,
) -> Iterator[np.ndarray]:
    """Batches of up to `batch` views (n, size, size, 3) float32, 0 to 255: photo by photo, each decoded once.

    Args:
        photos: rows with content, archive, offset, size and header, as in a manifest.
        views: (views,) numbers; 0 is the plain photo.
        wanted: (photos, views) booleans.

    Raises:
        UserError: a server that photos lie on does not answer any more.
    """
    failures: list[UserError] = []

    def read() -> Iterator[tuple]:
        shown = np.flatnonzero(wanted.any(axis=1))
        places = zip(*(photos[name].iloc[shown].tolist() for name in ("archive", "offset", "size")), strict=True)
        for at, data in zip(shown, _kept(read_ahead(reader, places), failures), strict=True):
            photo = photos.iloc[at]
            data, format = decodable(data, photo["format"], bool(photo["animated"]))
            mine = views[wanted[at]]
            seeds = np.stack([policy.seeds(bytes.fromhex(photo["content"]), int(view)) for view in mine])
            yield data, format, int(photo["orientation"]), bool(photo["alpha"]), mine, seeds

    def make(data, format, orientation, alpha, numbers, seeds):
        plain = resize(decode(data, format, orientation, alpha))

        def one(view):
            number, layer_seeds = view
            return tf.cond(number == 0, lambda: plain, lambda: policy.apply(plain, layer_seeds))

        return tf.map_fn(one, (numbers, seeds), fn_output_signature=tf.float32)

    dataset = tf.data.Dataset.from_generator(read, output_signature=PHOTO)
    dataset = dataset.map(make, num_parallel_calls=os.cpu_count(), deterministic=True)
    try:
        # Two batches ahead: enough for an engine never to wait, and 40 MB.
        yield from dataset.unbatch().batch(batch).prefetch(2).as_numpy_iterator()
    except tf.errors.OpError:
        if failures:
            raise failures[0] from None
        raise


def _kept(photos: Iterator[bytes], failures: list[UserError]) -> Iterator[bytes]:
    """The same, and what is meant for the user kept: TensorFlow makes a traceback of whatever is raised inside it."""
    try:
        yield from photos
    except UserError as error:
        failures.append(error)
        raise
