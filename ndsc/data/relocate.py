"""The photos of an earlier run's manifest: found where they lie now, and held against their content hashes."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pandas as pd

from ndsc.data.data_digest import content_hash
from ndsc.data.manifest import Manifest
from ndsc.data.sources import SAMPLE, sample_folder
from ndsc.errors import UserError
from ndsc.storage.archive import ShortRead, is_archive
from ndsc.storage.locations import Location, location_of
from ndsc.storage.photo_reader import PhotoReader, reads_at_once
from ndsc.terminal import progress

OTHER_BYTES = "it has other bytes"


def find_again(manifest: Manifest, source: str, root: Location | None, cache_root: Path) -> Manifest:
    """The manifest with the places where archives and plain files lie now.

    Args:
        source: `data.source` of the run. The sample is rendered into the cache if it is not where it was.
        root: the folder that holds the archives now, or that the image paths of plain files begin in; None: all is
            where it was.

    Raises:
        UserError: a file is not there.
    """
    if root is None and source == SAMPLE and _missing(manifest.rows):
        root = sample_folder(cache_root)
    if root is not None:
        manifest = replace(manifest, rows=_moved(manifest.rows, root))
    missing = _missing(manifest.rows)
    if missing:
        raise UserError(
            f"The files that the run read its photos from were expected. Received: {len(missing)} that are not there, "
            f"the first {missing[0]}. If the data moved, say where it is: data.root=<the folder that holds the "
            "archives, or that the paths of single photos begin in>."
        )
    return manifest


def find_measured(
    photos: pd.DataFrame, source: str, root: Location | None, cache_root: Path, reader: PhotoReader
) -> pd.DataFrame:
    """Photos that an int8 network was measured on, with the places where they lie now, and with their contents checked.
    They may be another data set's: what is not found where the run's own photos are is looked for where it was.

    Raises:
        UserError: a photo is not there, or has other bytes.
    """
    moved = photos.iloc[:0]
    if root is not None:
        moved = _moved(photos, root)
        moved = moved[~moved["archive"].isin(_missing(moved))]
        moved = moved[[not fault for fault in _faults(moved, reader)]]
    others = find_again(Manifest(photos.drop(moved.index), ()), source, None, cache_root)
    check_contents(others, reader)
    return pd.concat([moved, others.rows]).loc[photos.index]


def _missing(photos: pd.DataFrame) -> list[str]:
    return [path for path in photos["archive"].unique() if not location_of(path).is_file()]


def _moved(photos: pd.DataFrame, root: Location) -> pd.DataFrame:
    places = zip(photos["archive"].astype(str), photos["image_path"], strict=True)
    now = [str(root / (location_of(old).name if is_archive(old) else path)) for old, path in places]
    return photos.assign(archive=now)


def check_contents(manifest: Manifest, reader: PhotoReader) -> None:
    """Read all photos and compare their hashes with the manifest's.

    Raises:
        UserError: a photo has other bytes than the run read, or none.
    """
    faults = _faults(manifest.rows, reader)
    differing = [at for at, fault in enumerate(faults) if fault]
    if differing:
        first = manifest.rows.iloc[differing[0]]
        raise UserError(
            f"The photos that the run read were expected, byte for byte. Received: {len(differing)} of "
            f"{len(faults)} that differ, the first {first['image_path']} in {first['archive']}: "
            f"{faults[differing[0]]}. Put the files of then back, or say where they are (data.root=<folder>); rendered "
            "sample data comes back with the run's own commit and packages. With the data as it is now, "
            "python -m ndsc.train does a run of its own."
        )


def _faults(photos: pd.DataFrame, reader: PhotoReader) -> list[str]:
    rows = photos[["archive", "offset", "size", "content"]].itertuples(index=False, name=None)
    at_once = reads_at_once(photos["archive"])
    with progress("reading", total=len(photos)) as advance, ThreadPoolExecutor(at_once) as threads:
        return list(threads.map(lambda row: _fault(reader, advance, *row), rows))


def _fault(
    reader: PhotoReader, advance: Callable[[int], None], archive: str, offset: float, size: float, content: str
) -> str:
    """Why a photo is not the one it was; empty if it is."""
    try:
        data = reader.read(archive, int(offset), int(size))
    except ShortRead as error:
        return str(error)
    finally:
        advance(1)
    return "" if content_hash(data) == content else OTHER_BYTES
