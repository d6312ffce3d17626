"""Rows that are cached from run to run: small tables in one folder, which are added and never changed.

Several processes may add the same rows at the same time. They are equal, so any of them can be used.
"""

import logging
import secrets
from pathlib import Path

import numpy as np
import pyarrow as pa

from ndsc.caching.digests import content_hash
from ndsc.caching.tables import load_table, save_table
from ndsc.errors import UserError

log = logging.getLogger(__name__)

KEY = "key"


class AppendOnlyTables:
    """All tables in `folder` that were computed by the same rules, a text that changes with their meaning."""

    def __init__(self, folder: Path, rules: str) -> None:
        self._folder = folder / content_hash(rules)

    def load(self) -> list[pa.Table]:
        """Return the tables that are not damaged, memory-mapped."""
        loaded = [load_table(path) for path in sorted(self._folder.glob("[!.]*.arrow"))]
        return [found[0] for found in loaded if found is not None]

    def find(self, keys: np.ndarray) -> tuple[pa.Table, np.ndarray]:
        """Look up keys (n, width) uint8 in the column that `key_column` made.

        Returns:
            All rows, memory-mapped, and the position of each key in them as (n,) int64, -1 if it is missing.
        """
        missing = np.full(len(keys), -1)
        tables = self.load()
        if not tables or not len(keys):
            return pa.table({}), missing
        table = pa.concat_tables(tables)
        cached = np.concatenate([_as_keys(chunk) for chunk in table.column(KEY).chunks])
        order = np.argsort(cached, kind="stable")
        wanted = np.ascontiguousarray(keys).view(cached.dtype).ravel()
        nearest = order[np.minimum(np.searchsorted(cached, wanted, sorter=order), len(cached) - 1)]
        return table, np.where(cached[nearest] == wanted, nearest, missing)

    def add(self, table: pa.Table, what: str) -> None:
        """Add a table. If the cache cannot be written, a warning names `what`: the run does not need it."""
        try:
            save_table(self._folder / f"{secrets.token_hex(16)}.arrow", table, {})
        except UserError as error:
            log.warning("%s could not be cached. %s", what, error)


def key_column(keys: np.ndarray) -> pa.Array:
    """Return keys (n, width) uint8 as an Arrow column of binary values."""
    return pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(keys.shape[1]), len(keys), [None, pa.py_buffer(keys.tobytes())]
    )


def _as_keys(chunk: pa.Array) -> np.ndarray:
    """Return the keys of a chunk as (n,) void, without a copy."""
    keys = np.frombuffer(chunk.buffers()[1], np.dtype(f"V{chunk.type.byte_width}"))
    return keys[chunk.offset : chunk.offset + len(chunk)]
