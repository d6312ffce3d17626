"""Photos that lie in plain files: in a folder for each class, or named by a table."""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from ndsc.data.tables import add_columns, blank_to_null, column_names, read_table, require_columns
from ndsc.errors import UserError
from ndsc.terminal import progress

log = logging.getLogger(__name__)

EXTENSIONS = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp")
ABSENT = -1


def class_folders(root: Path) -> list[str]:
    """The names of the folders in `root`, sorted, each of which holds at least one photo that can be named.

    Raises:
        UserError: no such folder, no folders for classes in it, or a class without photos.
    """
    if not root.is_dir():
        raise UserError(
            f"data.root must be a folder with a folder of photos for each class. Received: {root}. Mend the path."
        )
    classes = sorted(entry.name for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    if not classes:
        raise UserError(f"data.root must hold a folder of photos for each class. Received: {root}, without folders.")
    empty = [ascii(name)[1:-1] if not _is_utf8(name) else name for name in classes if not _has_photos(root / name)]
    if empty:
        raise UserError(
            f"Every class folder must hold photos ({', '.join(EXTENSIONS)}) whose paths are UTF-8. Received: {root} "
            f"with nothing in {', '.join(empty)}. Fill, rename or remove these folders."
        )
    return classes


def read_folder(root: Path) -> pa.Table:
    """One row a photo below `root/<class>/`, sorted by path. Columns as in Catalogue; category is null.

    Photos whose path is not UTF-8 are passed over with a warning, since no table could name them.

    Raises:
        UserError: as `class_folders`.
    """
    classes = class_folders(root)
    paths, labels, unnamed = [], [], []
    with progress("listing files") as advance:
        for name in classes:
            for path in _photos_below(root / name):
                advance(1)
                if _is_utf8(path):
                    paths.append(path)
                    labels.append(name)
                else:
                    unnamed.append(os.fsencode(path.relative_to(root)))
    if unnamed:
        log.warning("%d photos are passed over because their names are not UTF-8, first %r", len(unnamed), unnamed[0])
    shown = [path.relative_to(root).as_posix() for path in paths]
    return _rows(shown, pa.array(labels, pa.string()), pa.nulls(len(paths), pa.string()), paths)


def read_photo_table(path: Path, image_column: str, label_column: str) -> pa.Table:
    """One row for each row of a CSV or Parquet file that names photos, relative to its own folder or absolute.

    Columns as in Catalogue, and all others of the table. Category is the table's, where it has one.

    Raises:
        UserError: the table or a column is missing, or no photo exists.
    """
    table = read_table(path, "data.table", text_columns=(image_column, label_column, "category"))
    require_columns(table.column_names, [image_column, label_column], "data.table")
    shown = [name or "" for name in table.column(image_column).to_pylist()]
    label, category = blank_to_null(table.column(label_column)), pa.nulls(table.num_rows, pa.string())
    if "category" in table.column_names:
        category = blank_to_null(table.column("category"))
    rows = _rows(shown, label, category, [path.parent / name for name in shown])
    if rows.column("offset").null_count == rows.num_rows:
        raise UserError(
            f"The column {image_column} of data.table must name photos, absolute or relative to {path.parent}. "
            f"Received: {shown[0] if shown else 'no rows'}, and none of the files that it names exists. Mend the paths."
        )
    further = [name for name in table.column_names if name not in (image_column, label_column, "category")]
    return add_columns(rows, table.select(further), "table")


def check_photo_table(path: Path, image_column: str, label_column: str) -> list[str]:
    """Look whether the table and its columns are there, reading no more than its header; returns its further columns.

    Raises:
        UserError: the table or a column is missing.
    """
    names = column_names(path, "data.table")
    require_columns(names, [image_column, label_column], "data.table")
    return [name for name in names if name not in (image_column, label_column, "category")]


def _photos_below(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if name.lower().endswith(EXTENSIONS) and not name.startswith("."):
                yield Path(parent, name)


def _has_photos(folder: Path) -> bool:
    return any(_is_utf8(path) for path in _photos_below(folder))


def _is_utf8(path: Path | str) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def _rows(shown: Sequence[str], label: pa.Array, category: pa.Array, paths: Sequence[Path]) -> pa.Table:
    with progress("finding files", total=len(paths)) as advance:
        sizes = np.array([_size(path, advance) for path in paths], np.int64)
    return pa.table(
        {
            "image_path": pa.array(shown, pa.string()),
            "label": label,
            "category": category,
            "archive": pa.array([os.path.abspath(path) for path in paths], pa.string()).dictionary_encode(),
            "offset": pa.array(np.zeros(len(paths), np.int64), mask=sizes == ABSENT),
            "size": pa.array(sizes, mask=sizes == ABSENT),
        }
    )


def _size(path: Path, advance: Callable[[int], None]) -> int:
    advance(1)
    try:
        return path.stat().st_size if path.is_file() else ABSENT
    except OSError:
        # A name too long for the file system, for instance.
        return ABSENT
