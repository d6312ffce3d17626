"""What was found out about photos and pairs of them, remembered in the cache."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from ndsc.caching.append_only_tables import AppendOnlyTables
from ndsc.data.decoding import DECODER
from ndsc.duplicates import image_signatures as traits
from ndsc.duplicates import verification
from ndsc.duplicates.image_signatures import ImageSignature
from ndsc.duplicates.match import FIELDS, Match

TRAITS_RULES = f"{traits.VERSIONS} {DECODER} traits-{traits.RULES}"
MATCH_RULES = f"{TRAITS_RULES} matches-{verification.RULES}"
CONTENT_BYTES = 16


class SignatureCache:
    """ImageSignature by content; those that are found stay in memory-mapped files."""

    def __init__(self, cache_root: Path) -> None:
        self._tables = _Tables(cache_root / "duplicates" / "traits", TRAITS_RULES)

    def find(self, contents: Sequence[str]) -> list[ImageSignature | None]:
        """The traits of each content, None where they are not known."""
        table, places = self._tables.find(_keys(contents))
        return [None if place < 0 else _traits(table, place) for place in places.tolist()]

    def add(self, contents: Sequence[str], found: Sequence[ImageSignature]) -> None:
        """Remember some. A cache that cannot be written is worth a warning: the run needs it not."""
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
        """(m, 3) inliers, support and agreement of (m, 2) pairs of positions in `contents`; NaN where not known."""
        table, places = self._tables.find(_pair_keys(contents, pairs))
        found = np.full((len(pairs), len(FIELDS)), np.nan)
        known = places >= 0
        for column, name in enumerate(FIELDS):
            if known.any():
                found[known, column] = table.column(name).to_numpy()[places[known]]
        return found

    def add(self, contents: Sequence[str], pairs: np.ndarray, matches: Sequence[Match]) -> None:
        """Remember some. A cache that cannot be written is worth a warning: the run needs it not."""
        columns = {name: pa.array([getattr(match, name) for match in matches], pa.float64()) for name in FIELDS}
        self._tables.add(_pair_keys(contents, pairs), columns)


class _Tables:
    """Rows by key, in all tables in a folder that were made by the same rules."""

    def __init__(self, folder: Path, rules: str) -> None:
        self._added = AppendOnlyTables(folder, rules)

    def find(self, keys: np.ndarray) -> tuple[pa.Table, np.ndarray]:
        """Everything that is known, and where each of the (n, w) uint8 keys stands in it; -1 where it does not."""
        tables = self._added.load()
        places = np.full(len(keys), -1, np.int64)
        if not tables or not len(keys):
            return pa.table({}), places
        table = pa.concat_tables(tables)
        known = np.concatenate([_key_array(chunk) for chunk in table.column("key").chunks])
        order = np.argsort(known, kind="stable")
        wanted = np.ascontiguousarray(keys).view(known.dtype).ravel()
        at = order[np.minimum(np.searchsorted(known, wanted, sorter=order), len(known) - 1)]
        return table, np.where(known[at] == wanted, at, places)

    def add(self, keys: np.ndarray, columns: dict[str, pa.Array]) -> None:
        width = keys.shape[1]
        column = pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), len(keys), [None, pa.py_buffer(keys.tobytes())])
        table = pa.table({"key": column, **columns})
        self._added.add(table, f"What was found out about {len(keys)} photos or pairs")


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


def _traits(table: pa.Table, place: int) -> ImageSignature:
    points, descriptors, small = (
        np.frombuffer(table.column(name)[place].as_buffer(), dtype)
        for name, dtype in (("points", np.float32), ("descriptors", np.uint8), ("small", np.uint8))
    )
    width = table.column("width")[place].as_py()
    return ImageSignature(
        table.column("hash")[place].as_py(),
        points.reshape(-1, 2),
        descriptors.reshape(-1, 32),
        small.reshape(-1, width),
    )
