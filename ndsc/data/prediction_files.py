"""The files of `python -m ndsc.predict`: the photos to classify, and the results in CSV or Parquet."""

import logging
import os
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from itertools import groupby
from pathlib import Path
from typing import IO, Any, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ndsc.caching.atomic import atomic_write
from ndsc.errors import UserError
from ndsc.storage.archive import UnreadableArchive, is_archive, open_archive
from ndsc.storage.photo_files import files_below, is_passed_over, log_passed_over
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
SUFFIXES = (".csv", ".parquet")
# A Parquet file is read by row groups; with one batch in each it would consist mostly of headers.
ROWS_AT_ONCE = 4096


def check_images(images: Sequence[str]) -> None:
    """Check that all paths exist.

    Raises:
        UserError: one is missing.
    """
    missing = [image for image in images if not Path(image).expanduser().exists()]
    if missing:
        raise UserError(
            "images= must name photos, folders or archives (.tar, .tar.gz, .tgz) that exist: one, or several as "
            f"'images=[one.jpg,folder]'. Received: {', '.join(missing)}. Fix the paths."
        )


def find_prediction_inputs(images: Sequence[str], cache_root: Path) -> pa.Table:
    """Return one row for each file, with the columns path, archive, offset, size (bytes; null if it cannot be read) and
    reason (why it cannot be read, or empty).

    A folder gives all files below it, sorted folder by folder, and the members of its archives, in the archive's order;
    hidden ones, and what operating systems and network disks add, are passed over. Every other file counts, as the
    names of listings' photos often have no extension. The path of a member is its name in the archive, as in
    `train.csv`. An archive in a folder that cannot be read has one row, and a warning gives the reason.

    Raises:
        UserError: a path does not exist, an archive that is named itself cannot be read, or there are no files.
    """
    check_images(images)
    tables = [SCHEMA.empty_table()]
    passed_over: Counter[str] = Counter()
    with progress("listing files") as advance:
        for image in images:
            for table in _tables(Path(image).expanduser(), cache_root, passed_over):
                advance(table.num_rows)
                tables.append(table)
    log_passed_over(passed_over)
    found = pa.concat_tables(tables)
    if found.num_rows == 0:
        raise UserError(f"images= must hold at least one file. Received: {', '.join(images)}, without any. Fix them.")
    return found


def _tables(path: Path, cache_root: Path, passed_over: Counter[str]) -> Iterator[pa.Table]:
    files, read = (files_below(path, passed_over), _members_if_readable) if path.is_dir() else ([path], _members)
    for are_archives, group in groupby(files, lambda file: is_archive(file) and file.is_file()):
        if are_archives:
            for archive in group:
                yield read(archive, cache_root, passed_over)
        else:
            yield _plain(group)


def _members(path: Path, cache_root: Path, passed_over: Counter[str]) -> pa.Table:
    with open_archive(path, cache_root) as archive:
        names = archive.members.column("name").to_pylist()
        members = archive.members.filter(
            pa.array([not is_passed_over(name, passed_over) for name in names], pa.bool_())
        )
        archive_path = pa.repeat(pa.scalar(_as_bytes(path), pa.binary()), members.num_rows)
        size = members.column("size")
        reason = pc.if_else(pc.is_null(size), "link to nothing in the archive", "")
        columns = [members.column("name"), archive_path, members.column("offset").fill_null(0), size, reason]
        return pa.table(columns, schema=SCHEMA)


def _members_if_readable(path: Path, cache_root: Path, passed_over: Counter[str]) -> pa.Table:
    try:
        return _members(path, cache_root, passed_over)
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


def check_results_file(path: Path, overwrite: bool) -> None:
    """Check that results can be written to a path.

    Raises:
        UserError: the name ends in neither .csv nor .parquet, its folder is missing, or the file exists.
    """
    if path.suffix.lower() not in SUFFIXES or not path.parent.is_dir():
        raise UserError(
            "output= must name a file that ends in .csv or .parquet, in a folder that exists. "
            f"Received: output={path}. Choose another name, or create the folder."
        )
    if path.exists() and not overwrite:
        raise UserError(
            f"output= must name a file that does not exist yet. Received: output={path}, which exists, and stays as it "
            "is. Choose another name, or set overwrite=true."
        )


class ResultsFile:
    """A context manager whose file appears when its block ends without an error, and not at all otherwise.

    Raises:
        UserError: see `check_results_file`; or the disk cannot be written.
    """

    def __init__(self, path: Path, schema: pa.Schema, overwrite: bool) -> None:
        check_results_file(path, overwrite)
        self._path, self._schema, self._overwrite = path, schema, overwrite
        self._waiting: list[pa.RecordBatch] = []

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows."""
        self._waiting.append(batch)
        if sum(batch.num_rows for batch in self._waiting) >= ROWS_AT_ONCE:
            self._flush()

    def __enter__(self) -> Self:
        with _as_user_error(self._path), ExitStack() as stack:
            self._temporary = stack.enter_context(atomic_write(self._path))
            self._file = stack.enter_context(self._temporary.open("xb"))
            kind = pq.ParquetWriter if self._path.suffix.lower() == ".parquet" else _CsvWriter
            self._writer = stack.enter_context(closing(kind(self._file, self._schema)))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        if error[0] is not None:
            # It does not matter whether a table that is discarded can be completed.
            with suppress(OSError):
                self._stack.__exit__(*error)
            return
        with _as_user_error(self._path), self._stack:
            self._flush()
            if self._path.exists() and not self._overwrite:
                self._save_beside()

    def _flush(self) -> None:
        with _as_user_error(self._path):
            self._writer.write_table(pa.Table.from_batches(self._waiting, self._schema))
        self._waiting = []

    def _save_beside(self) -> None:
        self._writer.close()
        self._file.close()
        beside = self._path.with_stem(f"{self._path.stem}-{secrets.token_hex(3)}")
        os.replace(self._temporary, beside)
        raise UserError(
            f"output= must name a file that does not exist yet. Received: output={self._path}, which another process "
            f"has created meanwhile, and which stays as it is. The results are in {beside}."
        )


class _CsvWriter:
    """The CSV counterpart of a ParquetWriter. Arrow's own writer of CSV quotes every text."""

    def __init__(self, file: IO[bytes], schema: pa.Schema) -> None:
        self._file = file
        schema.empty_table().to_pandas().to_csv(file, index=False)

    def write_table(self, table: pa.Table) -> None:
        table.to_pandas().to_csv(self._file, index=False, header=False)

    def close(self) -> None:
        pass


@contextmanager
def _as_user_error(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(
            f"output= must name a file that can be written. Received: output={path} ({error.strerror or error}). Free "
            "some space there, or choose another folder."
        ) from error
