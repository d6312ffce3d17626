"""Archives whose photos are read in place: indexed once into the cache, never unpacked.

No archive can make this code write anywhere: the names of members are only ever compared.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import pyarrow as pa

from ndsc.caching.atomic import atomic_cache_write
from ndsc.caching.digests import file_digest
from ndsc.caching.tables import load_table, save_table
from ndsc.errors import UserError
from ndsc.storage.byte_sources import SEEK_STEP, ByteSource, ForwardStream, GzipStream, SeekableGzip
from ndsc.storage.locations import Location, location_of, location_signature, open_bytes, read_large_blocks
from ndsc.storage.remote import RemotePath
from ndsc.storage.tar_scan import Scan, resolve_links, scan_members
from ndsc.terminal import progress

log = logging.getLogger(__name__)

SUFFIXES = (".tar", ".tar.gz", ".tgz")
GZIP = b"\x1f\x8b"
# An index that was made by other rules is made again.
RULES = 2


class ShortRead(Exception):
    """Fewer bytes than requested could be read. The message gives the reason, fit for the list of rejected photos."""


class UnreadableArchive(UserError):
    """An archive that is missing, empty, or damaged from its beginning; others may be sound."""


@dataclass(frozen=True)
class Archive:
    """An open archive. `members` has the columns name, offset and size (bytes) of the regular files and the links to
    them, in the archive's order, null for a link to nothing in the archive; `skipped` counts the others, by kind;
    `truncated`: its end is missing or damaged."""

    path: Location
    members: pa.Table
    skipped: dict[str, int]
    truncated: bool
    source: ByteSource

    def close(self) -> None:
        """Close the file."""
        self.source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def is_archive(path: Location | str) -> bool:
    """Whether the name is that of an archive: .tar, .tar.gz or .tgz."""
    return str(path).lower().endswith(SUFFIXES)


def open_archive(path: Location, cache_root: Path) -> Archive:
    """Open a tar file, gzipped or not, by its index in the cache. A new or changed archive is indexed first.

    Raises:
        UnreadableArchive: it is missing, no tar file, or changes while it is indexed.
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
        raise UserError(
            f"A cache on an intact disk was expected. Received: {index}, which cannot be read back. Check the disk, or "
            "set another cache.root."
        )
    return opened


def open_source(path: Location, cache_root: Path) -> ByteSource:
    """Open the bytes of an archive. A plain tar needs no index for that, so this works without its cache.

    Raises:
        UserError: see `open_archive`.
    """
    if _start(path)[0].startswith(GZIP):
        return open_archive(path, cache_root).source
    return open_bytes(path)


def read_exactly(source: ByteSource, offset: int, size: int) -> bytes:
    """Return the `size` bytes that begin at `offset`. Any number of threads may read at once.

    Raises:
        ShortRead: the source has no such bytes, or the disk fails.
    """
    # Checked first: a size in a damaged manifest must not allocate memory.
    if offset < 0 or size < 0 or offset + size > source.end:
        raise ShortRead("cut off: the archive ends before the photo does")
    try:
        data = source.read_at(offset, size)
    except OSError as error:
        raise ShortRead(f"the archive cannot be read there ({type(error).__name__})") from error
    if len(data) < size:
        raise ShortRead("cut off: the archive has become shorter")
    return data


def build_index(path: Location, index: Path, signature: str) -> None:
    """Index the archive at `path`, which has this signature, into the file `index` (and one beside it when gzipped).

    Raises:
        UnreadableArchive: it is no tar file, or changes meanwhile.
        UserError: the cache cannot be written.
    """
    start, size = _start(path)
    log.info("indexing %s (%.1f GB) into %s, once", path, size / 1e9, index.parent)
    gzip_path = _on_disk(path) if start.startswith(GZIP) else None
    scan = _scan_plain(path, size) if gzip_path is None else _scan_gzip(gzip_path, size)
    if scan.members.num_rows == 0:
        raise UnreadableArchive(
            f"A tar file, plain or gzipped, with at least one photo was expected. Received: {path}, {size:,} bytes "
            f"that begin with {start!r}. Download it again, or convert it to a .tar."
        )
    if scan.links:
        members, counts = resolve_links(scan.members, scan.links)
        scan = replace(scan, members=members, skipped=scan.skipped | counts)
    facts = {"rules": RULES, "skipped": scan.skipped, "truncated": scan.truncated, "end": scan.end, "seek_index": None}
    if gzip_path is not None:
        facts["seek_index"] = _save_seek_index(gzip_path, scan.end, index.with_suffix(".seek"))
    if location_signature(path) != signature:
        raise UnreadableArchive(
            f"A complete archive was expected. Received: {path}, which changed while it was being indexed. Wait until "
            "it is complete."
        )
    save_table(index, scan.members, facts)
    _log_scan(path, scan)


