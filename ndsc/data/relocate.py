"""Relocation of recorded photos: their files are found at their current paths, and compared with the content hashes."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd

from ndsc.caching.digests import content_hash
from ndsc.data.sources import SAMPLE, sample_folder
from ndsc.errors import UserError
from ndsc.storage.archive import ShortRead, is_archive
from ndsc.storage.locations import Location, location_of
from ndsc.storage.photo_files import find_file
from ndsc.storage.photo_reader import PhotoReader, reads_at_once
from ndsc.terminal import progress


def relocate_photos(photos: pd.DataFrame, source: str, root: Location | None, cache_root: Path) -> pd.DataFrame:
    """Return a table of photos, such as a manifest's rows, with the current paths of archives and plain files.

    Args:
        source: `data.source` of the recorded run. The sample is rendered into the cache if it is missing.
        root: the folder that holds the archives now, the only archive, or the folder that the image paths of plain
            files begin in; None: no file has moved.

    Raises:
        UserError: a file is missing.
    """
    if root is None and source == SAMPLE and _missing(photos):
        root = sample_folder(cache_root)
    if root is not None:
        recorded = zip(photos["archive"].astype(str), photos["image_path"], strict=True)
        photos = photos.assign(archive=[str(_current(root, old, path)) for old, path in recorded])
    missing = _missing(photos)
    if missing:
        raise UserError(
            f"The files that the run read its photos from were expected. Received: {len(missing)} that are missing, "
            f"the first {missing[0]}. If the data has moved, set data.root=<the folder that holds the archives, or "
            "that the paths of single photos begin in>."
        )
    return photos


def _current(root: Location, recorded: str, image_path: str) -> Location:
    if is_archive(recorded):
        return root if is_archive(root) else root / location_of(recorded).name
    return find_file(root, image_path) if isinstance(root, Path) else root / image_path


def check_contents(photos: pd.DataFrame, reader: PhotoReader) -> None:
    """Read all photos of a table and compare their hashes with the column `content`.

    Raises:
        UserError: a photo has other bytes than the recorded ones, or none.
    """
    rows = photos[["archive", "offset", "size", "content"]].itertuples(index=False, name=None)
    at_once = reads_at_once(photos["archive"])
    with progress("reading", total=len(photos)) as advance, ThreadPoolExecutor(at_once) as threads:
        faults = list(threads.map(lambda row: _fault(reader, advance, *row), rows))
    differing = [position for position, fault in enumerate(faults) if fault]
    if differing:
        first = photos.iloc[differing[0]]
        raise UserError(
            f"The photos that the run read were expected, byte for byte. Received: {len(differing)} of {len(faults)} "
            f"that differ, the first {first['image_path']} in {first['archive']}: {faults[differing[0]]}. Restore the "
            "recorded files, or say where they are (data.root=<folder>); rendered sample data needs the run's own "
            "commit and packages. python -m ndsc.train does a new run on the current data."
        )


def _missing(photos: pd.DataFrame) -> list[str]:
    return [path for path in photos["archive"].unique() if not location_of(path).is_file()]


def _fault(
    reader: PhotoReader, advance: Callable[[int], None], archive: str, offset: float, size: float, content: str
) -> str:
    """Why a photo is not the recorded one; empty if it is."""
    try:
        data = reader.read(archive, int(offset), int(size))
    except ShortRead as error:
        return str(error)
    finally:
        advance(1)
    return "" if content_hash(data) == content else "it has other bytes"
