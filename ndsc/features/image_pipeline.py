"""The image pipeline: from photos to batches of views, in parallel and in order. Read, decode, resize, augment."""

from collections.abc import Iterator
from itertools import islice

import numpy as np
import pandas as pd
import tensorflow as tf

from ndsc.data.decoding import decodable, decode, read_pixels, resizer
from ndsc.errors import UserError
from ndsc.features.views import Policy
from ndsc.process import usable_cores
from ndsc.storage.photo_reader import PhotoReader, read_ahead

# One photo as the graph takes it: data, format, orientation, alpha, view numbers, seeds (views, layers, 2). A view that
# is not wanted has the number UNWANTED, so that all photos have the same number of views.
PHOTO = (
    tf.TensorSpec([], tf.string),
    tf.TensorSpec([], tf.string),
    tf.TensorSpec([], tf.int32),
    tf.TensorSpec([], tf.bool),
    tf.TensorSpec([None], tf.int32),
    tf.TensorSpec([None, None, 2], tf.int32),
)
UNWANTED = -1
# Each call from TensorFlow into Python takes half a millisecond, as long as decoding a photo: photos go in chunks.
PHOTOS_PER_CALL = 16


class ImagePipeline:
    """Makes views of photos by one augmentation policy at one size.

    Tracing the graph takes a second, so a run builds one pipeline and uses it for everything.

    Args:
        policy: the augmentation policy.
        size: height and width of the views in pixels.
        resize: stretch, crop or pad.
        reader: reads the photos.
    """

    def __init__(self, policy: Policy, size: int, resize: str, reader: PhotoReader) -> None:
        self.policy, self.size, self.resize, self.reader = policy, size, resize, reader
        self._resizer = resizer(size, resize)
        # Nothing in it is Python that AutoGraph would have to translate.
        self._views = tf.function(self._views_of_photo, input_signature=PHOTO, autograph=False)

    def batches(self, photos: pd.DataFrame, views: np.ndarray, wanted: np.ndarray, batch: int) -> Iterator[np.ndarray]:
        """Yield batches of up to `batch` views (n, size, size, 3) float32, 0 to 255, photo by photo.

        Each photo is decoded once.

        Args:
            photos: rows with content, archive, offset, size and header, as in a manifest.
            views: (views,) numbers; 0 is the original photo.
            wanted: (photos, views) booleans.

        Raises:
            UserError: a server that holds photos stopped answering.
        """
        failures: list[UserError] = []

        def read() -> Iterator[tuple]:
            # TensorFlow turns every exception inside it into a traceback; the one for the user is stored.
            try:
                yield from self._read(photos, views, wanted)
            except UserError as error:
                failures.append(error)
                raise

        chunk = tuple(tf.TensorSpec([None, *spec.shape], spec.dtype) for spec in PHOTO)
        dataset = tf.data.Dataset.from_generator(read, output_signature=chunk)
        # Not `unbatch()`: it crashes (SIGSEGV) on an empty component, as the seeds of a policy without layers are.
        dataset = dataset.flat_map(lambda *photos: tf.data.Dataset.from_tensor_slices(photos))
        dataset = dataset.map(self._views, num_parallel_calls=usable_cores(), deterministic=True)
        try:
            # Two batches ahead: enough for an engine never to wait, and 40 MB.
            yield from without_autotune(dataset.rebatch(batch).prefetch(2)).as_numpy_iterator()
        except tf.errors.OpError:
            if failures:
                raise failures[0] from None
            raise

    def read_pixels(self, row: pd.Series) -> np.ndarray:
        """Return the pixels (height, width, 3) float32, 0 to 255, of one photo, a row of a manifest."""
        return read_pixels(self.reader.read(row["archive"], int(row["offset"]), int(row["size"])))

    def all_views(self, photos: pd.DataFrame) -> np.ndarray:
        """Return (photos, views, size, size, 3) float32, 0 to 255: every view of some photos."""
        views = np.arange(self.policy.views)
        wanted = np.ones((len(photos), len(views)), bool)
        shown = np.concatenate(list(self.batches(photos, views, wanted, len(views))))
        return shown.reshape(len(photos), len(views), *shown.shape[1:])

    def _read(self, photos: pd.DataFrame, views: np.ndarray, wanted: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
        """Chunks of photos of which a view is wanted, as the graph takes them."""
        each = self._read_each(photos, views, wanted)
        while chunk := list(islice(each, PHOTOS_PER_CALL)):
            data, format, *others = zip(*chunk, strict=True)
            yield np.array(data, object), np.array(format, object), *map(np.array, others)

    def _read_each(self, photos: pd.DataFrame, views: np.ndarray, wanted: np.ndarray) -> Iterator[tuple]:
        shown = wanted.any(axis=1)
        photos, wanted = photos[shown], wanted[shown]
        locations = zip(*(photos[name].tolist() for name in ("archive", "offset", "size")), strict=True)
        for photo, mine, data in zip(photos.itertuples(), wanted, read_ahead(self.reader, locations), strict=True):
            data, format = decodable(data, photo.format, bool(photo.animated))
            content = bytes.fromhex(photo.content)
            seeds = np.stack([self.policy.seeds(content, int(view)) for view in views])
            yield data, format, int(photo.orientation), bool(photo.alpha), np.where(mine, views, UNWANTED), seeds

    def _views_of_photo(
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
        plain = self._resizer(decode(data, format, orientation, alpha))

        def one(view: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
            number, layer_seeds = view
            return tf.cond(number == 0, lambda: plain, lambda: self.policy.apply(plain, layer_seeds))

        return tf.map_fn(one, (numbers, seeds), fn_output_signature=tf.float32)


def without_autotune(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Return the pipeline without the thread that tunes it.

    There is nothing to tune in ours, and the end of a pipeline may wait for that thread to wake up: it sleeps 10 ms,
    then twice as long each time, up to a minute.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)
