"""Maintenance of the feature cache: list its content, verify it, and delete from it."""

import errno
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ndsc.caching.atomic import write_at
from ndsc.caching.locks import CLAIM, unclaimed
from ndsc.features.store import fingerprint as fingerprints
from ndsc.features.store.feature_store import FILLING, FOLDER
from ndsc.features.store.segments import INDEX, RECORD, ROWS, SegmentReader, checksums, read_records

OUR_FILES = re.compile(
    rf"{CLAIM}|{FILLING}|{re.escape(fingerprints.FILE_NAME)}"
    rf"|\.?{re.escape(fingerprints.FILE_NAME)}\.[0-9a-f]+\.tmp"
    rf"|\d+-[0-9a-f]{{8}}-[0-9a-f]{{8}}({re.escape(INDEX)}|{re.escape(ROWS)})"
)


@dataclass(frozen=True)
class CachedFeatures:
    """The folder of one fingerprint: its size in bytes, and when it was last opened, in seconds since 1970."""

    folder: Path
    fingerprint: Mapping[str, Any]
    row_type: np.dtype
    photos: int
    views: int
    rows: int
    bytes: int
    used: float


@dataclass(frozen=True)
class Damage:
    """The numbers `rows` (n,) int64 of the damaged rows of a segment, out of `total`."""

    index: Path
    rows: np.ndarray
    total: int


def survey(cache_root: Path) -> tuple[list[CachedFeatures], list[Path]]:
    """Return the features under `cache_root`, last used first, and the paths beside them that no store has written."""
    root = cache_root / FOLDER
    if root.is_symlink():
        return [], [root]  # It may point anywhere, and what is listed first may be deleted.
    described = {path: _describe(path) for path in sorted(root.iterdir())} if root.is_dir() else {}
    found = sorted(filter(None, described.values()), key=lambda features: -features.used)
    return found, [path for path, features in described.items() if features is None]


def size(path: Path) -> int:
    """Return the size of the files below `path` in bytes. Links are not followed."""
    if path.is_symlink() or not path.is_dir():
        return path.lstat().st_size
    return sum(size(entry) for entry in path.iterdir())


def find_damage(features: CachedFeatures, advance: Callable[[int], None]) -> Iterator[Damage]:
    """Verify the checksum of every row. `advance` receives the number of rows. Raises OSError."""
    for index in sorted(features.folder.glob(f"*{INDEX}")):
        reader = SegmentReader(index, features.row_type)
        _, records = reader.new_records()
        numbers = np.flatnonzero(_is_present(records))
        damaged = []
        for part in (numbers[start : start + 1000] for start in range(0, len(numbers), 1000)):
            rows = (reader.rows[row : row + 1] for row in part.tolist())
            damaged.append(part[checksums(records["key"][part], rows) != records["checksum"][part]])
            advance(len(part))
        if sum(map(len, damaged)):
            yield Damage(index, np.concatenate(damaged), len(numbers))


def discard(found: Damage) -> bool:
    """Overwrite the records of damaged rows with zeros, so that they are computed again. Return False if in use.

    Raises OSError.
    """
    with unclaimed(found.index.parent) as is_free:
        if is_free:
            with found.index.open("r+b") as stream:
                for row in found.rows.tolist():
                    write_at(stream.fileno(), memoryview(bytes(RECORD.itemsize)), row * RECORD.itemsize)
    return is_free


def remove(features: CachedFeatures, dry_run: bool = False) -> bool:
    """Delete the folder of a fingerprint, unless `dry_run`. Return False if it is in use. Raises OSError."""
    with unclaimed(features.folder) as is_free:
        if is_free and not dry_run:
            # The claim comes last: a process that opens the store now waits for it and creates a new folder.
            last = (fingerprints.FILE_NAME, CLAIM)
            for path in sorted(features.folder.iterdir(), key=lambda path: (path.name in last, path.name)):
                path.unlink()
            try:
                features.folder.rmdir()
            except OSError as error:
                if error.errno != errno.ENOTEMPTY:  # Another process has created the store again.
                    raise
    return is_free


def _describe(folder: Path) -> CachedFeatures | None:
    """Return None for a folder that is not exactly what this version writes, which is left alone."""
    if folder.is_symlink() or not folder.is_dir() or (description := fingerprints.read(folder)) is None:
        return None
    if not all(OUR_FILES.fullmatch(path.name) and path.is_file() for path in folder.iterdir()):
        return None
    records = np.concatenate([np.empty(0, RECORD), *map(read_records, folder.glob(f"*{INDEX}"))])
    keys = records["key"][_is_present(records)]
    claim = folder / CLAIM
    return CachedFeatures(
        folder=folder,
        fingerprint=description["fingerprint"],
        row_type=fingerprints.row_dtype(description["shape"], description["dtype"]),
        photos=len(np.unique(keys["content"])),
        views=len(np.unique(keys["view"])),
        rows=len(keys),
        bytes=size(folder),
        used=(claim if claim.exists() else folder).stat().st_mtime,
    )


def _is_present(records: np.ndarray) -> np.ndarray:
    # `discard` leaves zeros, and so can a power cut.
    return np.any(records.view(np.uint8).reshape(len(records), RECORD.itemsize), axis=1)
