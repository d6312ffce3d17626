"""Photos that lie in plain files: in a folder for each class, or named by a table."""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from ndsc.data.user_tables import add_columns, blank_to_null, column_names, read_table, require_columns
from ndsc.errors import UserError
from ndsc.storage.archive import is_archive
from ndsc.storage.image_header import BEGINNINGS
from ndsc.terminal import progress

log = logging.getLogger(__name__)

# What is called so is meant to be a photo, and rejected with a reason where it is none.
EXTENSIONS = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp")
BEGINNING_BYTES = 12  # as many as tell all formats
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
            "Every class folder must hold photos (JPEG, PNG, GIF, BMP or WebP) whose paths are UTF-8. Received: "
            f"{root} with nothing in {', '.join(empty)}. Fill, rename or remove these folders."
        )
    return classes


def read_folder(root: Path) -> pa.Table:
    """One row a photo below `root/<class>/`, sorted by path. Columns as in Catalogue; category is null.

    A photo is what is called one, or begins like one whatever it is called: photos from phones and browsers end in
    .jfif or nothing at all, and beside them lie notes and annotations. What is neither is passed over with a warning,
    and so are photos whose path is not UTF-8, since no table could name them.

    Raises:
        UserError: as `class_folders`.
    """
    classes = class_folders(root)
    paths, labels, unnamed, others = [], [], [], []
    with progress("listing files") as advance:
        for name in classes:
            for path in files_below(root / name):
                advance(1)
                if not _is_photo(path):
                    others.append(os.fsencode(path.relative_to(root)))
                elif _is_utf8(path):
                    paths.append(path)
                    labels.append(name)
                else:
                    unnamed.append(os.fsencode(path.relative_to(root)))
    if others:
        log.warning("%d files are passed over because they do not begin like photos, first %r", len(others), others[0])
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


def files_below(folder: Path) -> Iterator[Path]:
    """All files below a folder but hidden ones, sorted folder by folder. Links to folders are followed, except one to a
    folder that it lies in.

    Raises:
        UserError: a folder cannot be read.
    """
    yield from _files_below(folder, (os.path.realpath(folder),))


def _files_below(folder: Path, inside: tuple[str, ...]) -> Iterator[Path]:
    files, folders = [], []
    try:
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if not entry.name.startswith("."):
                    (folders if entry.is_dir() else files).append(Path(entry.path))
    except OSError as error:
        raise UserError(
            f"A folder of photos must be readable. Received: {folder}, which is not ({error.strerror}). Change its "
            "permissions, or leave it out."
        ) from error
    yield from files
    for path in folders:
        if (place := os.path.realpath(path)) not in inside:
            yield from _files_below(path, (*inside, place))


def _is_photo(path: Path) -> bool:
    if path.name.lower().endswith(EXTENSIONS):
        return True
    # A pipe would have its reader wait for ever; an archive may begin with the name of a member, BMW/1.jpg.
    if is_archive(path) or not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return BEGINNINGS.match(file.read(BEGINNING_BYTES)) is not None
    except OSError:
        return False


def _has_photos(folder: Path) -> bool:
    return any(_is_utf8(path) and _is_photo(path) for path in files_below(folder))


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
