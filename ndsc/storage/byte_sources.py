"""Where the bytes of an archive come from: a plain file, or a gzip file with a list of places to start unpacking at."""

import gzip
import os
import threading
import zlib
from pathlib import Path
from typing import Protocol

import indexed_gzip

CHUNK = 1 << 20
# A place to start unpacking at costs 32 KiB of memory: at most 80 MB an archive, and at least 1 MiB between two.
SEEK_POINTS = 2500
# How far the list of places grows at a call.
SEEK_STEP = 64 << 20


class ByteSource(Protocol):
    """Bytes that can be read at an offset."""

    @property
    def end(self) -> int:
        """The number of bytes there are; a stream knows it once it has been read to its end."""
        ...

    def read_at(self, offset: int, size: int) -> bytes:
        """The `size` bytes that begin at `offset`; fewer, or none, where the source ends."""
        ...

    def close(self) -> None:
        """Give the file back."""
        ...


class PlainFile:
    """A file that is read where one asks, from any number of threads at once."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY)
        self.end = os.fstat(self._descriptor).st_size

    def read_at(self, offset: int, size: int) -> bytes:
        """See ByteSource."""
        # An offset out of a hostile header may be larger than the operating system's integers.
        if offset >= self.end:
            return b""
        return os.pread(self._descriptor, min(size, self.end - offset), offset)

    def close(self) -> None:
        """See ByteSource."""
        os.close(self._descriptor)


class GzipStream:
    """A gzip file unpacked once from front to back. No offset may lie before the one of the call before."""

    def __init__(self, path: Path) -> None:
        self._compressed = path.open("rb")
        self._unpacked = gzip.GzipFile(fileobj=self._compressed)
        self._window = b""
        self._start = 0
        self._whole = True
        self._finished = False

    @property
    def end(self) -> int:
        """See ByteSource."""
        return self._start + len(self._window)

    @property
    def whole(self) -> bool:
        """False once the file has turned out to be cut off or damaged. What comes after the damage is lost."""
        return self._whole

    @property
    def compressed_position(self) -> int:
        """How many bytes of the gzip file have been used."""
        return self._compressed.tell()

    def read_at(self, offset: int, size: int) -> bytes:
        """See ByteSource."""
        while self.end < offset + size and not self._finished:
            kept = self._window[max(0, offset - self._start) :]
            self._start = self.end - len(kept)
            self._window = kept + self._next_chunk()
        begin = offset - self._start
        return self._window[begin : begin + size]

    def close(self) -> None:
        """See ByteSource."""
        self._unpacked.close()
        self._compressed.close()

    def _next_chunk(self) -> bytes:
        try:
            # `read1` gives what was unpacked before the damage; `read` would throw it away with the exception.
            chunk = self._unpacked.read1(CHUNK)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            self._whole = False
            chunk = b""
        self._finished = not chunk
        return chunk


class SeekableGzip:
    """A gzip file that is unpacked from the nearest known place before the bytes asked for, by one thread at a time."""

    def __init__(self, path: Path, end: int, seek_index: Path | None = None) -> None:
        """`end`: how many bytes the file unpacks to. `seek_index`: as `save_seek_index` wrote it."""
        self.end = end
        self._lock = threading.Lock()
        # The checksums of a damaged archive were judged when it was indexed: its photos are decoded one by one.
        self._buffered = indexed_gzip.IndexedGzipFile(
            str(path), spacing=max(CHUNK, end // SEEK_POINTS), drop_handles=False, skip_crc_check=True, buffer_size=4096
        )
        # Below the buffer, which would unpack its own fill at every read.
        self._file = self._buffered.raw
        if seek_index is not None:
            self._buffered.import_index(str(seek_index))

    def extend_seek_index(self, offset: int) -> bool:
        """Learn the places up to `offset`; False where the file is damaged before."""
        try:
            self._file.seek(offset)
        except indexed_gzip.ZranError:
            return False
        return True

    def save_seek_index(self, path: Path) -> None:
        """Write what has been learnt."""
        self._buffered.export_index(str(path))

    def read_at(self, offset: int, size: int) -> bytes:
        """See ByteSource."""
        with self._lock:
            self._file.seek(offset)
            return self._file.read(size)

    def close(self) -> None:
        """See ByteSource."""
        self._buffered.close()
