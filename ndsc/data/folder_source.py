"""Photos in a folder for each class: plain files, or the members of an archive."""

import logging
import os
import posixpath
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from ndsc.data.file_sources import rows_of_files
from ndsc.errors import UserError
from ndsc.storage.archive import is_archive, open_archive
from ndsc.storage.locations import Location
from ndsc.storage.photo_files import (
    BEGINNING_BYTES,
    files_below,
    is_passed_over,
    is_photo,
    is_photo_file,
    is_utf8,
    log_passed_over,
)
from ndsc.terminal import progress

log = logging.getLogger(__name__)

# The sides of a split that top folders of these names stand for, if every top folder has such a name.
SIDES = {"train": "train", "val": "validation", "valid": "validation", "validation": "validation", "test": "test"}
# The count of these photos among the facts of a catalogue.
SPLIT_BY_FOLDER = "split_by_folder"


@dataclass(frozen=True)
class FolderSource:
    """Photos in a folder for each class (see `ndsc.data.sources.Source`), below a folder or in an archive.

    Where the top folders are the sides of a split (train, val, …) that share class folders, the classes are the folders
    below them, and the column `split` holds the sides.
    """

    root: Location
    cache_root: Path

    @property
    def in_archives(self) -> bool:
        """Whether the photos are in an archive."""
        return is_archive(self.root)

    def columns_beside(self, taken: Collection[str]) -> dict[str, str]:
        """Check the class folders, or that the archive exists; return the column `split` where it is possible.

        Raises:
            UserError: see `class_folders`.
        """
        del taken
        if self.in_archives and self.root.is_file():
            return {"split": "split"}
        return {"split": "split"} if "/" in self.class_folders()[0] else {}

    def files(self) -> list[Location]:
        """Return the archive. There are no files beside photos in plain files."""
        return [self.root] if self.in_archives else []

    def class_folders(self) -> list[str]:
        """Return the sorted paths of the class folders below the root. Each class has at least one photo.

        Raises:
            UserError: no such folder, no class folders in it, or a class without photos.
        """
        root = self.root
        if not isinstance(root, Path) or not root.is_dir():
            raise UserError(
                "data.root must be a folder with a folder of photos for each class, or an archive of one. Received: "
                f"{root}. Fix the path."
            )
        folders = _class_folders(lambda folder: _folders_in(root / folder), root)
        filled = {_label(folder) for folder in folders if _has_photos(root / folder)}
        empty = [name if is_utf8(name) else ascii(name)[1:-1] for name in folders if _label(name) not in filled]
        if empty:
            raise UserError(
                "Every class folder must hold photos (JPEG, PNG, GIF, BMP or WebP) whose paths are UTF-8. Received: "
                f"{root} with nothing in {', '.join(empty)}. Fill, rename or remove these folders."
            )
        return folders

    def read(self) -> tuple[pa.Table, dict[str, int]]:
        """Return one row for each photo below its class folder, in the order of the files; category is null.

        What is no photo is skipped with a warning, and so are photos in no class folder, and those whose path is not
        UTF-8, since no table could name them. What operating systems and network disks add is passed over and counted.

        Raises:
            UserError: see `class_folders`.
        """
        passed_over: Counter[str] = Counter()
        located, paths = self._members(passed_over) if self.in_archives else self._files(passed_over)
        folders = _class_folders(lambda folder: _folders_among(paths, folder), self.root)
        depth = folders[0].count("/") + 1
        parts = [path.split("/") for path in paths]
        outside = [path for path, names in zip(paths, parts, strict=True) if len(names) <= depth]
        _warn_skipped("photos are skipped because they are in no class folder", outside)
        log_passed_over(passed_over)
        photos = located.filter(pa.array([len(names) > depth for names in parts]))
        parts = [names for names in parts if len(names) > depth]
        labels = pa.array([_label(names[depth - 1]) for names in parts], pa.string())
        photos = photos.add_column(1, "label", labels).add_column(2, "category", pa.nulls(len(parts), pa.string()))
        facts = {"passed_over": passed_over.total(), "in_no_class_folder": len(outside)}
        if depth == 2:
            photos = photos.append_column("split", pa.array([SIDES[names[0].lower()] for names in parts], pa.string()))
            facts[SPLIT_BY_FOLDER] = len(parts)
        return photos, facts

    def _files(self, passed_over: Counter[str]) -> tuple[pa.Table, list[str]]:
        """Return the photos in plain files, and their paths below the root."""
        self.class_folders()
        start = len(os.path.join(self.root, ""))
        photos, unnamed, others = [], [], []
        with progress("listing files") as advance:
            for path in files_below(Path(str(self.root)), passed_over):
                advance(1)
                found = others if not is_photo_file(path) else photos if is_utf8(path) else unnamed
                found.append(str(path)[start:])
        _warn_skipped("files are skipped because they do not begin like photos", others)
        _warn_skipped("photos are skipped because their names are not UTF-8", unnamed)
        return rows_of_files(Path(str(self.root)), pa.array(photos, pa.string())), photos

    def _members(self, passed_over: Counter[str]) -> tuple[pa.Table, list[str]]:
        """Return the photos in the archive, and their paths below its class folders' folder."""
        with open_archive(self.root, self.cache_root) as archive:
            members, source = archive.members.rename_columns(["image_path", "offset", "size"]), archive.source
            named = enumerate(zip(members["image_path"].to_pylist(), members["offset"].to_pylist(), strict=True))
            visible = [found for found in named if not is_passed_over(found[1][0], passed_over)]
            rows = [
                row for row, (name, at) in visible if is_photo(name, lambda at=at: source.read_at(at, BEGINNING_BYTES))
            ]
        photos = members.take(pa.array(rows, pa.int64()))
        archives = pa.repeat(pa.scalar(str(self.root)), len(rows)).dictionary_encode()
        return photos.add_column(1, "archive", archives), _unwrapped(photos["image_path"].to_pylist())


