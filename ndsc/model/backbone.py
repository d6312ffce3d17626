"""Pretrained networks: built from their configuration, with their weights."""

import gc
import json
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import keras
import numpy as np

from ndsc.caching.digests import combined_hash
from ndsc.caching.openvino_cache import Identity
from ndsc.config.instantiate import keras_function
from ndsc.config.schema import BackboneConfig
from ndsc.errors import UserError
from ndsc.model.weights import Weights
from ndsc.seeds import derive


@dataclass(eq=False)
class Backbone:
    """A network from preprocessed photos (n, size, size, 3) to pooled features (n, d), and its own preprocessing.

    Attributes:
        preprocess: from floats 0 to 255 to what the network was trained on; also works on symbolic tensors.
        origin: where the weights come from, in a few words.
        identity: everything that distinguishes it from other backbones, besides its weights.
    """

    network: keras.Model
    preprocess: Any
    origin: str
    identity: Identity
    _digests: dict[str, str] = field(default_factory=dict, repr=False)  # by line

    @property
    def size(self) -> int:
        """Height and width of the photos it takes."""
        return self.network.input_shape[1]

    def frozen_digest(self, line: str, frozen: keras.Model) -> str:
        """Return 32 hex digits of the weights below a line. They never change, so each line is hashed once."""
        if line not in self._digests:
            self._digests[line] = weights_digest(frozen)
        return self._digests[line]


def obtain_backbone(config: BackboneConfig, weights: Weights, seed: int, trainable: bool) -> Backbone:
    """Build a backbone, or return the one of the process's previous run if it would be the same to the bit.

    Args:
        trainable: whether a part of it will be trained; then it is always built.

    Raises:
        UserError: the weights do not fit the network.
    """
    if trainable:
        return build_backbone(config, weights, seed)
    # How it is cut, run and fed does not change the network.
    network = replace(config, freeze="all", engine="auto", precision="auto", resize="stretch", float32_until="none")
    file = weights.path.stat() if weights.path is not None else None
    state = (file.st_size, file.st_mtime_ns) if file else None
    backbone = _build_once(json.dumps(asdict(network)), weights, state, seed if weights.kind == "random" else 0)
    # The same state as after building the network.
    keras.backend.clear_session()
    keras.utils.set_random_seed(derive(seed, "initial weights"))
    return backbone


@lru_cache(maxsize=1)
def _build_once(network: str, weights: Weights, _state: tuple[int, int] | None, seed: int) -> Backbone:
    # Keras collects garbage at each `clear_session`, which takes half a second. A cached backbone and the libraries
    # contain no garbage, so the collector need not search them.
    gc.unfreeze()
    backbone = build_backbone(BackboneConfig(**json.loads(network)), weights, seed)
    gc.freeze()
    return backbone


def build_backbone(config: BackboneConfig, weights: Weights | None, seed: int) -> Backbone:
    """Build the network with its weights, or without weights (None) if only its layers are needed.

    Keras numbers unnamed layers (`add_3`) by what the process has built before, so the session is cleared first: the
    names, and with them the freeze lines, are then the same every time.

    Raises:
        UserError: the weights do not fit the network.
    """
    keras.backend.clear_session()
    keras.utils.set_random_seed(derive(seed, "initial weights"))
    build, preprocess = keras_function(config.build["_target_"]), keras_function(config.preprocess)
    arguments = {key: value for key, value in config.build.items() if key != "_target_"}
    shape = (config.image_size, config.image_size, 3)
    initial = "imagenet" if weights is not None and weights.kind == "imagenet" else None
    try:
        network = build(include_top=False, pooling="avg", input_shape=shape, weights=initial, **arguments)
    except (TypeError, ValueError) as error:
        raise UserError(
            f"backbone.build cannot be built at {config.image_size} pixels: {str(error).splitlines()[0]} Received: "
            f"{dict(config.build)}."
        ) from error
    if weights is not None and weights.path is not None:
        _load_weights(network, weights.path)
    elif weights is not None and weights.kind == "random":
        _adapt_batch_norm(network, preprocess, derive(seed, "noise"))
    identity = {
        "backbone": config.name,
        # Some arguments shape a network but not its weights, such as those of rescaling.
        "build": json.dumps(arguments, sort_keys=True),
        "preprocess": config.preprocess,
        "image_size": config.image_size,
    }
    return Backbone(network, preprocess, weights.origin if weights else "none", identity)


def weights_digest(model: keras.Model) -> str:
    """Return 32 hex digits of all weights of a model, in order."""
    return combined_hash(np.ascontiguousarray(weight).data for weight in model.get_weights())


def _adapt_batch_norm(network: keras.Model, preprocess: Any, seed: int) -> None:
    """Adapt the statistics of batch normalization in a network with random weights, by one batch of noise.

    Otherwise the signals fade from layer to layer: all features of a random MobileNet are below the smallest float16.
    """
    norms = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in norms]
    height, width = network.input_shape[1:3]
    noise = np.random.default_rng(seed).uniform(0, 255, (8, 8, 8, 3)).astype(np.float32)
    for layer in norms:
        layer.momentum = 0.0
    network(preprocess(keras.ops.image.resize(noise, (height, width))), training=True)
    for layer, momentum in zip(norms, momenta, strict=True):
        layer.momentum = momentum


def _load_weights(network: keras.Model, path: Path) -> None:
    """Load the weights of a `.weights.h5` file, or of the layer of a `.keras` file that has the same shapes."""
    try:
        if path.name.endswith(".weights.h5"):
            network.load_weights(path)
            return
        loaded = cast(keras.Model, keras.models.load_model(path, compile=False))
    except (ValueError, OSError) as error:
        raise UserError(
            f"Weights for {network.name} were expected in {path}, which Keras cannot load into it: "
            f"{str(error).splitlines()[0]} Received: backbone.weights={path}."
        ) from error
    shapes = [weight.shape for weight in network.weights]
    for layer in (loaded, *loaded._flatten_layers(include_self=False)):
        if [weight.shape for weight in layer.weights] == shapes:
            network.set_weights(layer.get_weights())
            return
    raise UserError(
        f"A layer with the weights of {network.name} ({len(shapes)} arrays) was expected in {path}. Received: a file "
        f"whose layers {', '.join(layer.name for layer in loaded.layers)} have other shapes."
    )
