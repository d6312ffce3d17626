"""The files of the feature cache: segments, which only grow, each a file of rows and a file of index records.

`<name>.rows` holds rows of one fixed size and nothing else. Record i of `<name>.index` names the photo and view of row
i, with a checksum over all three. A segment has one writer at a time.

A killed process (kill -9) leaves rows without records and at most a part of one record, which readers ignore: rows are
written before their records, and what was written stays with the kernel. A power cut may take the last pages of either
file or leave zeros in them, in any order; the checksum finds that out, and so nothing ever waits for the disk.
"""

import mmap
import os
import platform
import secrets
import time
import uuid
from contextlib import ExitStack
from hashlib import blake2b
from pathlib import Path

import numpy as np
from filelock import FileLock

from ndsc.caching.atomic import is_write_refused, write_at
from ndsc.caching.locks import LockState, acquire, file_lock
from ndsc.features.store.layout import RECORD, Layout

ROWS, INDEX = ".rows", ".index"


class SegmentReader:
    """One segment, memory-mapped as far as it is whole. `rows` (count, row_bytes) uint8 grows with `new_records`."""

    def __init__(self, index: Path, layout: Layout) -> None:
        self._index = index
        self.rows = np.empty((0, layout.row_bytes), np.uint8)
        self._count = 0

    def new_records(self) -> tuple[int, np.ndarray]:
        """The records (n,) RECORD that were added since the last call, behind the number of the first one's row.

        The last rows may be missing. Raises OSError.
        """
        first = self._count
        records = read_records(self._index, first)
        if len(records):
            self.rows = _mapped(self._index.with_suffix(ROWS), first + len(records), self.rows.shape[1])
        self._count += len(records)
        return first, records


class SegmentWriter:
    """The end of one segment, which this process alone writes to until `close`."""

    def __init__(self, index_file: int, rows_file: int, lock: FileLock) -> None:
        self._index_file, self._rows_file, self._lock = index_file, rows_file, lock
        self._count = os.fstat(index_file).st_size // RECORD.itemsize

    def is_whole(self, row_bytes: int) -> bool:
        """Whether there is a row for every record."""
        return os.fstat(self._rows_file).st_size >= self._count * row_bytes

    def append(self, records: np.ndarray, rows: np.ndarray) -> None:
        """Add `records` (n,) RECORD of `rows` (n, row_bytes) uint8. Raises OSError; what was there then stays whole."""
        end = self._count * rows.shape[1]
        try:
            write_at(self._rows_file, rows.reshape(-1).data, end)
        except OSError:
            os.ftruncate(self._rows_file, end)  # Gives the space back. No record names these rows, so nobody maps them.
            raise
        write_at(self._index_file, records.view(np.uint8).data, self._count * RECORD.itemsize)
        self._count += len(records)

    def close(self) -> None:
        """Leave the segment to the next writer."""
        os.close(self._rows_file)
        os.close(self._index_file)
        self._lock.release()


def read_records(index: Path, start: int = 0) -> np.ndarray:
    """The whole records (n,) RECORD in the file `index` from number `start` on. Raises OSError."""
    with index.open("rb") as stream:
        stream.seek(start * RECORD.itemsize)
        data = stream.read()
    return np.frombuffer(data, RECORD, len(data) // RECORD.itemsize)


def open_writer(folder: Path, layout: Layout) -> SegmentWriter:
    """Go on with a segment that no living process writes to, so that not every run leaves a file; or start one.

    Only segments that were begun since this machine was started qualify: the locks of some network disks are not seen
    by other machines. Raises OSError.
    """
    for index in sorted(folder.glob(f"*-{_machine()}-*{INDEX}")):
        if writer := _resumed(index, layout):
            return writer
    while True:
        name = f"{time.time_ns()}-{_machine()}-{secrets.token_hex(4)}"
        writer, outcome = _locked(folder / f"{name}{INDEX}", os.O_CREAT | os.O_EXCL)
        if outcome is not LockState.BUSY:
            return writer
        writer.close()  # Another process was quicker to go on with it.


def _resumed(index: Path, layout: Layout) -> SegmentWriter | None:
    try:
        writer, outcome = _locked(index)
    except OSError as error:
        if is_write_refused(error) or isinstance(error, FileNotFoundError):
            return None  # Another user's file, or half of a pair.
        raise
    if outcome is LockState.HELD and writer.is_whole(layout.row_bytes):
        return writer
    writer.close()
    return None


def _locked(index: Path, flags: int = 0) -> tuple[SegmentWriter, LockState]:
    with ExitStack() as opened:
        # First the rows: where there is an index there are rows.
        rows_file = os.open(index.with_suffix(ROWS), os.O_RDWR | flags, 0o666)
        opened.callback(os.close, rows_file)
        index_file = os.open(index, os.O_RDWR | flags, 0o666)
        opened.callback(os.close, index_file)
        lock = file_lock(index)
        outcome = acquire(lock)
        opened.pop_all()
    return SegmentWriter(index_file, rows_file, lock), outcome


def _machine() -> str:
    started = Path("/proc/sys/kernel/random/boot_id")
    name = started.read_text() if started.exists() else f"{platform.node()} {uuid.getnode()}"
    return blake2b(name.encode(), digest_size=4).hexdigest()


def _mapped(path: Path, count: int, row_bytes: int) -> np.ndarray:
    if not path.exists():  # An incomplete copy; to its index, the file was cut off at once.
        return np.empty((0, row_bytes), np.uint8)
    with path.open("rb") as stream:
        whole = min(count, os.fstat(stream.fileno()).st_size // row_bytes)
        data = mmap.mmap(stream.fileno(), whole * row_bytes, access=mmap.ACCESS_READ) if whole else b""
    return np.frombuffer(data, np.uint8).reshape(whole, row_bytes)
