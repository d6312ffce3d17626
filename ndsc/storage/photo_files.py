"""Photos in plain files: which files a folder holds, and which of them are photos."""

import io
import logging
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from ndsc.errors import UserError
from ndsc.storage.archive import is_archive
from ndsc.storage.image_header import BEGINNINGS

log = logging.getLogger(__name__)

MOST_SHOWN = 5
# A file with such a name is meant to be a photo, and is rejected with a reason where it is none.
EXTENSIONS = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp")
BEGINNING_BYTES = 12  # enough to recognize every format

# Folders and files that operating systems, network disks and photo managers put among photos: thumbnails, waste bins,
# snapshots.
CLUTTER = re.compile(
    r"@eadir|@tmp|@__thumb|@synoresource|[@#]recycle|[@#~](recently-)?snapshot|\$recycle\.bin|__macosx|lost\+found|"
    r"(eh)?thumbs(_vista)?\.db|desktop\.ini|icon\r|system volume information|network trash folder|temporary items",
    re.IGNORECASE,
)


def files_below(folder: Path, passed_over: Counter[str] | None = None) -> Iterator[Path]:
    """All files below a folder except those that are passed over, sorted folder by folder. Links to folders are
    followed, except to a folder that contains the link.

    Args:
        passed_over: see `is_passed_over`.

    Raises:
        UserError: a folder cannot be read.
    """
    yield from _files_below(folder, (os.path.realpath(folder),), passed_over)


def is_passed_over(path: str, passed_over: Counter[str] | None = None) -> bool:
    """Whether a part of a relative path is hidden or clutter. Clutter is counted in `passed_over` by its name."""
    for part in path.split("/"):
        if CLUTTER.fullmatch(part):
            if passed_over is not None:
                passed_over[part] += 1
            return True
        if part.startswith(".") and part not in (".", ".."):
            return True
    return False


def log_passed_over(passed_over: Counter[str]) -> None:
    """Log what was passed over, if anything was."""
    if passed_over:
        names = ", ".join(f"{count:,} {name}" for name, count in passed_over.most_common(MOST_SHOWN))
        log.info("passed over what operating systems and network disks add: %s", names)


def is_photo(name: str, beginning: Callable[[], bytes]) -> bool:
    """Whether a file is named like a photo or begins like one: photos from phones end in .jfif or nothing at all.

    Args:
        beginning: returns its first bytes.
    """
    if name.lower().endswith(EXTENSIONS):
        return True
    # An archive may begin with the name of a member, BMW/1.jpg.
    return not is_archive(name) and BEGINNINGS.match(beginning()) is not None


def is_photo_file(path: Path) -> bool:
    """Whether a file on a disk is a photo (see `is_photo`)."""

    def beginning() -> bytes:
        try:
            # A reader would wait for ever at a pipe.
            with path.open("rb") if path.is_file() else io.BytesIO() as file:
                return file.read(BEGINNING_BYTES)
        except OSError:
            return b""

    return is_photo(path.name, beginning)


def find_file(folder: Path, name: str) -> Path:
    """Return the path of a file whose name may be spelled differently on the disk; the exact name comes first.

    A file that is missing under all spellings has the path of its name.
    """
    plain = name.replace("\\", "/")
    spellings = [name]
    for path in (plain, unicodedata.normalize("NFC", plain), unicodedata.normalize("NFD", plain)):
        stem, ending = os.path.splitext(path)
        spellings += [path, stem + ending.lower(), stem + ending.upper()] if ending else [path, f"{path}.jpg"]
    paths = [os.path.abspath(folder / spelling) for spelling in dict.fromkeys(spellings)]
    return Path(next(filter(os.path.isfile, paths), paths[0]))


def is_utf8(path: Path | str) -> bool:
    """Whether a path can be written into a table."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def _files_below(folder: Path, parents: tuple[str, ...], passed_over: Counter[str] | None) -> Iterator[Path]:
    files, folders = [], []
    try:
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if not is_passed_over(entry.name, passed_over):
                    (folders if entry.is_dir() else files).append(Path(entry.path))
    except OSError as error:
        raise UserError(
            f"A folder of photos must be readable. Received: {folder}, which is not ({error.strerror}). Change its "
            "permissions, or leave it out."
        ) from error
    yield from files
    for path in folders:
        if (real := os.path.realpath(path)) not in parents:
            yield from _files_below(path, (*parents, real), passed_over)