def _load(path: Location, index: Path) -> Archive | None:
    loaded = load_table(index)
    if loaded is None:
        return None
    members, facts = loaded
    if facts.get("rules") != RULES:
        return None
    if facts["seek_index"] is None:
        source = open_bytes(path)
    else:
        seek_index = index.with_suffix(".seek")
        if not seek_index.exists() or file_digest(seek_index) != facts["seek_index"]:
            log.warning("%s is missing or damaged; it is built again.", seek_index)
            return None
        source = SeekableGzip(_on_disk(path), facts["end"], seek_index)
    return Archive(path, members, facts["skipped"], facts["truncated"], source)


def _start(path: Location) -> tuple[bytes, int]:
    """The file's first bytes, and its size."""
    try:
        with closing(open_bytes(path)) as source:
            return source.read_at(0, 16), source.end
    except OSError as error:
        raise UnreadableArchive(
            f"A readable archive was expected. Received: {path} ({error.strerror}). Fix the path or its permissions."
        ) from error


def _on_disk(path: Location) -> Path:
    if isinstance(path, RemotePath):
        raise UnreadableArchive(
            "An archive on a server must be a plain .tar: in a gzip file every photo costs the megabytes before it. "
            f"Received: {path}, which is gzipped. Unpack it there (gunzip gives the .tar), or copy it to a disk."
        )
    return path


def _scan_plain(path: Location, size: int) -> Scan:
    with _progress(f"indexing {path.name}", size) as reached:
        # On a disk, headers are read one by one; from a server, together with all that is between them.
        if isinstance(path, RemotePath):
            with closing(read_large_blocks(path)) as blocks:
                return scan_members(ForwardStream(blocks), reached)
        with closing(open_bytes(path)) as source:
            return scan_members(source, reached)


def _scan_gzip(path: Path, size: int) -> Scan:
    with closing(GzipStream(path)) as source, _progress(f"indexing {path.name}", size) as reached:
        scan = scan_members(source, lambda _: reached(source.compressed_position))
        return replace(scan, truncated=scan.truncated or not source.whole)


def _save_seek_index(path: Path, end: int, seek_index: Path) -> str:
    """Unpack the archive a second time: no library builds the index from a stream that also yields the bytes."""
    with closing(SeekableGzip(path, end)) as source, _progress(f"seek index of {path.name}", end) as reached:
        for offset in range(SEEK_STEP, end + SEEK_STEP, SEEK_STEP):
            if not source.extend_seek_index(min(offset, end)):
                break
            reached(min(offset, end))
        with atomic_cache_write(seek_index) as temporary:
            source.save_seek_index(temporary)
            digest = file_digest(temporary)
    return digest


@contextmanager
def _progress(step: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar that takes positions."""
    done = 0
    with progress(step, total, "bytes") as advance:

        def reached(position: int) -> None:
            nonlocal done
            advance(position - done)
            done = position

        yield reached
        reached(total)


def _log_scan(path: Location, scan: Scan) -> None:
    skipped = "".join(f", {count:,} {kind} skipped" for kind, count in scan.skipped.items() if count)
    log.info("%s: %s photos%s", path.name, f"{scan.members.num_rows:,}", skipped)
    if scan.truncated:
        log.warning("%s is cut off or damaged; its %s whole photos are used.", path, f"{scan.members.num_rows:,}")