def _class_folders(inside: Callable[[str], list[str]], root: Location) -> list[str]:
    """Return the paths of the class folders. `inside` returns the names of the folders in a folder, by its path."""
    folders = inside("")
    if not folders:
        raise UserError(
            f"data.root must hold a folder of photos for each class. Received: {root}, without folders. Fix the path, "
            "or sort the photos into folders."
        )
    if all(folder.lower() in SIDES for folder in folders):
        inner = {folder: inside(folder) for folder in folders}
        with_classes = [set(names) for names in inner.values() if names]
        if with_classes and set.intersection(*with_classes):
            return [f"{folder}/{name}" for folder, names in inner.items() for name in names]
    return folders


def _folders_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not is_passed_over(entry.name))


def _folders_among(paths: Iterable[str], folder: str) -> list[str]:
    start = f"{folder}/" if folder else ""
    inside = (path[len(start) :] for path in paths if path.startswith(start))
    return sorted({path.partition("/")[0] for path in inside if "/" in path})


def _unwrapped(names: Iterable[str]) -> list[str]:
    """Return the paths of members below the folder of the class folders: archives often begin with one more folder."""
    paths = [posixpath.normpath(name).lstrip("/") for name in names]
    while len({path.partition("/")[0] for path in paths}) == 1 and any(path.count("/") > 1 for path in paths):
        paths = [path.partition("/")[2] for path in paths]
    return paths


def _label(folder: str) -> str:
    return unicodedata.normalize("NFC", folder.rpartition("/")[2].strip())


def _has_photos(folder: Path) -> bool:
    return any(is_utf8(path) and is_photo_file(path) for path in files_below(folder))


def _warn_skipped(reason: str, paths: Sequence[str]) -> None:
    if paths:
        log.warning("%d %s, first %r", len(paths), reason, os.fsencode(paths[0]))
