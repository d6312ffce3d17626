"""Photos in plain files: which files a folder holds, and which of them are photos."""

import os
from collections.abc import Iterator
from pathlib import Path

from ndsc.errors import UserError
from ndsc.storage.archive import is_archive
from ndsc.storage.image_header import BEGINNINGS

# A file with such a name is meant to be a photo, and is rejected with a reason where it is none.
EXTENSIONS = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp")
BEGINNING_BYTES = 12  # enough to recognize every format


def files_below(folder: Path) -> Iterator[Path]:
    """All files below a folder except hidden ones, sorted folder by folder. Links to folders are followed, except to
    a folder that contains the link.

    Raises:
        UserError: a folder cannot be read.
    """
    yield from _files_below(folder, (os.path.realpath(folder),))


def is_photo(path: Path) -> bool:
    """Whether a file is named like a photo or begins like one: photos from phones end in .jfif or nothing at all."""
    if path.name.lower().endswith(EXTENSIONS):
        return True
    # A reader would wait for ever at a pipe; an archive may begin with the name of a member, BMW/1.jpg.
    if is_archive(path) or not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return BEGINNINGS.match(file.read(BEGINNING_BYTES)) is not None
    except OSError:
        return False


def is_utf8(path: Path | str) -> bool:
    """Whether a path can be written into a table."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def _files_below(folder: Path, parents: tuple[str, ...]) -> Iterator[Path]:
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
        if (real := os.path.realpath(path)) not in parents:
            yield from _files_below(path, (*parents, real))
