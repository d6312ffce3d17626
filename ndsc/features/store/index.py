"""Look-up in a feature store: the index of its rows by photo and view, and the rows that it selects."""

from collections.abc import Sequence

import numpy as np

from ndsc.features.store.segments import KEY

# With its key, an entry takes 37 bytes of memory.
ENTRY = np.dtype([("checksum", "<u4"), ("segment", "<i4"), ("row", "<i8"), ("verified", "?")])


class Index:
    """Entries of all segments, sorted by key: `keys` (n,) of 20 bytes and `entries` (n,) ENTRY.

    The store sets `verified` of the entries whose checksum is right.
    """

    def __init__(self) -> None:
        self.keys = _as_strings(np.empty(0, KEY))
        self.entries = np.empty(0, ENTRY)

    def add(self, batches: list[tuple[int, int, np.ndarray]]) -> None:
        """Add batches: the number of a segment, the row of the first record, and records (n,) RECORD."""
        keys, entries = [self.keys], [self.entries]
        for segment, first_row, records in batches:
            added = np.zeros(len(records), ENTRY)
            added["checksum"], added["segment"] = records["checksum"], segment
            added["row"] = np.arange(first_row, first_row + len(records))
            keys.append(_as_strings(records["key"]))
            entries.append(added)
        self.keys, self.entries = np.concatenate(keys), np.concatenate(entries)
        order = np.argsort(self.keys, kind="stable")
        self.keys, self.entries = self.keys[order], self.entries[order]

    def discard(self, positions: np.ndarray) -> None:
        """Remove the entries at `positions` (n,) int64."""
        self.keys, self.entries = np.delete(self.keys, positions), np.delete(self.entries, positions)

    def search(self, keys: np.ndarray) -> np.ndarray:
        """Return the position of each of `keys` (n,) KEY, or -1, as (n,) int64. Of equal keys the last one counts."""
        if not len(self.keys):
            return np.full(len(keys), -1)
        wanted = _as_strings(keys)
        # In sorted order each search ends near the previous one, in the processor's cache: two million at 1 µs each.
        order = np.argsort(wanted, kind="stable")
        positions = np.empty(len(keys), np.int64)
        positions[order] = np.searchsorted(self.keys, wanted[order], side="right") - 1
        return np.where((positions >= 0) & (self.keys[positions] == wanted), positions, -1)


class FeatureRows:
    """Selected rows, read when they are used: `rows[indices]` is an array (len(indices), *shape of a row).

    Rows mapped from the disk are part of the file cache, not of this process' memory. They stay valid after the store
    is closed, and can be read by several threads.
    """

    def __init__(
        self, blocks: Sequence[np.ndarray], segments: np.ndarray, rows: np.ndarray, row_type: np.dtype
    ) -> None:
        """Select `rows[i]` of block `segments[i]` as row i; a block is an array of `row_type`, (count, *shape)."""
        self._blocks, self._segments, self._rows = blocks, segments, rows
        self.shape = (len(rows), *row_type.shape)
        self.dtype = row_type.base.newbyteorder("=")

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, indices: np.ndarray | slice) -> np.ndarray:
        """Return copies of the rows at `indices`, a slice or integers (n,). Raises IndexError beyond the last one."""
        segments, rows = self._segments[indices].tolist(), self._rows[indices].tolist()
        gathered = np.empty((len(rows), *self.shape[1:]), self.dtype)
        # Row by row: NumPy's own indexing makes a second copy, and is at most half as fast for rows of 400 kB.
        for position, (segment, row) in enumerate(zip(segments, rows, strict=True)):
            gathered[position] = self._blocks[segment][row]
        return gathered

    def load(self) -> np.ndarray:
        """Return all rows in memory, (n, *shape of a row)."""
        return self[:]


def _as_strings(keys: np.ndarray) -> np.ndarray:
    # NumPy sorts byte strings of one length twice as fast as records, and compares all their bytes.
    return np.ascontiguousarray(keys).view(f"S{KEY.itemsize}")
