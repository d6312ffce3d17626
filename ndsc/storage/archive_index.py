"""Making the index of an archive: its headers read once, and for a gzip file the places to start unpacking at."""

import logging
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ndsc.caching.tables import file_digest, save_table, written_whole
from ndsc.errors import UserError
from ndsc.storage.byte_sources import SEEK_STEP, GzipStream, SeekableGzip
from ndsc.storage.locations import MEGABYTE, LargeBlocks, Location, location_signature, open_bytes
from ndsc.storage.remote import RemotePath
from ndsc.storage.tar_scan import Scan, scan_members
from ndsc.terminal import progress

log = logging.getLogger(__name__)

GZIP = b"\x1f\x8b"


class UnreadableArchive(UserError):
    """An archive that is damaged from its beginning, empty or not to be read; others may be sound."""


def build_index(path: Location, index: Path, signature: str) -> None:
    """Index the archive at `path`, whose signature this is, into the file `index` (and one beside it when gzipped).

    Raises:
        UnreadableArchive: it is no tar file, or changed meanwhile.
        UserError: the cache cannot be written.
    """
    start, size = _start(path)
    log.info("indexing %s (%.1f GB) into %s, once", path, size / 1e9, index.parent)
    gzipped = start.startswith(GZIP)
    scan, end = _scan_gzip(_on_disk(path), size) if gzipped else _scan_plain(path)
    if scan.members.num_rows == 0:
        raise UnreadableArchive(
            f"A tar file, plain or gzipped, with at least one photo was expected. Received: {path}, {size:,} bytes "
            f"that begin with {start!r}. Download it again, or turn it into a .tar."
        )
    facts = {"skipped": scan.skipped, "truncated": scan.truncated, "end": end, "seek_index": None}
    if gzipped:
        facts["seek_index"] = _save_seek_index(_on_disk(path), end, index.with_suffix(".seek"))
    if location_signature(path) != signature:
        raise UnreadableArchive(
            f"An archive at rest was expected. Received: {path}, which changed while it was being indexed. Wait "
            "until it is complete."
        )
    save_table(index, scan.members, facts)
    _tell(path, scan)


def is_gzip(path: Location) -> bool:
    """Whether the file's first bytes are gzip's, whatever its name.

    Raises:
        UnreadableArchive: the file cannot be read.
    """
    return _start(path)[0].startswith(GZIP)


def _start(path: Location) -> tuple[bytes, int]:
    """The file's first bytes, and how many it has."""
    try:
        with closing(open_bytes(path)) as source:
            return source.read_at(0, 16), source.end
    except OSError as error:
        raise UnreadableArchive(
            f"A readable archive was expected. Received: {path} ({error.strerror}). Mend the path or its permissions."
        ) from error


def _on_disk(path: Location) -> Path:
    if isinstance(path, RemotePath):
        raise UnreadableArchive(
            "An archive on a server must be a plain .tar: out of a gzip file every photo would cost the megabytes that "
            f"come before it. Received: {path}, which is gzipped. Unpack it there (gunzip gives the .tar), or put it "
            "on a disk."
        )
    return path


def _scan_plain(path: Location) -> tuple[Scan, int]:
    whole = open_bytes(path)
    # Headers lie a photo apart: on a disk they are read one by one, from a server with all that lies between them.
    source = LargeBlocks(whole) if isinstance(path, RemotePath) else whole
    with closing(source), _positions(f"indexing {path.name}", source.end) as reached:
        return scan_members(source, reached), source.end


def _scan_gzip(path: Path, size: int) -> tuple[Scan, int]:
    with closing(GzipStream(path)) as source, _positions(f"indexing {path.name}", size) as reached:
        scan = scan_members(source, lambda _: reached(source.compressed_position))
        return Scan(scan.members, scan.skipped, scan.truncated or not source.whole), source.end


def _save_seek_index(path: Path, end: int, seek_index: Path) -> str:
    """Unpacks the archive a second time: no library makes the index out of a stream that also yields the bytes."""
    with closing(SeekableGzip(path, end)) as source, _positions(f"seek index of {path.name}", end) as reached:
        for offset in range(SEEK_STEP, end + SEEK_STEP, SEEK_STEP):
            if not source.extend_seek_index(min(offset, end)):
                break
            reached(min(offset, end))
        with written_whole(seek_index) as temporary:
            source.save_seek_index(temporary)
            digest = file_digest(temporary)
    return digest


@contextmanager
def _positions(step: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar to be told the position reached. It moves by megabytes, for every photo tells one."""
    done = 0
    with progress(step, total, "bytes") as advance:

        def reached(position: int) -> None:
            nonlocal done
            if position - done >= MEGABYTE or position == total:
                advance(position - done)
                done = position

        yield reached
        reached(total)


def _tell(path: Location, scan: Scan) -> None:
    passed_over = "".join(f", {count:,} {kind} passed over" for kind, count in scan.skipped.items())
    log.info("%s: %s photos%s", path.name, f"{scan.members.num_rows:,}", passed_over)
    if scan.truncated:
        log.warning("%s is cut off or damaged; its %s whole photos are used.", path, f"{scan.members.num_rows:,}")
