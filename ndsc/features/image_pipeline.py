"""From photos to batches of views, in parallel and in order: read, decode, resize, augment."""

from collections.abc import Iterator
from itertools import islice

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from ndsc.data.decoding import decodable, decode
from ndsc.errors import UserError
from ndsc.features.views import Policy
from ndsc.process import usable_cores
from ndsc.storage.photo_reader import PhotoReader, read_ahead

# What of a photo goes into the graph: data, format, orientation, alpha, view numbers, seeds (views, layers, 2). A view
# that is not wanted has the number UNWANTED, so that all photos have as many.
PHOTO = (
    tf.TensorSpec([], tf.string),
    tf.TensorSpec([], tf.string),
    tf.TensorSpec([], tf.int32),
    tf.TensorSpec([], tf.bool),
    tf.TensorSpec([None], tf.int32),
    tf.TensorSpec([None, None, 2], tf.int32),
)
UNWANTED = -1
# To hand photos over from Python takes half a millisecond each time, as long as to decode one.
HANDED_OVER = 16


class ViewPipeline:
    """Makes views of photos by one policy at one size. Tracing it takes a second, so it is made once and used often."""

    def __init__(self, policy: Policy, resize: keras.layers.Resizing, reader: PhotoReader) -> None:
        self._policy, self._resize, self._reader = policy, resize, reader
        # Nothing in it is Python that AutoGraph would have to translate.
        self._views = tf.function(self._views_of, input_signature=PHOTO, autograph=False)

    def batches(self, photos: pd.DataFrame, views: np.ndarray, wanted: np.ndarray, batch: int) -> Iterator[np.ndarray]:
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
            # What is meant for the user is kept: TensorFlow makes a traceback of whatever is raised inside it.
            try:
                yield from self._read(photos, views, wanted)
            except UserError as error:
                failures.append(error)
                raise

        several = tuple(tf.TensorSpec([None, *spec.shape], spec.dtype) for spec in PHOTO)
        dataset = tf.data.Dataset.from_generator(read, output_signature=several)
        # Not `unbatch()`: where a policy has no layers there are no seeds, and of nothing it makes a SIGSEGV.
        dataset = dataset.flat_map(lambda *photos: tf.data.Dataset.from_tensor_slices(photos))
        dataset = dataset.map(self._views, num_parallel_calls=usable_cores(), deterministic=True)
        try:
            # Two batches ahead: enough for an engine never to wait, and 40 MB.
            yield from untuned(dataset.rebatch(batch).prefetch(2)).as_numpy_iterator()
        except tf.errors.OpError:
            if failures:
                raise failures[0] from None
            raise

    def _read(self, photos: pd.DataFrame, views: np.ndarray, wanted: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
        """What the graph is given, of some photos at a time of which a view is wanted."""
        one_by_one = self._read_each(photos, views, wanted)
        while several := list(islice(one_by_one, HANDED_OVER)):
            data, format, *others = zip(*several, strict=True)
            yield np.array(data, object), np.array(format, object), *map(np.array, others)

    def _read_each(self, photos: pd.DataFrame, views: np.ndarray, wanted: np.ndarray) -> Iterator[tuple]:
        shown = wanted.any(axis=1)
        photos, wanted = photos[shown], wanted[shown]
        places = zip(*(photos[name].tolist() for name in ("archive", "offset", "size")), strict=True)
        for photo, mine, data in zip(photos.itertuples(), wanted, read_ahead(self._reader, places), strict=True):
            data, format = decodable(data, photo.format, bool(photo.animated))
            content = bytes.fromhex(photo.content)
            seeds = np.stack([self._policy.seeds(content, int(view)) for view in views])
            yield data, format, int(photo.orientation), bool(photo.alpha), np.where(mine, views, UNWANTED), seeds

    def _views_of(
        self,
        data: tf.Tensor,
        format: tf.Tensor,
        orientation: tf.Tensor,
        alpha: tf.Tensor,
        numbers: tf.Tensor,
        seeds: tf.Tensor,
    ) -> tf.Tensor:
        """(views, size, size, 3) of one photo."""
        wanted = numbers != UNWANTED
        numbers, seeds = tf.boolean_mask(numbers, wanted), tf.boolean_mask(seeds, wanted)
        plain = self._resize(decode(data, format, orientation, alpha))

        def one(view: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
            number, layer_seeds = view
            return tf.cond(number == 0, lambda: plain, lambda: self._policy.apply(plain, layer_seeds))

        return tf.map_fn(one, (numbers, seeds), fn_output_signature=tf.float32)


def untuned(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Without the thread that tries to speed a pipeline up. There is nothing for it to choose in ours, and at a
    pipeline's end one may wait until it wakes up: it sleeps 10 ms, then twice as long each time, up to a minute."""
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)
