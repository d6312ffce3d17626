"""Signatures of photos and matches of pairs, cached by content."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from ndsc.caching.append_only_tables import KEY, AppendOnlyTables, key_column
from ndsc.data.decoding import DECODER
from ndsc.duplicates import image_signatures, verification
from ndsc.duplicates.image_signatures import ImageSignature
from ndsc.duplicates.verification import FIELDS, Match

SIGNATURE_RULES = f"{image_signatures.VERSIONS} {DECODER} signatures-{image_signatures.RULES}"
MATCH_RULES = f"{SIGNATURE_RULES} matches-{verification.RULES}"
CONTENT_BYTES = 16
# The arrays of an ImageSignature, in its order.
DTYPES = {"points": np.float32, "descriptors": np.uint8, "small": np.uint8}


class SignatureCache:
    """Signatures by content. Those that are found stay in memory-mapped files."""

    def __init__(self, cache_root: Path) -> None:
        self._tables = AppendOnlyTables(cache_root / "duplicates" / "signatures", SIGNATURE_RULES)

    def find(self, contents: Sequence[str]) -> list[ImageSignature | None]:
        """Return the signature of each content, None where it is not cached."""
        table, positions = self._tables.find(_keys(contents))
        return [None if position < 0 else _signature(table, position) for position in positions.tolist()]

    def add(self, contents: Sequence[str], found: Sequence[ImageSignature]) -> None:
        """Add some. If the cache cannot be written, a warning is logged: the run does not need it."""
        columns = {
            KEY: key_column(_keys(contents)),
            "hash": pa.array([one.hash for one in found], pa.uint64()),
            **{name: pa.array([getattr(one, name).tobytes() for one in found], pa.binary()) for name in DTYPES},
            "width": pa.array([one.small.shape[1] for one in found], pa.int64()),
        }
        self._tables.add(pa.table(columns), f"The signatures of {len(contents)} photos")


class MatchCache:
    """Matches by the contents of two photos, the smaller content first."""

    def __init__(self, cache_root: Path) -> None:
        self._tables = AppendOnlyTables(cache_root / "duplicates" / "matches", MATCH_RULES)

    def find(self, contents: Sequence[str], pairs: np.ndarray) -> np.ndarray:
        """Return (m, 3) inliers, support and agreement of (m, 2) pairs of positions in `contents`, or NaN."""
        table, positions = self._tables.find(_pair_keys(contents, pairs))
        found = np.full((len(pairs), len(FIELDS)), np.nan)
        known = positions >= 0
        if known.any():
            found[known] = table.select(FIELDS).take(positions[known]).to_pandas()
        return found

    def add(self, contents: Sequence[str], pairs: np.ndarray, matches: Sequence[Match]) -> None:
        """Add some. If the cache cannot be written, a warning is logged: the run does not need it."""
        columns = {name: pa.array([getattr(match, name) for match in matches], pa.float64()) for name in FIELDS}
        table = pa.table({KEY: key_column(_pair_keys(contents, pairs)), **columns})
        self._tables.add(table, f"The matches of {len(pairs)} pairs of photos")


def _keys(contents: Sequence[str]) -> np.ndarray:
    """(n, 16) uint8."""
    return np.frombuffer(bytes.fromhex("".join(contents)), np.uint8).reshape(-1, CONTENT_BYTES)


def _pair_keys(contents: Sequence[str], pairs: np.ndarray) -> np.ndarray:
    """(m, 32) uint8."""
    return _keys(contents)[pairs].reshape(-1, 2 * CONTENT_BYTES)


def _signature(table: pa.Table, position: int) -> ImageSignature:
    points, descriptors, small = (
        np.frombuffer(table.column(name)[position].as_buffer(), dtype) for name, dtype in DTYPES.items()
    )
    number, width = (table.column(name)[position].as_py() for name in ("hash", "width"))
    return ImageSignature(number, points.reshape(-1, 2), descriptors.reshape(-1, 32), small.reshape(-1, width))
