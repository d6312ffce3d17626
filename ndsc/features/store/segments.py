"""The files of the feature cache: segments, which only grow. Each is a file of rows and a file of index records.

`<name>.rows` has rows of one fixed size and nothing else. Record i of `<name>.index` names the photo and view of row i,
with a checksum of all three. A segment has one writer at a time. Numbers are little-endian on every machine.

A killed process (kill -9) leaves rows without records and at most a part of one record, which readers ignore: rows are
written before their records, and the kernel has what was written. A power cut can remove the last pages of either file
or fill them with zeros, in any order. The checksums detect that, so no write ever waits for the disk.
"""

import os
import platform
import secrets
import tempfile
import time
import uuid
import zlib
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import numpy as np

from ndsc.caching.atomic import is_write_refused, write_at
from ndsc.caching.digests import content_hash
from ndsc.caching.locks import LockState, acquire, file_lock
from ndsc.errors import UserError

ROWS, INDEX = ".rows", ".index"
KEY = np.dtype([("content", "V16"), ("view", "<u4")])
RECORD = np.dtype([("key", KEY), ("checksum", "<u4")])
OVERFLOW_MEMORY = 256 * 2**20


class SegmentReader:
    """A segment in files, memory-mapped: `rows` (count, *shape), of which the last ones may be missing."""

    def __init__(self, index: Path, row_type: np.dtype) -> None:
        self._index, self._row_type = index, row_type
        self._count = 0
        self.rows = np.empty(0, row_type)

    def new_records(self) -> tuple[int, np.ndarray]:
        """Return the number of the first new record, and the records (n,) RECORD added since the last call.

        Raises OSError.
        """
        first, records = self._count, read_records(self._index, self._count)
        path = self._index.with_suffix(ROWS)
        if len(records) and path.exists():  # Without its rows, the segment is an incomplete copy.
            self.rows = _map_rows(path, first + len(records), self._row_type)
        self._count += len(records)
        return first, records


