"""Networks in OpenVINO's files, kept in the cache: each is made once, put there in one piece, and held against its
digest whenever it is taken out."""

import hashlib
import json
import logging
import shutil
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import keras

from ndsc.errors import UserError
from ndsc.process import environment

log = logging.getLogger(__name__)

# OpenVINO and NNCF tell their makers each time that they convert a network, unless they believe to be tested.
NO_TELEMETRY = {"CI": "true", "NNCF_CI": "true"}

# What tells a network from others with the same weights.
Identity = Mapping[str, str | int]

FILE_NAMES = ("network.xml", "network.bin")


@dataclass(frozen=True)
class Network:
    """A kept network: its folder, the 32 hex digits of its files, and what was noted when it was made."""

    folder: Path
    digest: str
    notes: Mapping[str, Any]

    @property
    def path(self) -> Path:
        """What OpenVINO reads."""
        return self.folder / "network.xml"


def describe(identity: Identity, digest: str) -> dict[str, str | int]:
    """What tells an exported network from all others: what its weights, of this digest, do not say, and versions."""
    import openvino

    versions = {"keras": keras.__version__, "openvino": openvino.__version__}
    return {**identity, "weights": digest, **versions}


def exported(model: keras.Model, identity: Identity, digest: str, cache_root: Path) -> Network:
    """A part of a frozen network, whose weights have this digest, as Keras exports it for OpenVINO."""

    def export(path: Path) -> None:
        started = time.perf_counter()
        model.export(str(path), format="openvino", verbose=False)
        log.info("exported the frozen part for OpenVINO in %.1f s", time.perf_counter() - started)

    return cached_network(describe(identity, digest), cache_root, export)


@cache
def core() -> Any:
    """The `openvino.Core` of this process; there must be no second one of ours.

    Each has a stack of its own for signals and, when it goes, puts back the one that was there before. The last of two
    to go puts back that of the other, whose memory is gone: the next Ctrl-C would end the process without a word.
    """
    import openvino

    return openvino.Core()


def read(network: Network) -> Any:
    """A kept network as an `openvino.Model` with one output.

    Keras' activations silu and swish leave signals of the network's inside as further outputs, after its own
    (`tf.nn.silu` has a gradient of its own making, which hands them on).
    """
    import openvino

    model = core().read_model(network.path)
    return openvino.Model([model.output(0)], model.get_parameters()) if len(model.outputs) > 1 else model


def cached_network(
    description: Identity, cache_root: Path, make: Callable[[Path], Mapping[str, Any] | None]
) -> Network:
    """The network of this description from the cache; `make` writes it to the path that it is given if none is there.

    Of several processes that make the same one at once the first puts it there, and all use that one.

    Args:
        make: may return what shall be kept with the network and tells it from no other, as JSON knows it.

    Raises:
        UserError: one has to be made, and nothing can be written into the cache.
    """
    folder = _folder(description, cache_root)
    if load_network(folder) is None:
        building = folder.with_name(f".{folder.name}-{uuid.uuid4().hex}")
        try:
            building.mkdir(parents=True)
        except OSError as error:
            raise UserError(
                f"The cache must be writable, for a network that it does not hold yet. Received: {error.strerror} at "
                f"{folder.parent}. Choose another folder: cache.root=<folder>."
            ) from error
        try:
            with environment(NO_TELEMETRY):
                notes = make(building / "network.xml")
            record = {**description, "digest": _digest(building), "notes": notes or {}}
            (building / "network.json").write_text(json.dumps(record, indent=2))
            _put(building, folder)
        finally:
            shutil.rmtree(building, ignore_errors=True)  # there no more if it was put into its place
    network = load_network(folder)
    assert network is not None, f"{folder} was put there in one piece"
    return network


def _folder(description: Identity, cache_root: Path) -> Path:
    text = json.dumps(description, sort_keys=True)
    return cache_root / "networks" / hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _put(building: Path, folder: Path) -> None:
    if load_network(folder) is None:
        shutil.rmtree(folder, ignore_errors=True)  # what is damaged would be in the way
    try:
        building.rename(folder)
    except OSError:
        if load_network(folder) is None:
            raise
        # Otherwise another process was first, and what it made is used by both.


def load_network(folder: Path) -> Network | None:
    """Return the network in a folder; None if there is none, or its files are damaged."""
    try:
        record = json.loads((folder / "network.json").read_bytes())
        # Earlier versions took no notes.
        network = Network(folder, record["digest"], record.get("notes", {}))
        return network if network.digest == _digest(folder) else None
    except (OSError, ValueError, LookupError):
        return None


def _digest(folder: Path) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for name in FILE_NAMES:
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()
