"""Views: an augmented photo as a pure function of (content, view number, policy).

View 0 is the original photo. Views 1 and up are augmented: the same ones in every run, in any order, on any number of
threads. Keras' random layers draw from a generator with a state, which is neither repeatable in a parallel pipeline nor
a function of the photo; here, each layer gets a seed from this module instead.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ndsc.config.instantiate import build
from ndsc.config.schema import AugmentationConfig
from ndsc.errors import UserError


class _ViewSeeds(keras.random.SeedGenerator):
    """Gives a layer the seeds of one view: the first is the view's own, each further one counts up."""

    def __init__(self) -> None:
        super().__init__(seed=0)
        self._view: tf.Tensor | np.ndarray | None = None
        self._drawn = 0

    def start(self, view: tf.Tensor | np.ndarray) -> None:
        self._view, self._drawn = view, 0

    def next(self, ordered: bool = True) -> tf.Tensor:
        assert self._view is not None
        seed = self._view + tf.constant([0, self._drawn], tf.int32)
        self._drawn += 1
        return seed


class Policy:
    """An augmentation policy: its layers, applied one after the other with seeds of (content, view, layer).

    Attributes:
        views: the number of views of a photo, view 0 included.
        description: as JSON, everything that shapes an augmented view besides the photo and the view's number.

    Raises:
        UserError: a layer cannot be built, changes the size of a photo, or is not repeatable.
    """

    def __init__(self, config: AugmentationConfig) -> None:
        self.views = config.views
        # A list: the order in which the layers are applied counts; the order of a layer's arguments does not.
        self.description = json.dumps(list(config.layers.items()), sort_keys=True)
        self._view_seeds = _ViewSeeds()
        self._layers = {name: self._layer(name, described) for name, described in config.layers.items()}
        for name, layer in self._layers.items():
            self._validate_repeatable(layer, name, config.layers[name]["_target_"])

    def seeds(self, content: bytes, view: int) -> np.ndarray:
        """Return (layers, 2) int32: the seed of each layer for this view of the photo with this content."""
        return np.array([_seed(content, view, name) for name in self._layers], dtype=np.int32).reshape(-1, 2)

    def apply(self, photo: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
        """Return one augmented view of a resized photo (size, size, 3), values 0 to 255; to be traced into a graph."""
        images = photo[tf.newaxis]
        for number, layer in enumerate(self._layers.values()):
            images = self._apply_layer(layer, images, seeds[number])
        return tf.clip_by_value(tf.ensure_shape(images, [1, *photo.shape])[0], 0.0, 255.0)

    def _layer(self, name: str, described: Mapping[str, Any]) -> Any:
        layer = build(described, f"augmentation.layers.{name}")
        # Some layers (RandAugment) ignore the seed that they receive and use their own generator.
        layer._get_seed_generator = lambda backend=None: self._view_seeds
        return layer

    def _validate_repeatable(self, layer: Any, name: str, target: str) -> None:
        """Apply a layer twice to the same photo. Features of a layer that draws from its own generator must not be
        cached."""
        photo = np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 3)).astype(np.float32)
        seed = np.array([0, 1], dtype=np.int32)
        try:
            first, second = (self._apply_layer(layer, tf.constant(photo), seed).numpy() for _ in range(2))
        except (AttributeError, TypeError, ValueError) as error:
            raise UserError(
                f"augmentation.layers.{name} must be a Keras image augmentation layer that preserves a photo's size. "
                f"Received: {target}, which fails on a photo: {str(error).splitlines()[0]}."
            ) from error
        if first.shape != photo.shape or not np.array_equal(first, second):
            raise UserError(
                f"augmentation.layers.{name} must preserve a photo's size and make the same view of it from the same "
                f"seed, so that features can be cached and runs repeated. Received: {target}, which does not."
            )

    def _apply_layer(self, layer: Any, images: tf.Tensor, seed: tf.Tensor | np.ndarray) -> tf.Tensor:
        """A batch of one photo after this layer."""
        self._view_seeds.start(seed)
        transformation = layer.get_random_transformation(images, training=True, seed=self._view_seeds)
        return layer.transform_images(images, transformation, training=True)


def _seed(content: bytes, view: int, layer: str) -> tuple[int, int]:
    digest = hashlib.blake2b(content + view.to_bytes(4, "little") + layer.encode(), digest_size=8).digest()
    # The second half leaves room to count up within a layer without overflow.
    return int.from_bytes(digest[:4], "little", signed=True), int.from_bytes(digest[4:], "little") >> 2