class SegmentWriter:
    """The end of a segment in files. If `state` is `HELD`, no other process writes to it until `close`."""

    def __init__(self, index: Path, mode: str) -> None:
        """Open or create both files, as `mode` says. Raises OSError."""
        with ExitStack() as stack:
            # The rows come first: where there is an index, there are rows.
            self._rows = stack.enter_context(index.with_suffix(ROWS).open(mode, buffering=0))
            self._index = stack.enter_context(index.open(mode, buffering=0))
            lock = file_lock(index)
            self.state = acquire(lock)
            stack.callback(lock.release)
            self._resources = stack.pop_all()
        self._count = _size(self._index) // RECORD.itemsize

    def is_complete(self, row_bytes: int) -> bool:
        """Return whether there is a row for every record."""
        return _size(self._rows) >= self._count * row_bytes

    def append(self, records: np.ndarray, rows: np.ndarray) -> None:
        """Add `records` (n,) RECORD of `rows` (n, *shape). Raises OSError; earlier rows stay valid."""
        end = self._count * (rows.nbytes // max(1, len(rows)))
        try:
            write_at(self._rows.fileno(), as_bytes(rows), end)
        except OSError:
            self._rows.truncate(end)  # Frees the space. No record names these rows, so no process maps them.
            raise
        write_at(self._index.fileno(), as_bytes(records), self._count * RECORD.itemsize)
        self._count += len(records)

    def close(self) -> None:
        """Leave the segment to the next writer."""
        self._resources.close()


class Overflow:
    """Rows that the disk of the cache refused: in memory, and beyond `memory_bytes` in an unnamed temporary file."""

    def __init__(self, row_type: np.dtype, memory_bytes: int = OVERFLOW_MEMORY) -> None:
        self._row_type, self._memory_bytes = row_type, memory_bytes
        self._records = np.empty(0, RECORD)
        self._returned = 0
        self._in_memory = [np.empty(0, row_type)]
        self._file: IO[bytes] | None = None
        self._resources = ExitStack()

    @property
    def rows(self) -> np.ndarray:
        """All rows (count, *shape)."""
        if self._file is not None:
            return _map_rows(self._file, len(self._records), self._row_type)
        self._in_memory = [np.concatenate(self._in_memory)]
        return self._in_memory[0]

    def new_records(self) -> tuple[int, np.ndarray]:
        """See `SegmentReader.new_records`."""
        first, self._returned = self._returned, len(self._records)
        return first, self._records[first:]

    def append(self, records: np.ndarray, rows: np.ndarray) -> None:
        """Add `records` (n,) RECORD of `rows` (n, *shape). Raises UserError if there is no space either."""
        end = len(self._records) * self._row_type.itemsize
        if end + rows.nbytes <= self._memory_bytes:
            self._in_memory.append(rows.copy())
        else:
            self._write(rows, end)
        self._records = np.concatenate([self._records, records])

    def close(self) -> None:
        """Delete the temporary file. Mapped rows stay valid."""
        self._resources.close()

    def _write(self, rows: np.ndarray, end: int) -> None:
        try:
            if self._file is None:
                in_memory = self.rows
                temporary = tempfile.TemporaryFile(prefix="ndsc-", buffering=0)  # noqa: SIM115 (`close` closes it)
                self._file = self._resources.enter_context(temporary)
                write_at(self._file.fileno(), as_bytes(in_memory), 0)
                self._in_memory = []
            write_at(self._file.fileno(), as_bytes(rows), end)
        except OSError as error:
            raise UserError(
                "Features that do not fit into the cache are stored in the folder for temporary files, where "
                f"{(end + rows.nbytes) / 1e6:.1f} MB were expected to be free. Received: {error.strerror} in "
                f"{tempfile.gettempdir()}. Free some space, or choose another folder: cache.root=<folder> or TMPDIR."
            ) from error


def keys_of(contents: np.ndarray, views: np.ndarray) -> np.ndarray:
    """Return the keys (n,) KEY of `contents` (n, 16) uint8 and `views` (n,). Raises ValueError for other values."""
    if contents.dtype != np.uint8 or contents.shape != (len(views), 16):
        raise ValueError(f"Expected contents ({len(views)}, 16) uint8. Received: {contents.shape} {contents.dtype}")
    if len(views) and not 0 <= views.min() <= views.max() < 2**32:
        raise ValueError(f"Expected views from 0 to 2**32 - 1. Received: {views.min()} to {views.max()}")
    keys = np.empty(len(views), KEY)
    keys["content"] = np.ascontiguousarray(contents).view("V16")[:, 0]
    keys["view"] = views
    return keys


def records_of(keys: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the records (n,) RECORD of `keys` (n,) KEY and `rows` (n, *shape)."""
    records = np.empty(len(keys), RECORD)
    records["key"] = keys
    records["checksum"] = checksums(keys, rows)
    return records


def checksums(keys: np.ndarray, rows: Iterable[np.ndarray]) -> np.ndarray:
    """Return the CRC-32 of each of `keys` (n,) of 20 bytes and its row, as (n,) uint32.

    Raises ValueError if there are not as many rows as keys. CRC-32 is the fastest checksum in the standard library
    (2 GB/s, hashes 0.5 to 1.5) and detects every flip of a single bit.
    """
    key_bytes = np.ascontiguousarray(keys).view(np.uint8).reshape(len(keys), KEY.itemsize)
    pairs = zip(key_bytes, rows, strict=True)
    return np.fromiter((zlib.crc32(row, zlib.crc32(key)) for key, row in pairs), np.uint32)


def read_records(index: Path, start: int = 0) -> np.ndarray:
    """Return the complete records (n,) RECORD of the file `index` from number `start` on. Raises OSError."""
    with index.open("rb") as file:
        file.seek(start * RECORD.itemsize)
        data = file.read()
    return np.frombuffer(data, RECORD, len(data) // RECORD.itemsize)


def open_writer(folder: Path, row_bytes: int) -> SegmentWriter:
    """Continue a segment that no running process writes to, so that not every run adds files, or start a new one.

    Only segments that were started on this machine since it was booted are continued: on some network disks, machines
    do not see each other's locks. Raises OSError.
    """
    for index in sorted(folder.glob(f"*-{_machine()}-*{INDEX}")):
        try:
            writer = SegmentWriter(index, "r+b")
        except OSError as error:
            if is_write_refused(error) or isinstance(error, FileNotFoundError):
                continue  # The file of another user, or half of a pair.
            raise
        if writer.state is LockState.HELD and writer.is_complete(row_bytes):
            return writer
        writer.close()
    while True:
        name = f"{time.time_ns()}-{_machine()}-{secrets.token_hex(4)}"
        writer = SegmentWriter(folder / f"{name}{INDEX}", "x+b")
        if writer.state is not LockState.BUSY:
            return writer
        writer.close()  # Another process was faster to continue it.


def as_bytes(array: np.ndarray) -> memoryview:
    """Return a contiguous array as a view of its bytes."""
    return array.reshape(-1).view(np.uint8).data


def _machine() -> str:
    booted = Path("/proc/sys/kernel/random/boot_id")
    return content_hash(booted.read_text() if booted.exists() else f"{platform.node()} {uuid.getnode()}")[:8]


def _map_rows(file: Path | IO[bytes], count: int, row_type: np.dtype) -> np.ndarray:
    size = file.stat().st_size if isinstance(file, Path) else _size(file)
    complete = min(count, size // row_type.itemsize)
    return np.asarray(np.memmap(file, row_type, "r", shape=(complete,))) if complete else np.empty(0, row_type)


def _size(file: IO[bytes]) -> int:
    return os.fstat(file.fileno()).st_size
