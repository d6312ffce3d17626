"""The frozen part in 8-bit integers: NNCF's post-training quantization of the network that Keras exports.

Quantization needs the range of the signals between the layers. It is measured on calibration photos: those with the
lowest content hashes, unaugmented. So a quantized network depends on these photos too, and its digest is part of the
fingerprint of every feature that it computes. All runs that calibrate on as many photos share the network of the first
of them, and with it their features.
"""

import contextlib
import logging
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np

from ndsc.caching.digests import content_hash
from ndsc.caching.openvino_cache import Network, cached_network, describe_network, export_network, read_network
from ndsc.model.freeze_line import Cut

log = logging.getLogger(__name__)

CALIBRATION_PHOTOS = 320
# ResNet50 needs 0.96 GB at 8 photos in a batch, 2.7 GB at 32, and no less time.
CALIBRATION_BATCH = 8


def choose_calibration_photos(contents: np.ndarray) -> np.ndarray:
    """Return the positions of the photos to calibrate on: those of the lowest content hashes, in their order.

    Args:
        contents: (n, 16) bytes, the content hashes of the photos to choose from.

    Returns:
        (m,) positions of different photos, m at most CALIBRATION_PHOTOS.
    """
    return np.unique(contents, axis=0, return_index=True)[1][:CALIBRATION_PHOTOS]


def quantized(
    cut: Cut,
    digest: str,
    cache_root: Path,
    contents: Sequence[str],
    batches: Callable[[], Iterable[np.ndarray]],
    exactly: bool = False,
) -> Network:
    """Return the frozen part of a cut backbone in 8-bit integers, from the cache if it is there.

    Args:
        digest: of the weights of the frozen part.
        contents: content hashes of the calibration photos. They are stored with the network; the network in the cache
            may have been calibrated on as many others.
        batches: called only if the network has to be made; gives the calibration photos as batches
            (n, size, size, 3) float32, 0 to 255.
        exactly: whether it must be calibrated on these photos, and not on as many others.
    """

    def make(path: Path) -> dict[str, object]:
        started = time.perf_counter()
        _quantize(export_network(cut.frozen, cut.identity, digest, cache_root), list(batches()), path)
        log.info("quantized the frozen part from %d photos in %.0f s", len(contents), time.perf_counter() - started)
        return {"contents": list(contents)}

    description = {**describe_network(cut.identity, digest), "precision": "int8", "nncf": version("nncf")}
    description["photos"] = len(contents)
    if exactly:
        description["contents"] = content_hash("".join(sorted(contents)))
    return cached_network(description, cache_root, make)


def _quantize(network: Network, batches: list[np.ndarray], path: Path) -> None:
    import nncf
    import openvino

    nncf.set_log_level(logging.WARNING)
    with contextlib.redirect_stdout(sys.stderr):  # NNCF prints a progress bar of its own
        result = nncf.quantize(read_network(network), nncf.Dataset(batches), subset_size=len(batches))
    # OpenVINO numbers new operations through the process, and the files' digest must not depend on that.
    for number, operation in enumerate(result.get_ordered_ops()):
        operation.set_friendly_name(f"{operation.get_type_name()}_{number}")
    openvino.save_model(result, path, compress_to_fp16=False)
