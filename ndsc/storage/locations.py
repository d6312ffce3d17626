"""Locations of files on a disk or on a server, read in the same way."""

import os
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from ndsc.caching.atomic import atomic_cache_write
from ndsc.caching.digests import SAMPLE_BYTES, content_signature, file_signature, sampled_digest, sampled_offsets
from ndsc.errors import UserError
from ndsc.process import map_ahead
from ndsc.storage.byte_sources import ByteSource, PlainFile
from ndsc.storage.remote import CONCURRENT_READS, RemoteFile, RemotePath, address_digest, is_remote
from ndsc.terminal import progress

Location = Path | RemotePath

# A file on a server is read from front to back in blocks of this size, with so many requested ahead: 40 MB of memory.
LARGE_BLOCK = 8 << 20
BLOCKS_AHEAD = 4


def location_of(text: str | Path) -> Location:
    """Return the absolute path of a file or folder, or its address on a server."""
    if is_remote(text):
        return RemotePath(str(text).rstrip("/"))
    return Path(os.path.abspath(text))


def open_bytes(location: Location) -> ByteSource:
    """Open a file to read its bytes at any offset.

    Raises:
        OSError: it cannot be opened.
        UserError: its server does not answer, or has no such file.
    """
    return RemoteFile(location) if isinstance(location, RemotePath) else PlainFile(location)


def location_signature(location: Location) -> str:
    """Return 32 hex digits that change with the file: from the server's ETag, time and size (sampled blocks where it
    states no more than the size), or see `file_signature`.

    Raises:
        UserError: the file cannot be read.
    """
    if not isinstance(location, RemotePath):
        return file_signature(location)
    status = location.status()
    return address_digest(location, status) if status.version else location_content_signature(location)


def location_content_signature(location: Location) -> str:
    """Return the `content_signature` of a file, equal on a disk and on a server.

    Raises:
        UserError: the file cannot be read.
    """
    if not isinstance(location, RemotePath):
        return content_signature(location)
    with closing(RemoteFile(location)) as source, ThreadPoolExecutor(CONCURRENT_READS) as threads:
        blocks = threads.map(lambda offset: source.read_at(offset, SAMPLE_BYTES), sampled_offsets(source.end))
        return sampled_digest(str(source.end), blocks)


def local_copy(location: Location, cache_root: Path) -> Path:
    """Return the path of a file on the disk: the file itself, or its copy in the cache, fetched when its version on the
    server is new.

    Raises:
        UserError: its server does not answer or has no such file, or the cache cannot be written.
    """
    if not isinstance(location, RemotePath):
        return location
    status = location.status()
    copy = cache_root / "remote" / f"{address_digest(location, status)}-{location.name}"
    if not copy.exists() or copy.stat().st_size != status.size:
        with atomic_cache_write(copy) as temporary, closing(read_large_blocks(location)) as blocks:
            with temporary.open("wb") as file, progress(f"fetching {location.name}", status.size, "bytes") as advance:
                for block in blocks:
                    advance(file.write(block))
            if temporary.stat().st_size != status.size:
                raise UserError(f"{status.size:,} bytes of {location} were expected. Received: fewer. Try again.")
    return copy


def read_large_blocks(location: RemotePath) -> Generator[bytes]:
    """Yield the bytes of a file on a server from front to back. Several large blocks are requested ahead of need.

    Raises:
        UserError: its server does not answer, or has no such file.
    """
    source = RemoteFile(location)
    with ThreadPoolExecutor(BLOCKS_AHEAD) as threads:
        offsets = range(0, source.end, LARGE_BLOCK)
        yield from map_ahead(threads, lambda offset: source.read_at(offset, LARGE_BLOCK), offsets, BLOCKS_AHEAD)
