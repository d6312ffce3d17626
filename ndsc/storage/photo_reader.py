"""Reading photos from archives and plain files, by several threads and ahead of need."""

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import groupby, starmap
from pathlib import Path
from typing import Self

from ndsc.process import map_ahead, usable_cores
from ndsc.storage.archive import ShortRead, is_archive, open_source, read_exactly
from ndsc.storage.byte_sources import ByteSource, PlainFile
from ndsc.storage.locations import location_of
from ndsc.storage.remote import CONCURRENT_READS, is_remote


class PhotoReader:
    """Reads photos from archives, which stay open, and from plain files. Any number of threads may read at once.

    The columns archive, offset and size of a catalogue or a manifest locate a photo.
    """

    def __init__(self, cache_root: Path) -> None:
        self._cache_root = cache_root
        self._sources: dict[str, ByteSource] = {}
        self._opening = threading.Lock()

    def read(self, archive: str, offset: int, size: int) -> bytes:
        """Return the `size` bytes at `offset` of an archive or a plain file.

        Raises:
            ShortRead: they cannot be read; the message is the reason, in a few words.
            UserError: there is no such archive.
        """
        if is_archive(archive):
            return read_exactly(self._source(archive), offset, size)
        try:
            with closing(PlainFile(Path(archive))) as source:
                return read_exactly(source, offset, size)
        except OSError as error:
            raise ShortRead(f"the file cannot be opened ({error.strerror})") from error

    def close(self) -> None:
        """Close the archives."""
        for source in self._sources.values():
            source.close()
        self._sources = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _source(self, archive: str) -> ByteSource:
        source = self._sources.get(archive)
        if source is not None:
            return source
        with self._opening:
            if archive not in self._sources:
                self._sources[archive] = open_source(location_of(archive), self._cache_root)
            return self._sources[archive]


def reads_at_once(archives: Iterable[object]) -> int:
    """Return the number of threads to read these archives with: the number of cores, or more where one is remote."""
    return CONCURRENT_READS if any(map(is_remote, set(archives))) else usable_cores()


def read_ahead(reader: PhotoReader, locations: Iterable[tuple[str, int, int]]) -> Iterator[bytes]:
    """Yield the bytes at each (archive, offset, size), in order. Those on a server are requested ahead of need.

    Raises:
        ShortRead: they cannot be read; the message is the reason, in a few words.
        UserError: an archive is missing, or its server stops answering.
    """
    with ThreadPoolExecutor(CONCURRENT_READS) as threads:
        for remote, group in groupby(locations, key=lambda location: is_remote(location[0])):
            if remote:
                yield from map_ahead(threads, lambda location: reader.read(*location), group, CONCURRENT_READS - 1)
            else:
                yield from starmap(reader.read, group)
