"""The freeze line: where a backbone is cut into a frozen and a trainable part."""

from dataclasses import dataclass
from functools import cached_property

import keras

from ndsc.caching.openvino_cache import Identity
from ndsc.errors import UserError
from ndsc.model.backbone import Backbone


@dataclass(frozen=True)
class Cut:
    """A backbone, cut at a line.

    Attributes:
        line: the name of the layer whose output crosses the line.
        identity: everything that distinguishes `frozen` from other networks, besides its weights.
        frozen: from photos (n, size, size, 3), values 0 to 255, to what crosses the line.
        trainable: from there to the pooled features; None if the line is the output itself.
        stem: the first layers of `frozen`, which stay at float32 if the rest runs at bfloat16; None: there are none.
    """

    line: str
    identity: Identity
    frozen: keras.Model
    trainable: keras.Model | None
    stem: "Stem | None" = None


@dataclass(frozen=True)
class Stem:
    """The first layers of a frozen part, up to `line`. Its networks are built on first use: most runs need only the
    name of the line."""

    backbone: Backbone
    line: str
    crossing: keras.KerasTensor
    end: keras.KerasTensor  # of the whole frozen part

    @cached_property
    def first(self) -> keras.Model:
        """From photos to what crosses the line."""
        return _below(self.backbone, self.crossing)

    @cached_property
    def rest(self) -> keras.Model | None:
        """From there to the end of the frozen part; None if nothing is left."""
        return None if self.crossing is self.end else keras.Model(self.crossing, self.end, name="rest")


def cut(backbone: Backbone, freeze: str, float32_until: str = "none", key: str = "backbone.freeze") -> Cut:
    """Cut a backbone at the line that `freeze` names: `all`, `none` or `before:<prefix of layer names>`.

    The parts share their layers with the backbone: training what is above the line trains the backbone.

    Args:
        float32_until: the line, named in the same way, up to which the frozen part stays at float32 if the rest runs at
            bfloat16.
        key: the key of the configuration that holds `freeze`, for the error.

    Raises:
        UserError: no such line; the message lists the nearest ones.
    """
    network = backbone.network
    name, line = _find_line(network, freeze, key)
    trainable = None if freeze == "all" else keras.Model(line, network.output, name="above")
    stem = _stem(backbone, name, line, float32_until)
    return Cut(name, {**backbone.identity, "line": name}, _below(backbone, line), trainable, stem)


def find_lines(network: keras.Model) -> dict[str, keras.KerasTensor]:
    """Return all tensors at which a network can be cut, by the name of the layer that outputs them.

    These are the tensors through which everything passes: 39 in ResNet50, the input and the output among them.
    """
    inputs = _layer_inputs(network)
    last_use = {id(tensor): at for at, operation in enumerate(network.operations) for tensor in inputs[operation.name]}
    lines, needed_until = {}, 0
    for at, operation in enumerate(network.operations):
        # Everything passes through this tensor if no tensor from before it is used after it.
        if needed_until <= at:
            lines[operation.name] = operation.output
        needed_until = max(needed_until, last_use.get(id(operation.output), at))
    return lines


def _layer_inputs(network: keras.Model) -> dict[str, list[keras.KerasTensor]]:
    """The inputs of each layer within this network. Its layers are shared with the parts cut from it, so a layer's own
    list of calls holds calls of other models too."""
    found: dict[str, list[keras.KerasTensor]] = {}
    waiting = [network.output]
    while waiting:
        operation, node, _ = waiting.pop()._keras_history
        if operation.name not in found:
            found[operation.name] = operation._inbound_nodes[node].input_tensors
            waiting += found[operation.name]
    return found


def _stem(backbone: Backbone, name: str, line: keras.KerasTensor, float32_until: str) -> Stem | None:
    """The part that stays at float32 below this line: the whole frozen part if it is preprocessing only."""
    until, tensor = _find_line(backbone.network, float32_until, "backbone.float32_until")
    order = [operation.name for operation in backbone.network.operations]
    if order.index(until) >= order.index(name):
        return Stem(backbone, name, line, line)
    return None if float32_until == "none" else Stem(backbone, until, tensor, line)


def _below(backbone: Backbone, line: keras.KerasTensor) -> keras.Model:
    """Everything from the photo to a line, preprocessing included."""
    network = backbone.network
    image = keras.Input(network.input_shape[1:], name="image")
    prepared = backbone.preprocess(image)
    at_input = line is network.input
    below = prepared if at_input else keras.Model(network.input, line, name="below")(prepared, training=False)
    return keras.Model(image, below, name="frozen")


def _find_line(network: keras.Model, named: str, key: str) -> tuple[str, keras.KerasTensor]:
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
    start = next((name for name in names if prefix and name.startswith(prefix)), None)
    if start is None:
        raise UserError(
            f"No layer of {network.name} begins with {prefix!r}. Expected before:<prefix> of a layer right above one "
            f"of these lines: {', '.join(lines)}. {received}"
        )
    line_names = {id(tensor): name for name, tensor in lines.items()}
    starts = {  # the line below each layer that is right above one
        layer: line_names[id(inputs[0])]
        for layer, inputs in _layer_inputs(network).items()
        if len(inputs) == 1 and id(inputs[0]) in line_names
    }
    if start in starts:
        return starts[start], lines[starts[start]]
    near = sorted(starts, key=lambda layer: abs(names.index(layer) - names.index(start)))[:4]
    nearest = ", ".join(f"before:{layer}" for layer in near)
    raise UserError(
        f"The network cannot be cut before {prefix!r}: more than one branch passes there. Expected a layer right "
        f"above a tensor through which everything passes; the nearest are {nearest}. {received}"
    )
