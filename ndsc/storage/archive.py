"""An archive whose photos are read where they lie: indexed once into the cache, never unpacked.

Nothing in an archive can make this write anywhere: the names of members are only ever compared.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pyarrow as pa

from ndsc.caching.tables import file_digest, load_table
from ndsc.errors import UserError
from ndsc.storage.archive_index import UnreadableArchive, build_index, is_gzip
from ndsc.storage.byte_sources import ByteSource, SeekableGzip
from ndsc.storage.locations import Location, location_of, location_signature, open_bytes

log = logging.getLogger(__name__)

SUFFIXES = (".tar", ".tar.gz", ".tgz")


class ShortRead(Exception):
    """Fewer bytes than asked for could be had. The message says why, fit to be listed as the reason for a rejection."""


@dataclass(frozen=True)
class Archive:
    """An open archive. `members` has the columns name, offset and size (bytes) of the regular files, in the archive's
    order; `skipped` counts what else it holds, by kind; `truncated` says that its end is missing or damaged."""

    path: Location
    members: pa.Table
    skipped: dict[str, int]
    truncated: bool
    source: ByteSource

    def read(self, offset: int, size: int) -> bytes:
        """The bytes of a member. Any number of threads may read at once.

        Raises:
            ShortRead: the archive does not have them.
        """
        return read_exactly(self.source, offset, size)

    def close(self) -> None:
        """Give the file back."""
        self.source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def is_archive(path: Location | str) -> bool:
    """Whether the name is that of an archive: .tar, .tar.gz or .tgz."""
    return str(path).lower().endswith(SUFFIXES)


def open_archive(path: Location, cache_root: Path) -> Archive:
    """Open a tar file, gzipped or not, by its index in the cache. The first time, and after a change, it is indexed.

    Raises:
        UnreadableArchive: it is missing, no tar file, or changing under our hands.
        UserError: the cache cannot be written.
    """
    path = location_of(str(path))
    try:
        signature = location_signature(path)
    except UserError as error:
        raise UnreadableArchive(str(error)) from error
    index = cache_root / "archives" / f"{path.name}-{signature}.arrow"
    opened = _load(path, index)
    if opened is None:
        build_index(path, index, signature)
        opened = _load(path, index)
    if opened is None:
        raise UserError(f"A cache on a sound disk was expected. Received: {index}, which cannot be read back.")
    return opened


def open_source(path: Location, cache_root: Path) -> ByteSource:
    """Only the bytes of an archive. A plain tar needs no index for that, so this works without its cache.

    Raises:
        UserError: as `open_archive`.
    """
    if is_gzip(path):
        return open_archive(path, cache_root).source
    return open_bytes(path)


def read_exactly(source: ByteSource, offset: int, size: int) -> bytes:
    """The `size` bytes that begin at `offset`.

    Raises:
        ShortRead: the source has no such bytes, or the disk fails.
    """
    # Asked first: a size out of a damaged manifest must not allocate memory.
    if offset < 0 or size < 0 or offset + size > source.end:
        raise ShortRead("cut off: the archive ends before the photo does")
    try:
        data = source.read_at(offset, size)
    except OSError as error:
        raise ShortRead(f"the archive cannot be read there ({type(error).__name__})") from error
    if len(data) < size:
        raise ShortRead("cut off: the archive has become shorter")
    return data


def _load(path: Location, index: Path) -> Archive | None:
    loaded = load_table(index)
    if loaded is None:
        return None
    members, facts = loaded
    gzipped = facts["seek_index"] is not None and isinstance(path, Path)
    source = _load_gzip(path, index.with_suffix(".seek"), facts) if gzipped else open_bytes(path)
    return None if source is None else Archive(path, members, facts["skipped"], facts["truncated"], source)


def _load_gzip(path: Path, seek_index: Path, facts: dict[str, Any]) -> SeekableGzip | None:
    if not seek_index.exists() or file_digest(seek_index) != facts["seek_index"]:
        log.warning("%s is missing or damaged; it is made anew.", seek_index)
        return None
    return SeekableGzip(path, facts["end"], seek_index)
