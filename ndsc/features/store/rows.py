"""Rows of the feature cache as one array-like, however many there are."""

from collections.abc import Sequence

import numpy as np

from ndsc.features.store.layout import Layout


class FeatureRows:
    """Chosen rows, read when they are asked for: `rows[indices]` is an array (len(indices), *row shape).

    What is mapped from disk counts as file cache, not as this process's own memory. Stays valid when the store is
    closed, and may be read by several threads.
    """

    def __init__(self, blocks: Sequence[np.ndarray], segments: np.ndarray, rows: np.ndarray, layout: Layout) -> None:
        """Row i is row `rows[i]` of block `segments[i]`; blocks are (count, row_bytes) uint8."""
        self._blocks = [layout.as_rows(block) for block in blocks]
        self._segments, self._rows = segments, rows
        self.shape = (len(rows), *layout.shape)
        self.dtype = layout.dtype.newbyteorder("=")

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, indices: np.ndarray | slice) -> np.ndarray:
        """Copies of the rows at `indices`, a slice or whole numbers (n,). Raises IndexError beyond the last."""
        segments, rows = self._segments[indices].tolist(), self._rows[indices].tolist()
        gathered = np.empty((len(rows), *self.shape[1:]), self.dtype)
        # Row by row: NumPy's own indexing makes a second copy, and is at most half as fast for rows of 400 kB.
        for place, (segment, row) in enumerate(zip(segments, rows, strict=True)):
            gathered[place] = self._blocks[segment][row]
        return gathered

    def load(self) -> np.ndarray:
        """All rows in memory, (n, *row shape); for those that are small."""
        return self[:]
