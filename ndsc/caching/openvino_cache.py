"""Cached networks in OpenVINO's format. Each is made once, written atomically and checked against its digest."""

import json
import logging
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ndsc.caching.atomic import atomic_folder, cache_errors
from ndsc.caching.digests import combined_hash, content_hash
from ndsc.startup import environment

if TYPE_CHECKING:
    import keras

log = logging.getLogger(__name__)

# OpenVINO and NNCF send telemetry when they convert a network, unless they run in continuous integration.
NO_TELEMETRY = {"CI": "true", "NNCF_CI": "true"}

# The settings that distinguish networks with the same weights.
Identity = Mapping[str, str | int]

FILE_NAMES = ("network.xml", "network.bin")


@dataclass(frozen=True)
class Network:
    """A cached network: its folder, the digest of its files as 32 hex digits, and notes about how it was made."""

    folder: Path
    digest: str
    notes: Mapping[str, Any]

    @property
    def path(self) -> Path:
        """The file that OpenVINO reads."""
        return self.folder / "network.xml"


def describe_network(identity: Identity, digest: str) -> dict[str, str | int]:
    """Return what identifies an exported network: its settings, the digest of its weights, library versions."""
    # Keras starts TensorFlow, which the download of a network comes before.
    import keras
    import openvino

    versions = {"keras": keras.__version__, "openvino": openvino.__version__}
    return {**identity, "weights": digest, **versions}


def export_network(model: "keras.Model", identity: Identity, digest: str, cache_root: Path) -> Network:
    """Return a part of the backbone, whose weights have this digest, as Keras exports it for OpenVINO."""

    def export(path: Path) -> None:
        started = time.perf_counter()
        model.export(str(path), format="openvino", verbose=False)
        log.info("exported the frozen part for OpenVINO in %.1f s", time.perf_counter() - started)

    return cached_network(describe_network(identity, digest), cache_root, export)


@cache
def core() -> Any:
    """Return the only `openvino.Core` of this process.

    Each core installs its own signal stack and restores the previous one when it is deleted. Of two cores, the last one
    to be deleted would restore the stack of the other, whose memory is free by then: the next Ctrl-C would crash.
    """
    import openvino

    return openvino.Core()


def read_network(network: Network) -> Any:
    """Return a cached network as an `openvino.Model` with one output.

    Keras' activations silu and swish add inner tensors as further outputs, after the network's own: `tf.nn.silu` has a
    custom gradient, which returns them.
    """
    import openvino

    model = core().read_model(network.path)
    return openvino.Model([model.output(0)], model.get_parameters()) if len(model.outputs) > 1 else model


def cached_network(
    description: Identity, cache_root: Path, make: Callable[[Path], Mapping[str, Any] | None]
) -> Network:
    """Return the cached network of this description, or make it first.

    If several processes make the same network at the same time, all use the first one that is complete.

    Args:
        make: writes the network to the given path. It may return notes, plain JSON, which are stored with the network
            and are no part of its identity.

    Raises:
        UserError: the network has to be made, and the cache cannot be written.
    """
    folder = cache_root / "networks" / content_hash(json.dumps(description, sort_keys=True))
    if (network := load_network(folder)) is not None:
        return network
    with ExitStack() as stack:
        with cache_errors(folder.parent):
            building = stack.enter_context(atomic_folder(folder))
        with environment(NO_TELEMETRY):
            notes = make(building / "network.xml")
        record = {**description, "digest": _digest(building), "notes": notes or {}}
        (building / "network.json").write_text(json.dumps(record, indent=2))
        if load_network(folder) is None:
            shutil.rmtree(folder, ignore_errors=True)  # A damaged network would be in the way.
    network = load_network(folder)
    assert network is not None, f"{folder} was written atomically"
    return network


def load_network(folder: Path) -> Network | None:
    """Return the network in a folder; None if there is none, or its files are damaged."""
    try:
        record = json.loads((folder / "network.json").read_bytes())
        # Earlier versions stored no notes.
        network = Network(folder, record["digest"], record.get("notes", {}))
        return network if network.digest == _digest(folder) else None
    except (OSError, ValueError, LookupError):
        return None


def _digest(folder: Path) -> str:
    return combined_hash((folder / name).read_bytes() for name in FILE_NAMES)
