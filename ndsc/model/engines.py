"""What runs the frozen part: OpenVINO on CPUs, TensorFlow with XLA on GPUs.

An engine runs batches of one size only; the last one is padded. With OpenVINO a feature then depends neither on its
neighbours nor on its place, and a run out of a half-filled cache equals a run out of none to the bit. TensorFlow on a
CPU keeps that to the last digits only: how it shares a batch out among threads shows in them (measured: 7 of 41,000
float16 values differ).
"""

import importlib.util
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf

from ndsc.caching.openvino_cache import Network, core, exported, read
from ndsc.errors import UserError
from ndsc.model.backbone import Cut, Stem
from ndsc.process import usable_cores

BATCH = 32
STREAMS = 2


@dataclass(frozen=True)
class EngineSpec:
    """Which engine, at which precision, and why, in words for the log; with how many threads (None: all cores)."""

    engine: str
    precision: str
    reason: str
    threads: int | None = None


class Engine(Protocol):
    """Runs a frozen part over batches of `BATCH` photos, in order."""

    def run(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """(BATCH, size, size, 3) float32 photos in, (BATCH, …) float32 features out, one for one, in order. The next
        batch is fetched while the engine works on the one before."""
        ...


def choose_engine(engine: str, precision: str, threads: int | None = None) -> EngineSpec:
    """Say which engine `auto` stands for on this machine, and why. `threads` is passed on.

    Raises:
        UserError: the engine that was asked for cannot run here.
    """
    gpus = tf.config.list_physical_devices("GPU")
    has_openvino = importlib.util.find_spec("openvino") is not None
    if engine != "auto":
        reason = "as configured"
    elif precision == "int8":
        engine, reason = "openvino", "int8 is made for it"
    elif gpus:
        engine, reason = "tensorflow", f"{len(gpus)} GPU(s) found"
    elif has_openvino:
        engine, reason = "openvino", "no GPU, and OpenVINO is installed"
    else:
        engine, reason = "tensorflow", "no GPU, and OpenVINO is not installed"
    if engine == "openvino" and not has_openvino:
        raise UserError(
            "The engine openvino, and with it the precision int8, needs the package openvino, which is not installed "
            "(there are no wheels for some machines). Install it, or say backbone.engine=auto backbone.precision=auto. "
            f"Received: the engine {engine} and backbone.precision={precision}."
        )
    return EngineSpec(engine, _precision(engine, precision, bool(gpus)), reason, threads)


def _precision(engine: str, asked: str, gpu: bool) -> str:
    """`auto` is the fastest that keeps the accuracies: bfloat16 on CPUs that have it, mixed_float16 on GPUs. What
    bfloat16 does to the features themselves is in experiments/LOG.md."""
    if asked != "auto":
        return asked
    if engine == "tensorflow":
        return "mixed_float16" if gpu else "float32"
    capable = "BF16" in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return "bfloat16" if capable else "float32"


def build_engine(
    cut: Cut, digest: str, choice: EngineSpec, cache_root: Path, quantized: Network | None = None
) -> Engine:
    """Make the chosen engine ready for the frozen part of a cut backbone, whose weights have this digest.

    Args:
        quantized: at the precision int8, the network that `ndsc.model.quantization` made of the frozen part.
    """
    if choice.engine == "tensorflow":
        return TensorFlowEngine(cut, choice.precision)
    photo = cut.frozen.input_shape[1:]
    if choice.precision == "int8":
        assert quantized is not None, "int8 needs a network that was quantized"
        return OpenVINOEngine(quantized, photo, choice)
    if choice.precision == "bfloat16" and cut.stem is not None:
        return _after_stem(cut, cut.stem, digest, choice, cache_root)
    return OpenVINOEngine(exported(cut.frozen, cut.identity, digest, cache_root), photo, choice)


def _after_stem(cut: Cut, stem: Stem, digest: str, choice: EngineSpec, cache_root: Path) -> Engine:
    """The first layers at float32, what follows at the precision that was chosen."""
    network = exported(stem.first, stem.identity, digest, cache_root)
    first = OpenVINOEngine(network, stem.first.input_shape[1:], replace(choice, precision="float32"))
    if stem.rest is None:
        return first
    rest = exported(stem.rest, {**cut.identity, "from": stem.line}, digest, cache_root)
    return Chain(first, OpenVINOEngine(rest, stem.rest.input_shape[1:], choice))


@dataclass(frozen=True)
class Chain:
    """Two engines, the second fed by the first while both work."""

    first: Engine
    second: Engine

    def run(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """See `Engine.run`."""
        return self.second.run(self.first.run(batches))


class TensorFlowEngine:
    """A `tf.function`, compiled by XLA on GPUs, with the weights rounded once where the precision is mixed."""

    def __init__(self, cut: Cut, precision: str) -> None:
        model = cut.frozen if precision == "float32" else _with_policy(cut.frozen, precision)
        gpu = bool(tf.config.list_physical_devices("GPU"))
        signature = [tf.TensorSpec((BATCH, *cut.frozen.input_shape[1:]), tf.float32)]
        self._call = tf.function(
            lambda photos: tf.cast(model(photos, training=False), tf.float32),
            input_signature=signature,
            jit_compile=gpu,
        )

    def run(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """See `Engine.run`. A GPU works on one batch while the one before is fetched from it."""
        waiting: deque[tf.Tensor] = deque()
        for batch in batches:
            waiting.append(self._call(tf.convert_to_tensor(batch)))
            if len(waiting) > 1:
                yield waiting.popleft().numpy()
        for features in waiting:
            yield features.numpy()


def _with_policy(model: keras.Model, policy: str) -> keras.Model:
    """The same model computing at another precision, its weights kept in float32."""

    def at_precision(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        config["dtype"] = policy
        return layer.__class__.from_config(config)

    copy = keras.models.clone_model(model, clone_function=at_precision, recursive=True)
    copy.set_weights(model.get_weights())
    return copy


class OpenVINOEngine:
    """OpenVINO's compilation of a network that is kept in the cache."""

    def __init__(self, kept: Network, photo: tuple[int, int, int], choice: EngineSpec) -> None:
        network = read(kept)
        network.reshape([BATCH, *photo])
        # Said explicitly, since OpenVINO would otherwise take all cores of the host, not those this process may use.
        threads = choice.threads or usable_cores()
        # Two batches at a time, each on its share of the threads: threads that work on one batch wait for each other,
        # and photos are decoded on the same cores.
        self._streams = min(STREAMS, threads)
        hints: dict[str, Any] = {"NUM_STREAMS": str(self._streams), "INFERENCE_NUM_THREADS": threads}
        # Of a quantized network the few operations that stay floats: in float32, as when their signals were measured.
        hints["INFERENCE_PRECISION_HINT"] = {"bfloat16": "bf16", "float32": "f32", "int8": "f32"}[choice.precision]
        self._compiled = core().compile_model(network, "CPU", hints)

    def run(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """See `Engine.run`. One request more than work at a time, so that no stream waits for its next photos."""
        free = [self._compiled.create_infer_request() for _ in range(self._streams + 1)]
        busy: deque[Any] = deque()
        for batch in batches:
            request = free.pop()
            # Into the request's own memory: to get new memory for each batch costs more than to copy.
            np.copyto(request.get_input_tensor().data, batch)
            request.start_async()
            busy.append(request)
            if not free:
                yield from self._finished(busy, free)
        while busy:
            yield from self._finished(busy, free)

    @staticmethod
    def _finished(busy: deque[Any], free: list[Any]) -> Iterator[np.ndarray]:
        request = busy.popleft()
        request.wait()
        features = np.array(request.get_output_tensor().data, copy=True)
        free.append(request)
        yield features
