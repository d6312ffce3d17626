"""The photos to classify: files, folders and archives, in the order in which they are named."""

import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

import pyarrow as pa

from ndsc.errors import UserError
from ndsc.storage.archive import UnreadableArchive, is_archive, open_archive
from ndsc.storage.photo_files import files_below
from ndsc.terminal import progress

log = logging.getLogger(__name__)

# `archive` is the path of the tar file, or of the photo itself: as bytes, since a file's name need not be UTF-8.
SCHEMA = pa.schema(
    [
        ("path", pa.string()),
        ("archive", pa.binary()),
        ("offset", pa.int64()),
        ("size", pa.int64()),
        ("reason", pa.string()),
    ]
)


def check_images(images: Sequence[str]) -> None:
    """Check that all paths exist.

    Raises:
        UserError: there are no paths, or one is missing.
    """
    missing = [image for image in images if not Path(image).expanduser().exists()]
    if missing or not images:
        raise UserError(
            "images= must name photos, folders or archives (.tar, .tar.gz, .tgz) that exist: one, or several as "
            f"'images=[one.jpg,folder]'. Received: {', '.join(missing) or 'none'}. Fix the paths."
        )


def find_prediction_inputs(images: Sequence[str], cache_root: Path) -> pa.Table:
    """Return one row for each file, with the columns path, archive, offset, size (bytes; null if it cannot be read) and
    reason (why it cannot be read, or empty).

    A folder gives all files below it except hidden ones, sorted folder by folder, and the members of its archives, in
    the archive's order. Every file counts, as the names of listings' photos often have no extension. The path of a
    member is its name in the archive, as in `train.csv`. An archive in a folder that cannot be read has one row, and a
    warning gives the reason.

    Raises:
        UserError: a path does not exist, an archive that is named itself cannot be read, or there are no files.
    """
    check_images(images)
    tables = [SCHEMA.empty_table()]
    with progress("listing files") as advance:
        for image in images:
            for table in _tables(Path(image).expanduser(), cache_root):
                advance(table.num_rows)
                tables.append(table)
    found = pa.concat_tables(tables)
    if found.num_rows == 0:
        raise UserError(f"images= must hold at least one file. Received: {', '.join(images)}, without any. Fix them.")
    return found


def _tables(path: Path, cache_root: Path) -> Iterator[pa.Table]:
    files, read = (files_below(path), _members_if_readable) if path.is_dir() else ([path], _members)
    for are_archives, group in groupby(files, lambda file: is_archive(file) and file.is_file()):
        if are_archives:
            for archive in group:
                yield read(archive, cache_root)
        else:
            yield _plain(group)


def _members(path: Path, cache_root: Path) -> pa.Table:
    with open_archive(path, cache_root) as archive:
        members = archive.members
        archive_path = pa.repeat(pa.scalar(_as_bytes(path), pa.binary()), members.num_rows)
        reason = pa.repeat(pa.scalar(""), members.num_rows)
        columns = [members.column("name"), archive_path, members.column("offset"), members.column("size"), reason]
        return pa.table(columns, schema=SCHEMA)


def _members_if_readable(path: Path, cache_root: Path) -> pa.Table:
    try:
        return _members(path, cache_root)
    except UnreadableArchive as error:
        log.warning("An archive is skipped. %s", error)
        return pa.table([[_shown(path)], [_as_bytes(path)], [0], [None], ["no readable archive"]], schema=SCHEMA)


def _plain(paths: Iterable[Path]) -> pa.Table:
    paths = list(paths)
    shown, archives = [_shown(path) for path in paths], [_as_bytes(path) for path in paths]
    sizes = [path.stat().st_size if path.is_file() else None for path in paths]
    reasons = ["not a regular file" if size is None else "" for size in sizes]
    return pa.table([shown, archives, [0] * len(paths), sizes, reasons], schema=SCHEMA)


def _shown(path: Path) -> str:
    return os.fsencode(path).decode("utf-8", "replace")


def _as_bytes(path: Path) -> bytes:
    return os.fsencode(os.path.abspath(path))
