"""A saved classifier at work on encoded photos: what `predict` and the served model share."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import keras
import numpy as np
import tensorflow as tf

from ndsc.data.decoding import read_pixels
from ndsc.errors import UserError

CLASSES = "classes.json"
# Of thousands of photos in one request, the activations would fill the memory.
PHOTOS_AT_ONCE = 32


class PhotoClassifier:
    """A saved classifier that takes encoded photos of any size.

    Args:
        path: a `classifier.keras` as `ndsc.train` logs it, with the names of its classes beside it in `classes.json`.

    Raises:
        UserError: it is not such a file, or the names are missing.
    """

    def __init__(self, path: Path) -> None:
        model = _load(path)
        resize = model.get_layer("resize")
        # Called photo by photo, where a layer of Keras costs more than its work: as a function of TensorFlow, half.
        self._resize = tf.function(resize, input_signature=[tf.TensorSpec([None, None, 3], tf.float32)])
        # From a resized photo, (n, size, size, 3), on: so that photos of any sizes can share a batch.
        self.body = keras.Model(resize.output, model.output, name="body")
        self.classes = _classes(path.with_name(CLASSES), model.output_shape[-1])

    @property
    def size(self) -> int:
        """Height and width of a prepared photo."""
        return self.body.input_shape[1]

    def prepare(self, data: bytes) -> np.ndarray:
        """One photo as (size, size, 3) float32: decoded, and resized by the model's own layer. Safe in many threads.

        Raises:
            ndsc.data.decoding.Unusable: with the reason.
        """
        with tf.device("CPU"):
            return self._resize(read_pixels(data)).numpy()

    def probabilities(self, prepared: Sequence[np.ndarray]) -> np.ndarray:
        """(n, classes) float32 for n prepared photos, at least one."""
        found = []
        for start in range(0, len(prepared), PHOTOS_AT_ONCE):
            batch = np.stack(prepared[start : start + PHOTOS_AT_ONCE])
            found.append(keras.ops.convert_to_numpy(self.body(batch, training=False)))
        return np.concatenate(found)


def _load(path: Path) -> keras.Model:
    try:
        model = cast(keras.Model, keras.models.load_model(path, compile=False))
    except (ValueError, OSError) as error:
        raise UserError(
            f"A classifier.keras as ndsc.train saves it was expected. Received: {path}, which Keras cannot load: "
            f"{str(error).splitlines()[0]}"
        ) from error
    if "resize" not in [layer.name for layer in model.layers]:
        raise UserError(
            "A classifier.keras as ndsc.train saves it, from raw photo to probabilities, was expected. Received: "
            f"{path}, whose layers are {', '.join(layer.name for layer in model.layers)}."
        )
    return model


def _classes(path: Path, count: int) -> tuple[str, ...]:
    if not path.is_file():
        raise UserError(
            f"The names of the {count} classes were expected beside the classifier, as a JSON list. Received: no "
            f"{path}."
        )
    names = json.loads(path.read_text(encoding="utf-8"))
    if len(names) != count:
        raise UserError(f"The names of {count} classes were expected in {path}. Received: {len(names)}.")
    return tuple(names)
