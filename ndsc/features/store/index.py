"""Which row of which segment a photo and view are in: the records of all segments of a store, sorted for look-up."""

import numpy as np

from ndsc.features.store.layout import KEY

ENTRY = np.dtype(
    [("key", KEY), ("checksum", "<u4"), ("segment", "<i4"), ("row", "<i8"), ("trusted", "?"), ("dropped", "?")]
)


class Entries:
    """One entry a record, numbered from 0 in the order in which they were added: `table` (n,) ENTRY.

    `trusted` is for the store to note whose checksum held.
    """

    def __init__(self) -> None:
        self.table = np.empty(0, ENTRY)
        self._order: np.ndarray | None = None
        self._sorted_keys = _comparable(self.table["key"])

    def add(self, batches: list[tuple[int, int, np.ndarray]]) -> None:
        """Add batches of the number of a segment, the row that the first record is of, and records (n,) RECORD."""
        tables = [self.table]
        for segment, first_row, records in batches:
            table = np.zeros(len(records), ENTRY)
            table["key"], table["checksum"] = records["key"], records["checksum"]
            table["segment"], table["row"] = segment, np.arange(first_row, first_row + len(records))
            tables.append(table)
        if sum(map(len, tables)) > len(self.table):
            self.table = np.concatenate(tables)
            self._order = None

    def drop(self, entries: np.ndarray) -> None:
        """Find `entries` (n,) int64 no more."""
        self.table["dropped"][entries] = True
        self._order = None

    def search(self, keys: np.ndarray) -> np.ndarray:
        """The entry of each of `keys` (n,) KEY, the last added where there are several, or -1, as (n,) int64."""
        order = self._sort() if self._order is None else self._order
        if not len(order):
            return np.full(len(keys), -1)
        wanted = _comparable(keys)
        # In sorted order each look-up ends near the last, in the processor's cache: two million at 1 µs each.
        by_key = np.argsort(wanted, kind="stable")
        places = np.empty(len(keys), np.int64)
        places[by_key] = np.searchsorted(self._sorted_keys, wanted[by_key], side="right") - 1
        return np.where((places >= 0) & (self._sorted_keys[places] == wanted), order[places], -1)

    def _sort(self) -> np.ndarray:
        kept = np.flatnonzero(~self.table["dropped"])
        keys = _comparable(self.table["key"][kept])
        by_key = np.argsort(keys, kind="stable")
        self._order, self._sorted_keys = kept[by_key], keys[by_key]
        return self._order


def _comparable(keys: np.ndarray) -> np.ndarray:
    # NumPy sorts byte strings of one length twice as fast as records, and compares all their bytes.
    return np.ascontiguousarray(keys).view(f"S{KEY.itemsize}")
