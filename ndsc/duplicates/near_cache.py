"""Signatures of photos and matches of pairs, cached by content."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from ndsc.caching.append_only_tables import AppendOnlyTables
from ndsc.data.decoding import DECODER
from ndsc.duplicates import image_signatures, verification
from ndsc.duplicates.image_signatures import ImageSignature
from ndsc.duplicates.verification import FIELDS, Match

SIGNATURE_RULES = f"{image_signatures.VERSIONS} {DECODER} signatures-{image_signatures.RULES}"
MATCH_RULES = f"{SIGNATURE_RULES} matches-{verification.RULES}"
CONTENT_BYTES = 16


class SignatureCache:
    """Signatures by content. Those that are found stay in memory-mapped files."""

    def __init__(self, cache_root: Path) -> None:
        self._tables = _Tables(cache_root / "duplicates" / "signatures", SIGNATURE_RULES)

    def find(self, contents: Sequence[str]) -> list[ImageSignature | None]:
        """Return the signature of each content, None where it is not cached."""
        table, positions = self._tables.find(_keys(contents))
        return [None if position < 0 else _signature(table, position) for position in positions.tolist()]

    def add(self, contents: Sequence[str], found: Sequence[ImageSignature]) -> None:
        """Add some. If the cache cannot be written, a warning is logged: the run does not need it."""
        columns = {
            "hash": pa.array([one.hash for one in found], pa.uint64()),
            "points": pa.array([one.points.tobytes() for one in found], pa.binary()),
            "descriptors": pa.array([one.descriptors.tobytes() for one in found], pa.binary()),
            "small": pa.array([one.small.tobytes() for one in found], pa.binary()),
            "width": pa.array([one.small.shape[1] for one in found], pa.int64()),
        }
        self._tables.add(_keys(contents), columns)


class MatchCache:
    """Matches by the contents of two photos, the smaller content first."""

    def __init__(self, cache_root: Path) -> None:
        self._tables = _Tables(cache_root / "duplicates" / "matches", MATCH_RULES)

    def find(self, contents: Sequence[str], pairs: np.ndarray) -> np.ndarray:
        """Return (m, 3) inliers, support and agreement of (m, 2) pairs of positions in `contents`, or NaN."""
        table, positions = self._tables.find(_pair_keys(contents, pairs))
        found = np.full((len(pairs), len(FIELDS)), np.nan)
        known = positions >= 0
        for column, name in enumerate(FIELDS):
            if known.any():
                found[known, column] = table.column(name).to_numpy()[positions[known]]
        return found

    def add(self, contents: Sequence[str], pairs: np.ndarray, matches: Sequence[Match]) -> None:
        """Add some. If the cache cannot be written, a warning is logged: the run does not need it."""
        columns = {name: pa.array([getattr(match, name) for match in matches], pa.float64()) for name in FIELDS}
        self._tables.add(_pair_keys(contents, pairs), columns)


class _Tables:
    """Rows by key, in all tables in a folder that were made by the same rules."""

    def __init__(self, folder: Path, rules: str) -> None:
        self._added = AppendOnlyTables(folder, rules)

    def find(self, keys: np.ndarray) -> tuple[pa.Table, np.ndarray]:
        """Return all cached rows, and the position of each of the (n, w) uint8 keys in them; -1 where it is missing."""
        tables = self._added.load()
        positions = np.full(len(keys), -1, np.int64)
        if not tables or not len(keys):
            return pa.table({}), positions
        table = pa.concat_tables(tables)
        known = np.concatenate([_key_array(chunk) for chunk in table.column("key").chunks])
        order = np.argsort(known, kind="stable")
        wanted = np.ascontiguousarray(keys).view(known.dtype).ravel()
        at = order[np.minimum(np.searchsorted(known, wanted, sorter=order), len(known) - 1)]
        return table, np.where(known[at] == wanted, at, positions)

    def add(self, keys: np.ndarray, columns: dict[str, pa.Array]) -> None:
        width = keys.shape[1]
        column = pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), len(keys), [None, pa.py_buffer(keys.tobytes())])
        table = pa.table({"key": column, **columns})
        self._added.add(table, f"The results for {len(keys)} photos or pairs")


def _keys(contents: Sequence[str]) -> np.ndarray:
    """(n, 16) uint8."""
    return np.frombuffer(bytes.fromhex("".join(contents)), np.uint8).reshape(-1, CONTENT_BYTES)


def _pair_keys(contents: Sequence[str], pairs: np.ndarray) -> np.ndarray:
    """(m, 32) uint8."""
    return _keys(contents)[pairs].reshape(-1, 2 * CONTENT_BYTES)


def _key_array(chunk: pa.Array) -> np.ndarray:
    """(n,) void of a chunk of keys, without a copy."""
    every = np.frombuffer(chunk.buffers()[1], np.dtype(f"V{chunk.type.byte_width}"))
    return every[chunk.offset : chunk.offset + len(chunk)]


def _signature(table: pa.Table, position: int) -> ImageSignature:
    points, descriptors, small = (
        np.frombuffer(table.column(name)[position].as_buffer(), dtype)
        for name, dtype in (("points", np.float32), ("descriptors", np.uint8), ("small", np.uint8))
    )
    width = table.column("width")[position].as_py()
    return ImageSignature(
        table.column("hash")[position].as_py(),
        points.reshape(-1, 2),
        descriptors.reshape(-1, 32),
        small.reshape(-1, width),
    )
