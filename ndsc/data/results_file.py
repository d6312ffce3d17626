"""A results file in CSV or Parquet, written row by row, which gets its name when it is complete."""

import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from ndsc.caching.atomic import atomic_write
from ndsc.errors import UserError

SUFFIXES = (".csv", ".parquet")
# A Parquet file is read by row groups; with one batch in each it would consist mostly of headers.
ROWS_AT_ONCE = 4096


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
