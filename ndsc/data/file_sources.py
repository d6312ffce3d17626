"""Sources whose photos lie in plain files: a folder for each class, or a table that names them."""

import logging
import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ndsc.data.user_tables import UserTable
from ndsc.errors import UserError
from ndsc.storage.photo_files import files_below, is_photo, is_utf8
from ndsc.terminal import progress

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FolderSource:
    """Photos in a folder for each class (see `ndsc.data.sources.Source`)."""

    root: Path

    def columns_beside(self, taken: Collection[str]) -> dict[str, str]:
        """Check the class folders; they bring no further columns.

        Raises:
            UserError: see `classes`.
        """
        del taken
        self.classes()
        return {}

    def files(self) -> list[Path]:
        """No files beside the photos."""
        return []

    def classes(self) -> list[str]:
        """Return the sorted names of the folders in the root, each of which holds at least one photo.

        Raises:
            UserError: no such folder, no class folders in it, or a class without photos.
        """
        root = self.root
        if not root.is_dir():
            raise UserError(
                f"data.root must be a folder with a folder of photos for each class. Received: {root}. Fix the path."
            )
        classes = sorted(entry.name for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("."))
        if not classes:
            raise UserError(
                f"data.root must hold a folder of photos for each class. Received: {root}, without folders. Fix the "
                "path, or sort the photos into folders."
            )
        empty = [ascii(name)[1:-1] if not is_utf8(name) else name for name in classes if not _has_photos(root / name)]
        if empty:
            raise UserError(
                "Every class folder must hold photos (JPEG, PNG, GIF, BMP or WebP) whose paths are UTF-8. Received: "
                f"{root} with nothing in {', '.join(empty)}. Fill, rename or remove these folders."
            )
        return classes

    def read(self) -> tuple[pa.Table, dict[str, int]]:
        """Return one row for each photo below `root/<class>/`, sorted by path; category is null.

        Files that are no photos are skipped with a warning, and so are photos whose path is not UTF-8, since no table
        could name them.

        Raises:
            UserError: see `classes`.
        """
        start = len(os.path.join(self.root, ""))
        photos, unnamed, others = [], [], []
        with progress("listing files") as advance:
            for path in chain.from_iterable(files_below(self.root / name) for name in self.classes()):
                advance(1)
                if not is_photo(path):
                    others.append(str(path)[start:])
                elif not is_utf8(path):
                    unnamed.append(str(path)[start:])
                else:
                    photos.append(str(path)[start:])
        _warn_skipped("files are skipped because they do not begin like photos", others)
        _warn_skipped("photos are skipped because their names are not UTF-8", unnamed)
        labels = pa.array([photo.split(os.sep, 1)[0] for photo in photos], pa.string())
        return _rows(self.root, pa.array(photos, pa.string()), labels, pa.nulls(len(photos), pa.string())), {}


@dataclass(frozen=True)
class TableSource:
    """Photos that a table names, relative to its own folder or absolute (see `ndsc.data.sources.Source`)."""

    path: Path
    image_column: str
    label_column: str

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
        rows = _rows(folder, shown, label, category)
        if rows.column("offset").null_count == rows.num_rows:
            raise UserError(
                f"The column {self.image_column} of data.table must name photos, absolute or relative to {folder}. "
                f"Received: {shown[0] if len(shown) else 'no rows'}, and none of the files that it names exists. Fix "
                "the paths."
            )
        return self.table.add_further(rows, self.table.further_columns(table)), {}


def _has_photos(folder: Path) -> bool:
    return any(is_utf8(path) and is_photo(path) for path in files_below(folder))


def _warn_skipped(reason: str, paths: Sequence[str]) -> None:
    if paths:
        log.warning("%d %s, first %r", len(paths), reason, os.fsencode(paths[0]))


def _rows(folder: Path, shown: pa.Array | pa.ChunkedArray, label: pa.Array, category: pa.Array) -> pa.Table:
    """Return the columns of the catalogue for photos in plain files, whose shown paths begin in `folder`."""
    paths = [os.path.abspath(os.path.join(folder, name)) for name in shown.to_pylist()]
    with progress("finding files", total=len(paths)) as advance:
        sizes = pa.array((_size(path, advance) for path in paths), pa.int64())
    return pa.table(
        {
            "image_path": shown,
            "label": label,
            "category": category,
            "archive": pa.array(paths, pa.string()).dictionary_encode(),
            "offset": pc.multiply(sizes, 0),
            "size": sizes,
        }
    )


def _size(path: str, advance: Callable[[int], None]) -> int | None:
    advance(1)
    try:
        return os.path.getsize(path) if os.path.isfile(path) else None
    except OSError:  # removed meanwhile
        return None
