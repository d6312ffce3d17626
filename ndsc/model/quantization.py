"""The frozen part in 8-bit integers: NNCF's post-training quantization of the network that Keras exports.

How large the signals between the layers become is measured on photos: of the first that features are asked of, those
with the lowest content hashes, unaugmented. A quantized network is thus the work of those photos too: its digest
belongs to the fingerprint of every feature that it makes, and it is kept with a list of them, for who makes it again.
"""

import contextlib
import hashlib
import logging
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np

from ndsc.caching.openvino_cache import Network, describe, exported, kept, look_up, read
from ndsc.model.backbone import Cut

log = logging.getLogger(__name__)

CALIBRATION_PHOTOS = 320
# Photos that are measured at once: ResNet50 takes 0.96 GB at 8 of them, 2.7 GB at 32, and no less time.
CALIBRATION_BATCH = 8


def choose_calibration_photos(contents: np.ndarray) -> np.ndarray:
    """Which photos to measure on: the places of the lowest content hashes, at most CALIBRATION_PHOTOS, in their order.

    Args:
        contents: (n, 16) bytes, the content hashes of the photos that are first seen.
    """
    return np.unique(contents, axis=0, return_index=True)[1][:CALIBRATION_PHOTOS]


def quantized(
    cut: Cut,
    digest: str,
    cache_root: Path,
    contents: Sequence[str],
    measure: Callable[[], tuple[Sequence[Mapping[str, object]], Iterable[np.ndarray]]],
    exactly: bool = False,
) -> Network:
    """The frozen part of a cut backbone, whose weights have this digest, in 8-bit integers: kept, or made now.

    Args:
        contents: the hashes of the photos to measure on. All networks of as many photos are one, that of who came
            first; where a small data set has fewer than CALIBRATION_PHOTOS, a larger one does not use its network.
        measure: asked only if the network has to be made. Gives the photos as JSON knows them, which are kept as
            `photos` in its notes, and their batches (n, size, size, 3) float32, 0 to 255.
        exactly: whether it must have been measured on just these photos. Where the one of who came first was not,
            there is one beside it.
    """

    def make(path: Path) -> dict[str, object]:
        started = time.perf_counter()
        photos, batches = measure()
        _quantize(exported(cut.frozen, cut.identity, digest, cache_root), list(batches), path)
        log.info("quantized the frozen part from %d photos in %.0f s", len(photos), time.perf_counter() - started)
        return {"photos": list(photos)}

    description = {**describe(cut.identity, digest), "precision": "int8", "nncf": version("nncf")}
    description["photos"] = len(contents)
    if exactly and _measured(look_up(description, cache_root)) != sorted(contents):
        description["contents"] = hashlib.blake2b("".join(sorted(contents)).encode(), digest_size=16).hexdigest()
    return kept(description, cache_root, make)


def _measured(network: Network | None) -> list[str] | None:
    """The hashes of what a network was measured on, sorted; None where that is not known."""
    photos = None if network is None else network.notes.get("photos")
    return None if photos is None else sorted(photo["content"] for photo in photos)


def _quantize(network: Network, batches: list[np.ndarray], path: Path) -> None:
    import nncf
    import openvino

    nncf.set_log_level(logging.WARNING)
    with contextlib.redirect_stdout(sys.stderr):  # NNCF shows a bar of its own
        result = nncf.quantize(read(network), nncf.Dataset(batches), subset_size=len(batches))
    # OpenVINO numbers new operations through the process, and the files' digest must not depend on that.
    for number, operation in enumerate(result.get_ordered_ops()):
        operation.set_friendly_name(f"{operation.get_type_name()}_{number}")
    openvino.save_model(result, path, compress_to_fp16=False)
