"""Photos in plain files, and tables that name them."""

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ndsc.data.user_tables import UserTable
from ndsc.errors import UserError
from ndsc.terminal import progress


@dataclass(frozen=True)
class TableSource:
    """Photos that a table names, relative to its own folder or absolute (see `ndsc.data.sources.Source`)."""

    path: Path
    image_column: str
    label_column: str

    @property
    def in_archives(self) -> bool:
        """Whether the photos are in an archive."""
        return False

    @property
    def table(self) -> UserTable:
        """The table. Its column `category` is the catalogue's."""
        required = (self.image_column, self.label_column)
        return UserTable(self.path, "data.table", required, ("category",), prefix="table")

    def columns_beside(self, taken: Collection[str]) -> dict[str, str]:
        """See `UserTable.columns_beside`."""
        return self.table.columns_beside(taken)

    def files(self) -> list[Path]:
        """Return the table itself."""
        return [self.path]

    def read(self) -> tuple[pa.Table, dict[str, int]]:
        """Return one row for each row of the table, with all of its further columns.

        Raises:
            UserError: the table or a column is missing, or none of the photos exists.
        """
        table = self.table.read()
        shown = table.column(self.image_column).fill_null("")
        label, category = table.column(self.label_column), pa.nulls(table.num_rows, pa.string())
        if "category" in table.column_names:
            category = table.column("category")
        folder = self.path.parent
        rows = rows_of_files(folder, shown).add_column(1, "label", label).add_column(2, "category", category)
        if rows.column("offset").null_count == rows.num_rows:
            raise UserError(
                f"The column {self.image_column} of data.table must name photos, absolute or relative to {folder}. "
                f"Received: {shown[0] if len(shown) else 'no rows'}, and none of the files that it names exists. Fix "
                "the paths."
            )
        return self.table.add_further(rows, self.table.further_columns(table)), {}


def rows_of_files(folder: Path, shown: pa.Array | pa.ChunkedArray) -> pa.Table:
    """Return the columns image_path, archive, offset and size of the catalogue for photos in plain files.

    Args:
        shown: their paths, which begin in `folder` where they are relative.
    """
    paths = [os.path.abspath(os.path.join(folder, name)) for name in shown.to_pylist()]
    with progress("finding files", total=len(paths)) as advance:
        sizes = pa.array((_size(path, advance) for path in paths), pa.int64())
    archive = pa.array(paths, pa.string()).dictionary_encode()
    return pa.table({"image_path": shown, "archive": archive, "offset": pc.multiply(sizes, 0), "size": sizes})


def _size(path: str, advance: Callable[[int], None]) -> int | None:
    advance(1)
    try:
        return os.path.getsize(path) if os.path.isfile(path) else None
    except OSError:  # removed meanwhile
        return None
