"""The bytes of an archive at any offset: in a plain file, or in a gzip file by an index of positions to unpack from."""

import gzip
import os
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import indexed_gzip

CHUNK = 1 << 20
# A position to unpack from costs 32 KiB of memory: at most 80 MB an archive, and at least 1 MiB between two.
SEEK_POINTS = 2500
# Bytes by which the index grows at a call.
SEEK_STEP = 64 << 20


class ByteSource(Protocol):
    """Bytes that can be read at an offset."""

    @property
    def end(self) -> int:
        """The number of bytes; a stream knows it once it has been read to its end."""
        ...

    def read_at(self, offset: int, size: int) -> bytes:
        """The `size` bytes that begin at `offset`; fewer, or none, where the source ends."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...


class PlainFile:
    """A file that is read at any offset, by any number of threads at once."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY)
        self.end = os.fstat(self._descriptor).st_size

    def read_at(self, offset: int, size: int) -> bytes:
        """See ByteSource."""
        # An offset from a hostile header may be larger than the operating system's integers.
        if offset >= self.end:
            return b""
        return os.pread(self._descriptor, min(size, self.end - offset), offset)

    def close(self) -> None:
        """See ByteSource."""
        os.close(self._descriptor)


class ForwardStream:
    """Chunks of bytes that are read once from front to back. No offset may be below the one of the previous call."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._window = b""
        self._start = 0

    @property
    def end(self) -> int:
        """See ByteSource."""
        return self._start + len(self._window)

    def read_at(self, offset: int, size: int) -> bytes:
        """See ByteSource."""
        while self.end < offset + size and (chunk := next(self._chunks, b"")):
            rest = self._window[max(0, offset - self._start) :]
            self._start = self.end - len(rest)
            self._window = rest + chunk
        begin = offset - self._start
        return self._window[begin : begin + size]

    def close(self) -> None:
        """See ByteSource. The chunks belong to the caller."""


class GzipStream(ForwardStream):
    """A gzip file that is unpacked once from front to back.

    `whole` becomes false when the file turns out to be cut off or damaged. Everything behind the damage is missing.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(iter(self._next_chunk, b""))
        self._compressed = path.open("rb")
        self._unpacked = gzip.GzipFile(fileobj=self._compressed)
        self.whole = True

    @property
    def compressed_position(self) -> int:
        """How many bytes of the gzip file have been used."""
        return self._compressed.tell()

    def close(self) -> None:
        """See ByteSource."""
        self._unpacked.close()
        self._compressed.close()

    def _next_chunk(self) -> bytes:
        try:
            # `read1` returns the bytes before the damage; `read` would discard them with its exception.
            return self._unpacked.read1(CHUNK)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            self.whole = False
            return b""


class SeekableGzip:
    """A gzip file that is unpacked from the nearest indexed position before the bytes, by one thread at a time."""

    def __init__(self, path: Path, end: int, seek_index: Path | None = None) -> None:
        """`end`: the unpacked size in bytes. `seek_index`: a file written by `save_seek_index`."""
        self.end = end
        self._lock = threading.Lock()
        # Checksums were compared when the archive was indexed, and photos of a damaged one are decoded one by one.
        self._buffered = indexed_gzip.IndexedGzipFile(
            str(path), spacing=max(CHUNK, end // SEEK_POINTS), drop_handles=False, skip_crc_check=True, buffer_size=4096
        )
        # Below the buffer, which would unpack a whole buffer at every read.
        self._file = self._buffered.raw
        if seek_index is not None:
            self._buffered.import_index(str(seek_index))

    def extend_seek_index(self, offset: int) -> bool:
        """Index the file up to `offset`; False where it is damaged before."""
        try:
            self._file.seek(offset)
        except indexed_gzip.ZranError:
            return False
        return True

    def save_seek_index(self, path: Path) -> None:
        """Write the index."""
        self._buffered.export_index(str(path))

    def read_at(self, offset: int, size: int) -> bytes:
        """See ByteSource."""
        with self._lock:
            self._file.seek(offset)
            return self._file.read(size)

    def close(self) -> None:
        """See ByteSource."""
        self._buffered.close()
