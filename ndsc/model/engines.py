"""Engines that run the frozen part: OpenVINO on CPUs, TensorFlow with XLA on GPUs.

An engine runs batches of one size only; the last one is padded. With OpenVINO a feature then depends neither on its
neighbours nor on its position, and a run from a half-filled cache equals a run from an empty one to the bit. On a CPU,
TensorFlow's last digits depend on how it divides a batch among threads (measured: 7 of 41,000 float16 values differ).
"""

import importlib.util
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf

from ndsc.caching.openvino_cache import Identity, Network, core, export_network, read_network
from ndsc.errors import UserError
from ndsc.model.freeze_line import Cut
from ndsc.process import usable_cores

BATCH = 32
STREAMS = 2


@dataclass(frozen=True)
class EngineSpec:
    """An engine and its precision, the reason for the log, and the number of threads (None: all cores)."""

    engine: str
    precision: str
    reason: str
    threads: int | None = None


class Engine(Protocol):
    """An engine that runs a frozen part over batches of `BATCH` photos, in order."""

    def run(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Yield (BATCH, …) float32 features for each batch (BATCH, size, size, 3) float32 of photos, in order. The next
        batch is fetched while the engine works on the previous one."""
        ...


def choose_engine(engine: str, precision: str, threads: int | None = None) -> EngineSpec:
    """Choose the engine and the precision that `auto` stands for on this machine.

    Raises:
        UserError: the engine that was asked for cannot run here.
    """
    gpus = tf.config.list_physical_devices("GPU")
    has_openvino = importlib.util.find_spec("openvino") is not None
    if engine != "auto":
        reason = "as configured"
    elif precision == "int8":
        engine, reason = "openvino", "int8 runs there only"
    elif gpus:
        engine, reason = "tensorflow", f"{len(gpus)} GPU(s) found"
    elif has_openvino:
        engine, reason = "openvino", "no GPU, and OpenVINO is installed"
    else:
        engine, reason = "tensorflow", "no GPU, and OpenVINO is not installed"
    if engine == "openvino" and not has_openvino:
        raise UserError(
            "The engine openvino, and with it the precision int8, needs the package openvino, which is not installed "
            "(there are no wheels for some machines). Install it, or set backbone.engine=auto backbone.precision=auto. "
            f"Received: the engine {engine} and backbone.precision={precision}."
        )
    return EngineSpec(engine, _precision(engine, precision, bool(gpus)), reason, threads)


def engine_version(engine: str) -> str:
    """Return the version of the library behind an engine, for the fingerprint of features."""
    return version("openvino").split("-")[0] if engine == "openvino" else tf.__version__


def _precision(engine: str, asked: str, gpu: bool) -> str:
    """`auto` is the fastest precision that preserves the accuracies: bfloat16 on CPUs that have it, mixed_float16 on
    GPUs. What bfloat16 does to the features themselves is in experiments/LOG.md."""
    if asked != "auto":
        return asked
    if engine == "tensorflow":
        return "mixed_float16" if gpu else "float32"
    capable = "BF16" in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return "bfloat16" if capable else "float32"


def build_engine(cut: Cut, digest: str, spec: EngineSpec, cache_root: Path, quantized: Network | None = None) -> Engine:
    """Build the chosen engine for the frozen part of a cut backbone. At bfloat16, its first layers may stay at float32.

    Args:
        digest: of the weights of the frozen part.
        quantized: at int8, the network that `ndsc.model.quantization` made of the frozen part.
    """
    if spec.engine == "tensorflow":
        return TensorFlowEngine(cut, spec.precision)
    if spec.precision == "int8":
        assert quantized is not None, "int8 needs a network that was quantized"
        return OpenVINOEngine(quantized, cut.frozen.input_shape[1:], spec)

    def exported(model: keras.Model, identity: Identity, precision: str) -> Engine:
        network = export_network(model, identity, digest, cache_root)
        return OpenVINOEngine(network, model.input_shape[1:], replace(spec, precision=precision))

    stem = cut.stem
    if spec.precision != "bfloat16" or stem is None:
        return exported(cut.frozen, cut.identity, spec.precision)
    first = exported(stem.first, {**cut.identity, "line": stem.line}, "float32")
    if stem.rest is None:
        return first
    return EngineSequence(first, exported(stem.rest, {**cut.identity, "from": stem.line}, "bfloat16"))


@dataclass(frozen=True)
class EngineSequence:
    """Two engines in sequence; the second processes one batch while the first processes the next."""

    first: Engine
    second: Engine

    def run(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """See `Engine.run`."""
        return self.second.run(self.first.run(batches))


class TensorFlowEngine:
    """A `tf.function`, compiled by XLA on GPUs. At a mixed precision, the weights are rounded once."""

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
        """See `Engine.run`. A GPU works on one batch while the previous one is fetched from it."""
        waiting: deque[tf.Tensor] = deque()
        for batch in batches:
            waiting.append(self._call(tf.convert_to_tensor(batch)))
            if len(waiting) > 1:
                yield waiting.popleft().numpy()
        for features in waiting:
            yield features.numpy()


def _with_policy(model: keras.Model, policy: str) -> keras.Model:
    """The same model computing at another precision, its weights in float32."""

    def at_precision(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        config["dtype"] = policy
        return layer.__class__.from_config(config)

    copy = keras.models.clone_model(model, clone_function=at_precision, recursive=True)
    copy.set_weights(model.get_weights())
    return copy


class OpenVINOEngine:
    """A network from the cache, compiled by OpenVINO."""

    def __init__(self, cached: Network, photo: tuple[int, int, int], spec: EngineSpec) -> None:
        network = read_network(cached)
        network.reshape([BATCH, *photo])
        # Set explicitly: otherwise OpenVINO uses all cores of the host, not only those that this process may use.
        threads = spec.threads or usable_cores()
        # Two batches at a time, each on its share of the threads: threads that share a batch wait for each other, and
        # photos are decoded on the same cores.
        self._streams = min(STREAMS, threads)
        hints: dict[str, Any] = {"NUM_STREAMS": str(self._streams), "INFERENCE_NUM_THREADS": threads}
        # In a quantized network the few operations that stay floats run in float32, as during calibration.
        hints["INFERENCE_PRECISION_HINT"] = {"bfloat16": "bf16", "float32": "f32", "int8": "f32"}[spec.precision]
        self._compiled = core().compile_model(network, "CPU", hints)

    def run(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """See `Engine.run`. One more request than streams, so that no stream waits for its next photos."""
        free = [self._compiled.create_infer_request() for _ in range(self._streams + 1)]
        busy: deque[Any] = deque()
        for batch in batches:
            request = free.pop()
            # Into the request's own memory: allocating memory for each batch costs more than the copy.
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
