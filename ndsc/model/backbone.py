"""A pretrained network, and the line at which it is cut into a frozen and a trainable part."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import hydra.utils
import keras
import numpy as np

from ndsc.config.schema import BackboneConfig
from ndsc.errors import UserError
from ndsc.model.weights import Weights
from ndsc.seeds import derive

# What tells a network from others with the same weights.
Identity = Mapping[str, str | int]


@dataclass(frozen=True)
class Backbone:
    """A network from preprocessed photos (n, size, size, 3) to pooled features (n, d), and its own preprocessing."""

    name: str
    network: keras.Model
    preprocess: Any  # from floats 0 to 255 to what the network was trained on; also works on symbolic tensors
    preprocess_name: str
    origin: str
    build: str = ""  # the arguments that it was built with beside our own, as JSON
    _digests: dict[str, str] = field(default_factory=dict)  # by line

    def frozen_digest(self, below: "Cut") -> str:
        """32 hex digits of the weights below a line, which never change; computed once a line."""
        if below.line not in self._digests:
            self._digests[below.line] = digest_of(below.frozen)
        return self._digests[below.line]

    @property
    def size(self) -> int:
        """Height and width of the photos it takes."""
        return self.network.input_shape[1]


@dataclass(frozen=True)
class Cut:
    """A backbone, cut.

    `frozen` takes photos (n, size, size, 3) with values 0 to 255 and gives what crosses the line; `trainable` goes on
    from there to the pooled features, and is None where the line is the output itself. Together with the weights,
    `identity` says which network `frozen` is. At bfloat16 its first layers stay at float32 if it has a `stem`.
    """

    line: str
    identity: Identity
    frozen: keras.Model
    trainable: keras.Model | None
    stem: "Stem | None" = None


@dataclass(frozen=True)
class Stem:
    """The first layers of a frozen part, up to `line`. Its networks are made when they are asked for: most runs ask for
    the line only."""

    backbone: Backbone
    line: str
    crossing: keras.KerasTensor
    end: keras.KerasTensor  # of the whole frozen part

    @property
    def identity(self) -> Identity:
        """See `Cut`, of `first`."""
        return _identity(self.backbone, self.line)

    @cached_property
    def first(self) -> keras.Model:
        """From photos to what crosses the line."""
        return _below(self.backbone, self.crossing)

    @cached_property
    def rest(self) -> keras.Model | None:
        """From there to the end of the frozen part; None where nothing is left."""
        return None if self.crossing is self.end else keras.Model(self.crossing, self.end, name="rest")


def build_backbone(config: BackboneConfig, weights: Weights | None, seed: int) -> Backbone:
    """Build the network with its weights; without any where only its layers are of interest.

    Keras numbers unnamed layers (`add_3`) by what was built before in the process, so the session is cleared first:
    the names, and with them the freeze lines, are then the same every time.

    Raises:
        UserError: the weights do not fit the network.
    """
    keras.backend.clear_session()
    keras.utils.set_random_seed(derive(seed, "initial weights"))
    build, preprocess = _named(config.build["_target_"]), _named(config.preprocess)
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
        _load(network, weights.path)
    elif weights is not None and weights.kind == "random":
        _settle(network, preprocess, derive(seed, "noise"))
    described = json.dumps(arguments, sort_keys=True)
    return Backbone(
        config.name, network, preprocess, config.preprocess, weights.origin if weights else "none", described
    )


def _named(path: str) -> Any:
    """What a dotted path names."""
    try:
        return hydra.utils.get_method(path)
    except (ImportError, ValueError) as error:
        raise UserError(
            f"backbone.build and backbone.preprocess must name functions of keras.applications. Received: {path}: "
            f"{str(error).splitlines()[0]}"
        ) from error


def _settle(network: keras.Model, preprocess: Any, seed: int) -> None:
    """Show a network with random weights one batch of noise, so that batch normalization knows its signals' size.

    Without it they fade from layer to layer (a random MobileNet's features are all below what float16 can hold).
    """
    norms = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in norms]
    height, width = network.input_shape[1:3]
    blotches = np.random.default_rng(seed).uniform(0, 255, (8, 8, 8, 3)).astype(np.float32)
    for layer in norms:
        layer.momentum = 0.0
    network(preprocess(keras.ops.image.resize(blotches, (height, width))), training=True)
    for layer, momentum in zip(norms, momenta, strict=True):
        layer.momentum = momentum


def _load(network: keras.Model, path: Path) -> None:
    """Take the weights from a `.weights.h5` file, or from the layer of a `.keras` file that has the same shapes."""
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


def digest_of(model: keras.Model) -> str:
    """32 hex digits of all weights of a model, in order."""
    digest = hashlib.blake2b(digest_size=16)
    for weight in model.get_weights():
        digest.update(np.ascontiguousarray(weight).data)
    return digest.hexdigest()


def find_lines(network: keras.Model) -> dict[str, keras.KerasTensor]:
    """All places where a network can be cut, by the name of the layer whose output crosses: only tensors through which
    everything passes. 39 in ResNet50. The input is one, and so is the output."""
    inputs = _inputs(network)
    last_use = {id(tensor): at for at, operation in enumerate(network.operations) for tensor in inputs[operation.name]}
    lines, needed_until = {}, 0
    for at, operation in enumerate(network.operations):
        # Everything passes through this tensor if nothing that was made before it is used after it.
        if needed_until <= at:
            lines[operation.name] = operation.output
        needed_until = max(needed_until, last_use.get(id(operation.output), at))
    return lines


def _inputs(network: keras.Model) -> dict[str, list[keras.KerasTensor]]:
    """What each layer of a network takes, within this network: its layers are shared with the parts cut from it, so a
    layer's own list of calls holds calls of other models too."""
    found: dict[str, list[keras.KerasTensor]] = {}
    waiting = [network.output]
    while waiting:
        operation, node, _ = waiting.pop()._keras_history
        if operation.name not in found:
            found[operation.name] = operation._inbound_nodes[node].input_tensors
            waiting += found[operation.name]
    return found


def cut(backbone: Backbone, freeze: str, float32: str = "none", key: str = "backbone.freeze") -> Cut:
    """Cut a backbone at the line that `freeze` names: `all`, `none` or `before:<prefix of layer names>`.

    The parts share their layers with the backbone: what is trained above the line is trained in it.

    Args:
        float32: the line, named alike, up to which the frozen part stays at float32 when the rest is at bfloat16.
        key: of the configuration, that says `freeze`.

    Raises:
        UserError: no such line; the message lists the nearest ones.
    """
    network = backbone.network
    name, line = _line(network, freeze, key)
    trainable = None if freeze == "all" else keras.Model(line, network.output, name="above")
    return Cut(name, _identity(backbone, name), _below(backbone, line), trainable, _stem(backbone, name, line, float32))


def _stem(backbone: Backbone, name: str, line: keras.KerasTensor, float32: str) -> Stem | None:
    """What stays at float32 of the part that is frozen up to this line; all of it where that is preprocessing alone."""
    until, tensor = _line(backbone.network, float32, "backbone.float32_until")
    order = [operation.name for operation in backbone.network.operations]
    if order.index(until) >= order.index(name):
        return Stem(backbone, name, line, line)
    return None if float32 == "none" else Stem(backbone, until, tensor, line)


def _below(backbone: Backbone, line: keras.KerasTensor) -> keras.Model:
    """Everything from the photo to a line, preprocessing included."""
    network = backbone.network
    image = keras.Input(network.input_shape[1:], name="image")
    prepared = backbone.preprocess(image)
    at_input = line is network.input
    below = prepared if at_input else keras.Model(network.input, line, name="below")(prepared, training=False)
    return keras.Model(image, below, name="frozen")


def _identity(backbone: Backbone, line: str) -> Identity:
    return {
        "backbone": backbone.name,
        "build": backbone.build,  # some of what shapes a network is no weight: how it rescales, for one
        "preprocess": backbone.preprocess_name,
        "line": line,
        "image_size": backbone.size,
    }


def _line(network: keras.Model, named: str, key: str) -> tuple[str, keras.KerasTensor]:
    """The name and the tensor of the line that this key of the configuration names."""
    if named == "all":
        return network.operations[-1].name, network.output
    if named == "none":
        return network.operations[0].name, network.input
    received = f"Received: {key}={named}."
    if not named.startswith("before:"):
        raise UserError(f"{key} must be all, none or before:<prefix of layer names>. {received}")
    lines = find_lines(network)
    prefix = named.removeprefix("before:")
    names = [operation.name for operation in network.operations]
    at = next((at for at, name in enumerate(names) if prefix and name.startswith(prefix)), None)
    if at is None:
        raise UserError(
            f"No layer of {network.name} begins with {prefix!r}. Expected before:<prefix> of a layer right above one "
            f"of these lines: {', '.join(lines)}. {received}"
        )
    below = _inputs(network)[names[at]]
    for name, tensor in lines.items():
        if len(below) == 1 and below[0] is tensor:
            return name, tensor
    near = sorted(_legal_starts(network, lines), key=lambda name: abs(names.index(name) - at))[:4]
    nearest = ", ".join(f"before:{name}" for name in near)
    raise UserError(
        f"The network cannot be cut before {prefix!r}: more than one branch passes there. Expected a layer right "
        f"above a tensor through which everything passes; the nearest are {nearest}. {received}"
    )


def _legal_starts(network: keras.Model, lines: dict[str, keras.KerasTensor]) -> list[str]:
    """The layers right above a line."""
    tensors = {id(tensor) for tensor in lines.values()}
    return [name for name, inputs in _inputs(network).items() if len(inputs) == 1 and id(inputs[0]) in tensors]
