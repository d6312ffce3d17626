"""Rows that the disk of the cache refused, kept by this process while it works with them."""

import mmap
import os
import tempfile

import numpy as np

from ndsc.caching.atomic import write_at
from ndsc.errors import UserError
from ndsc.features.store.layout import RECORD, Layout

MEMORY_BYTES = 256 * 2**20


class Overflow:
    """A segment in memory, or, beyond `memory_bytes`, in a temporary file without a name that ends with the process."""

    def __init__(self, layout: Layout, memory_bytes: int = MEMORY_BYTES) -> None:
        self._row_bytes, self._memory_bytes = layout.row_bytes, memory_bytes
        self._records = np.empty(0, RECORD)
        self._handed_out = 0
        self._in_memory = [np.empty((0, layout.row_bytes), np.uint8)]
        self._file: int | None = None

    @property
    def rows(self) -> np.ndarray:
        """All rows, (count, row_bytes) uint8."""
        if self._file is None:
            self._in_memory = [np.concatenate(self._in_memory)]
            return self._in_memory[0]
        mapped = mmap.mmap(self._file, len(self._records) * self._row_bytes, access=mmap.ACCESS_READ)
        return np.frombuffer(mapped, np.uint8).reshape(-1, self._row_bytes)

    def new_records(self) -> tuple[int, np.ndarray]:
        """The records (n,) RECORD that were added since the last call, behind the number of the first one's row."""
        first, self._handed_out = self._handed_out, len(self._records)
        return first, self._records[first:]

    def append(self, records: np.ndarray, rows: np.ndarray) -> None:
        """Keep `records` (n,) RECORD of `rows` (n, row_bytes) uint8. Raises UserError where there is no room at all."""
        count = len(self._records)
        if (count + len(records)) * self._row_bytes <= self._memory_bytes:
            self._in_memory.append(rows.copy())
        else:
            self._write(rows, count * self._row_bytes)
        self._records = np.concatenate([self._records, records])

    def close(self) -> None:
        """Give up the temporary file; rows that were asked for stay valid."""
        if self._file is not None:
            os.close(self._file)

    def _write(self, rows: np.ndarray, offset: int) -> None:
        try:
            if self._file is None:
                kept = self.rows
                self._file, name = tempfile.mkstemp(prefix="ndsc-")
                os.unlink(name)
                write_at(self._file, kept.reshape(-1).data, 0)
                self._in_memory = []
            write_at(self._file, rows.reshape(-1).data, offset)
        except OSError as error:
            raise UserError(
                f"Features that the cache has no room for are kept in the folder for temporary files, and "
                f"{(offset + rows.nbytes) / 1e6:.1f} MB of them were expected to fit. Received: {error.strerror} in "
                f"{tempfile.gettempdir()}. Free space, or name a folder with more of it by cache.root or TMPDIR."
            ) from error
