"""NDSC's layout: train.csv names photos like `beauty_image/<id>.jpg`, which lie in `beauty_image.tar` beside it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ndsc.data.category_names import name_categories, read_category_names
from ndsc.data.user_tables import (
    add_columns,
    column_names,
    last_position,
    read_table,
    repair_paths,
    require_columns,
)
from ndsc.errors import UserError
from ndsc.storage.archive import SUFFIXES, Archive, is_archive, open_archive
from ndsc.storage.locations import Location, local_copy

LISTINGS = "train.csv"
CATEGORIES = "categories.json"


def files_of(root: Location, cache_root: Path) -> list[Location]:
    """All files that the listings of this folder can depend on, sorted.

    Raises:
        UserError: the folder or its train.csv is missing.
    """
    _validate_without_listings(root)
    if isinstance(root, Path):
        return sorted(path for path in root.iterdir() if path.name in (LISTINGS, CATEGORIES) or is_archive(path))
    # A web server lists no folders: what it holds is found by name.
    tables = [root / name for name in (LISTINGS, CATEGORIES)]
    found = [*(table for table in tables if table.is_file()), *_named_archives(root, cache_root)]
    return sorted(found, key=lambda path: path.name)


def read_listings(root: Location, labels: str, cache_root: Path) -> tuple[pa.Table, dict[str, int]]:
    """All listings of train.csv, with the place of each photo in its archive, and what is worth counting.

    Columns: image_path, label, category, archive, offset, size (see Catalogue) and the further ones of train.csv.

    Raises:
        UserError: a file or a column is missing, or an archive holds none of the photos that it should.
    """
    setting = str(root / LISTINGS)
    table = local_copy(root / LISTINGS, cache_root)
    listed = read_table(table, setting, text_columns=("image_path", "title", "Category"))
    require_columns(listed.column_names, _needed(labels), setting)
    paths, repaired = repair_paths(listed.column("image_path"))
    ids = listed.column("Category") if "Category" in listed.column_names else pa.nulls(listed.num_rows, pa.string())
    category, unnamed = name_categories(ids, _category_names(root, cache_root))
    further = listed.select(_further(listed.column_names))
    # The unrepaired paths are 30 MB that nobody reads any more.
    del listed
    folders = _folders(paths, root)
    archives = {folder: _archive_of(folder, root) for folder in folders.dictionary.to_pylist()}
    places = _find_photos(paths, folders, archives, cache_root)
    domains = pa.array([folder.removesuffix("_image") for folder in archives])
    rows = pa.table(
        {
            "image_path": paths,
            "label": category if labels == "category" else domains.take(folders.indices),
            "category": category,
            "archive": pa.DictionaryArray.from_arrays(folders.indices, [str(path) for path in archives.values()]),
            "offset": pa.array(places.offsets, mask=~places.present),
            "size": pa.array(places.sizes, mask=~places.present),
        }
    )
    facts = {
        "repaired_paths": repaired,
        "absent": int((~places.present).sum()),
        "unnamed_categories": unnamed,
        "truncated_archives": places.truncated_archives,
    }
    return add_columns(rows, further, "train"), facts


def listing_columns(root: Location, labels: str, cache_root: Path) -> list[str]:
    """The further columns of train.csv, from its header line.

    Raises:
        UserError: it or a column that the labels need is missing.
    """
    _validate_without_listings(root)
    names = column_names(local_copy(root / LISTINGS, cache_root), str(root / LISTINGS))
    require_columns(names, _needed(labels), str(root / LISTINGS))
    return _further(names)


def check_archives(root: Location, cache_root: Path) -> None:
    """Look whether all archives that train.csv names are there, in a second and without indexing them.

    Raises:
        UserError: one is missing.
    """
    _named_archives(root, cache_root)


def _named_archives(root: Location, cache_root: Path) -> list[Location]:
    table = local_copy(root / LISTINGS, cache_root)
    listed = read_table(table, str(root / LISTINGS), text_columns=("image_path",))
    return [_archive_of(folder, root) for folder in _folders(listed.column("image_path"), root).dictionary.to_pylist()]


def _validate_without_listings(root: Location) -> None:
    if not (root / LISTINGS).is_file():
        raise UserError(
            f"data.root must be a folder with {LISTINGS} and the archives that it names. Received: {root}, which has "
            f"no {LISTINGS}. Mend the path."
        )


def _category_names(root: Location, cache_root: Path) -> dict[str, str]:
    place = root / CATEGORIES
    return read_category_names(local_copy(place, cache_root)) if place.is_file() else {}


def _further(names: list[str]) -> list[str]:
    return [name for name in names if name not in ("image_path", "Category")]


def _needed(labels: str) -> list[str]:
    return ["image_path", "Category"] if labels == "category" else ["image_path"]


def _folders(paths: pa.ChunkedArray, root: Location) -> pa.DictionaryArray:
    """The first folder of each path, dictionary-encoded."""
    first = pc.struct_field(pc.extract_regex(paths, r"^(?P<folder>[^/]+)/"), "folder").combine_chunks()
    if first.null_count:
        example = paths.filter(pc.is_null(first))[0]
        raise UserError(
            f"The image_path column of {root / LISTINGS} must be like beauty_image/<name>.jpg: the part before the "
            f"slash names the archive. Received: {example} and {first.null_count - 1:,} more. Mend these rows."
        )
    return first.dictionary_encode()


def _archive_of(folder: str, root: Location) -> Location:
    candidates = [root / f"{folder}{suffix}" for suffix in SUFFIXES]
    for path in candidates:
        if path.is_file():
            return path
    raise UserError(
        f"{root / LISTINGS} lists photos in {folder}/, so {' or '.join(path.name for path in candidates)} must lie "
        f"beside it. Received: {root}, which has none of them. Put the archive there; it need not be unpacked."
    )


@dataclass(frozen=True)
class _Places:
    """Offset and size of each photo in its archive, and whether it is there: one entry a listing."""

    offsets: np.ndarray
    sizes: np.ndarray
    present: np.ndarray
    truncated_archives: int


def _find_photos(
    paths: pa.ChunkedArray, folders: pa.DictionaryArray, archives: dict[str, Location], cache_root: Path
) -> _Places:
    offsets, sizes = np.zeros(len(paths), np.int64), np.zeros(len(paths), np.int64)
    present = np.zeros(len(paths), bool)
    truncated = 0
    of_archive = folders.indices.to_numpy()
    for number, path in enumerate(archives.values()):
        # Arrow would keep what it has freed, a third of the peak.
        pa.default_memory_pool().release_unused()
        mine = of_archive == number
        with open_archive(path, cache_root) as archive:
            positions = _positions_in(archive, paths.filter(pa.array(mine)))
            found = archive.members.take(positions.drop_null())
            truncated += archive.truncated
        rows = np.flatnonzero(mine)[positions.is_valid().to_numpy()]
        offsets[rows], sizes[rows] = found.column("offset").to_numpy(), found.column("size").to_numpy()
        present[rows] = True
    return _Places(offsets, sizes, present, truncated)


def _positions_in(archive: Archive, paths: pa.ChunkedArray) -> pa.ChunkedArray:
    """Which member each path is, null where it is none."""
    names = archive.members.column("name")
    # `tar cf x.tar ./folder` puts a dot in front of every name.
    if names[0].as_py().startswith("./"):
        names = pc.replace_substring_regex(names, r"^(\./)+", "")
    positions = last_position(paths, names)
    if positions.null_count == len(paths):
        raise UserError(
            f"{archive.path} must hold the {len(paths):,} photos that {LISTINGS} lists in it, for instance {paths[0]}. "
            f"Received: none of them; its first member is {names[0]}. Build the archive so that its members have the "
            "names in image_path."
        )
    return positions
