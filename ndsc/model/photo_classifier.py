"""A saved classifier that takes encoded photos, shared by `predict` and the served model."""

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
# The activations of thousands of photos in one request would fill the memory.
PHOTOS_AT_ONCE = 32


class PhotoClassifier:
    """A saved classifier that takes encoded photos of any size.

    Args:
        path: a `classifier.keras` that `ndsc.train` logged, with the names of its classes beside it in `classes.json`.

    Raises:
        UserError: it is no such file, or the names are missing.
    """

    def __init__(self, path: Path) -> None:
        model = _load(path)
        resize = model.get_layer("resize")
        # Called photo by photo, where a Keras layer costs more than its work; a tf.function takes half the time.
        self._resize = tf.function(resize, input_signature=[tf.TensorSpec([None, None, 3], tf.float32)])
        # From resized photos on, (n, size, size, 3), so that photos of any size can share a batch.
        self.body = keras.Model(resize.output, model.output, name="body")
        self.classes = _classes(path.with_name(CLASSES), model.output_shape[-1])

    @property
    def size(self) -> int:
        """Height and width of a prepared photo."""
        return self.body.input_shape[1]

    def prepare(self, data: bytes) -> np.ndarray:
        """Decode one photo and resize it by the model's own layer: (size, size, 3) float32. Safe in many threads.

        Raises:
            ndsc.storage.image_header.Unusable: with the reason.
        """
        with tf.device("CPU"):
            return self._resize(read_pixels(data)).numpy()

    def probabilities(self, prepared: Sequence[np.ndarray]) -> np.ndarray:
        """Return (n, classes) float32 for n prepared photos, at least one."""
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
            f"A classifier.keras that ndsc.train saved was expected. Received: {path}, which Keras cannot load: "
            f"{str(error).splitlines()[0]} Name another file."
        ) from error
    if "resize" not in [layer.name for layer in model.layers]:
        raise UserError(
            "A classifier.keras that ndsc.train saved, from raw photo to probabilities, was expected. Received: "
            f"{path}, whose layers are {', '.join(layer.name for layer in model.layers)}. Name another file."
        )
    return model


def _classes(path: Path, count: int) -> tuple[str, ...]:
    if not path.is_file():
        raise UserError(
            f"The names of the {count} classes were expected beside the classifier, as a JSON list. Received: no "
            f"{path}. Copy it from the run's artifacts."
        )
    names = json.loads(path.read_text(encoding="utf-8"))
    if len(names) != count:
        raise UserError(
            f"The names of {count} classes were expected in {path}. Received: {len(names)}. Copy the file from the "
            "run's artifacts."
        )
    return tuple(names)
