"""Looking after a cache from outside: what is in it, what is damaged, and how to be rid of either."""

import errno
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ndsc.caching.atomic import write_at
from ndsc.caching.locks import CLAIM, unclaimed
from ndsc.features.store import fingerprint as fingerprints
from ndsc.features.store.feature_store import FILLING, FOLDER
from ndsc.features.store.layout import RECORD, Layout, checksums
from ndsc.features.store.segments import INDEX, ROWS, SegmentReader, read_records

OUR_FILES = re.compile(
    rf"{CLAIM}|{FILLING}|{re.escape(fingerprints.FILE_NAME)}"
    rf"|\.?{re.escape(fingerprints.FILE_NAME)}\.[0-9a-f]+\.tmp"
    rf"|\d+-[0-9a-f]{{8}}-[0-9a-f]{{8}}({re.escape(INDEX)}|{re.escape(ROWS)})"
)


@dataclass(frozen=True)
class CachedFeatures:
    """One fingerprint's folder. `bytes` is its size, `used` when it was last opened, in seconds since 1970."""

    folder: Path
    fingerprint: dict[str, Any]
    layout: Layout
    photos: int
    views: int
    rows: int
    bytes: int
    used: float


@dataclass(frozen=True)
class Damage:
    """The numbers `rows` (n,) int64 of those of the segment `index` whose checksums do not hold, out of `total`."""

    index: Path
    rows: np.ndarray
    total: int


def survey(cache_root: Path) -> tuple[list[CachedFeatures], list[Path]]:
    """The features under `cache_root`, last used first, and the entries of their folder that a store did not write."""
    entries = sorted(root.iterdir()) if (root := cache_root / FOLDER).is_dir() else []
    if root.is_symlink():
        return [], [root]  # It may lead anywhere, and what is listed here may be deleted.
    ours = [folder for folder in entries if _is_ours(folder)]
    found = sorted(map(_cached_features, ours), key=lambda features: -features.used)
    return found, [entry for entry in entries if entry not in ours]


def size(path: Path) -> int:
    """The bytes of the files below `path`, links not followed."""
    if path.is_symlink() or not path.is_dir():
        return path.lstat().st_size
    return sum(size(entry) for entry in path.iterdir())


def damage(features: CachedFeatures, advance: Callable[[int], None]) -> Iterator[Damage]:
    """Read every row of `features` against its checksum; `advance` is told how many were. Raises OSError."""
    for index in sorted(features.folder.glob(f"*{INDEX}")):
        reader = SegmentReader(index, features.layout)
        _, records = reader.new_records()
        numbers = np.flatnonzero(_is_held(records))
        damaged = []
        for part in (numbers[start : start + 1000] for start in range(0, len(numbers), 1000)):
            rows = (reader.rows[row : row + 1] for row in part.tolist())
            damaged.append(part[checksums(records["key"][part], rows) != records["checksum"][part]])
            advance(len(part))
        if sum(map(len, damaged)):
            yield Damage(index, np.concatenate(damaged), len(numbers))


def forget(found: Damage) -> bool:
    """Blank the records of damaged rows, so that nothing looks for them. False where the folder is in use.

    Raises OSError.
    """
    with unclaimed(found.index.parent) as is_free:
        if is_free:
            with found.index.open("r+b") as stream:
                for row in found.rows.tolist():
                    write_at(stream.fileno(), memoryview(bytes(RECORD.itemsize)), row * RECORD.itemsize)
    return is_free


def remove(features: CachedFeatures, dry_run: bool = False) -> bool:
    """Delete a fingerprint's folder, unless `dry_run`. False where it is in use. Raises OSError."""
    with unclaimed(features.folder) as is_free:
        if is_free and not dry_run:
            # The claim goes last: whoever opens the store meanwhile waits for it and starts a new folder.
            last = (fingerprints.FILE_NAME, CLAIM)
            for path in sorted(features.folder.iterdir(), key=lambda path: (path.name in last, path.name)):
                path.unlink()
            try:
                features.folder.rmdir()
            except OSError as error:
                if error.errno != errno.ENOTEMPTY:  # Somebody has opened the store anew, and it is theirs now.
                    raise
    return is_free


def _is_ours(folder: Path) -> bool:
    return (
        not folder.is_symlink()
        and folder.is_dir()
        and fingerprints.read(folder) is not None
        and all(OUR_FILES.fullmatch(path.name) and path.is_file() for path in folder.iterdir())
    )


def _cached_features(folder: Path) -> CachedFeatures:
    description = fingerprints.read(folder)
    assert description is not None, "only folders that are ours are described"
    records = np.concatenate([np.empty(0, RECORD), *map(read_records, folder.glob(f"*{INDEX}"))])
    keys = records["key"][_is_held(records)]
    claim = folder / CLAIM
    return CachedFeatures(
        folder=folder,
        fingerprint=description["fingerprint"],
        layout=Layout.of(description["shape"], description["dtype"]),
        photos=len(np.unique(keys["content"])),
        views=len(np.unique(keys["view"])),
        rows=len(keys),
        bytes=size(folder),
        used=(claim if claim.exists() else folder).stat().st_mtime,
    )


def _is_held(records: np.ndarray) -> np.ndarray:
    # `forget` leaves zeros, and so may a power cut.
    return np.any(records.view(np.uint8).reshape(len(records), RECORD.itemsize), axis=1)
