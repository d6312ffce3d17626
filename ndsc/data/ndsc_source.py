"""Data in NDSC's layout: train.csv names photos like `beauty_image/<id>.jpg`, which are in `beauty_image.tar` beside
it, and categories.json names the categories."""

import json
import unicodedata
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ndsc.data.user_tables import UserTable, find_names, with_plain_slashes
from ndsc.errors import UserError
from ndsc.storage.archive import SUFFIXES, Archive, is_archive, open_archive
from ndsc.storage.locations import Location, local_copy

LISTINGS = "train.csv"
CATEGORIES = "categories.json"
ABSENT = -1


@dataclass(frozen=True)
class NdscSource:
    """Photos in tar archives beside a train.csv (see `ndsc.data.sources.Source`)."""

    root: Location
    labels: str
    cache_root: Path

    @property
    def in_archives(self) -> bool:
        """Whether the photos are in archives."""
        return True

    @property
    def listings(self) -> UserTable:
        """train.csv, fetched into the cache where it is on a server.

        Raises:
            UserError: it is missing.
        """
        self._validate_listings_exist()
        table = local_copy(self.root / LISTINGS, self.cache_root)
        required = ("image_path", "Category") if self.labels == "category" else ("image_path",)
        return UserTable(table, str(self.root / LISTINGS), required, ("Category",), prefix="train")

    def columns_beside(self, taken: Collection[str]) -> dict[str, str]:
        """See `UserTable.columns_beside`."""
        return self.listings.columns_beside(taken)

    def check_archives(self) -> list[Location]:
        """Check that all archives named by train.csv exist, without indexing them, and return their locations.

        Raises:
            UserError: one is missing.
        """
        folders = self._folders(self.listings.read().column("image_path"))
        return [self._archive_of(folder) for folder in folders.dictionary.to_pylist()]

    def files(self) -> list[Location]:
        """Return all files that the listings can depend on, sorted.

        Raises:
            UserError: the folder or its train.csv is missing.
        """
        self._validate_listings_exist()
        if isinstance(self.root, Path):
            return sorted(
                path for path in self.root.iterdir() if path.name in (LISTINGS, CATEGORIES) or is_archive(path)
            )
        # A web server cannot list a folder: its files are found by name.
        tables = [self.root / name for name in (LISTINGS, CATEGORIES)]
        found = [*(table for table in tables if table.is_file()), *self.check_archives()]
        return sorted(found, key=lambda path: path.name)

    def read(self) -> tuple[pa.Table, dict[str, int]]:
        """Return all listings, with the position of each photo in its archive, and counts worth reporting.

        Columns: image_path, label, category, archive, offset, size (see Catalogue) and the further ones of train.csv.

        Raises:
            UserError: a file or a column is missing, or an archive holds none of its photos.
        """
        listings = self.listings
        listed = listings.read()
        paths = listed.column("image_path")
        ids = listed.column("Category") if "Category" in listed.column_names else pa.nulls(listed.num_rows, pa.string())
        category, unnamed = name_categories(ids, self._category_names())
        further = listings.further_columns(listed)
        del listed
        folders = self._folders(paths)
        names = folders.dictionary.to_pylist()
        archives = [self._archive_of(folder) for folder in names]
        offset, size, found, truncated = _find_photos(paths, folders, archives, self.cache_root)
        domains = pa.array([unicodedata.normalize("NFC", folder.removesuffix("_image")) for folder in names])
        rows = pa.table(
            {
                "image_path": found,
                "label": category if self.labels == "category" else domains.take(folders.indices),
                "category": category,
                "archive": pa.DictionaryArray.from_arrays(folders.indices, [str(path) for path in archives]),
                "offset": offset,
                "size": size,
            }
        )
        facts = {
            "repaired_paths": pc.sum(pc.not_equal(paths, found)).as_py(),
            "unnamed_categories": unnamed,
            "truncated_archives": truncated,
        }
        return listings.add_further(rows, further), facts

    def _validate_listings_exist(self) -> None:
        if not (self.root / LISTINGS).is_file():
            raise UserError(
                f"data.root must be a folder with {LISTINGS} and the archives that it names. Received: {self.root}, "
                f"which has no {LISTINGS}. Fix the path."
            )

    def _category_names(self) -> dict[str, str]:
        path = self.root / CATEGORIES
        return read_category_names(local_copy(path, self.cache_root)) if path.is_file() else {}

    def _folders(self, paths: pa.ChunkedArray) -> pa.DictionaryArray:
        """Return the first folder of each path, dictionary-encoded."""
        plain = with_plain_slashes(paths)
        first = pc.struct_field(pc.extract_regex(plain, r"^(?P<folder>[^/]+)/"), "folder").combine_chunks()
        if first.null_count:
            example = paths.filter(pc.is_null(first))[0]
            raise UserError(
                f"The image_path column of {self.root / LISTINGS} must be like beauty_image/<name>.jpg: the part "
                f"before the slash names the archive. Received: {example} and {first.null_count - 1:,} more. Fix "
                "these rows."
            )
        return first.dictionary_encode()

    def _archive_of(self, folder: str) -> Location:
        candidates = [self.root / f"{folder}{suffix}" for suffix in SUFFIXES]
        spelled = [self.root / unicodedata.normalize(form, path.name) for form in ("NFC", "NFD") for path in candidates]
        for path in dict.fromkeys([*candidates, *spelled]):
            if path.is_file():
                return path
        raise UserError(
            f"{self.root / LISTINGS} lists photos in {folder}/, so {' or '.join(path.name for path in candidates)} "
            f"must be beside it. Received: {self.root}, which has none of them. Move the archive there; it need not "
            "be unpacked."
        )


def _find_photos(
    paths: pa.ChunkedArray, folders: pa.DictionaryArray, archives: list[Location], cache_root: Path
) -> tuple[pa.Array, pa.Array, pa.ChunkedArray, int]:
    """Return offset and size of each photo in its archive, null where it is absent, its repaired path, and how many
    archives are truncated."""
    located, repaired, truncated = np.full((2, len(paths)), ABSENT), paths, 0
    for number, path in enumerate(archives):
        # Arrow would keep the memory that it has freed, a third of the peak.
        pa.default_memory_pool().release_unused()
        mine = folders.indices.to_numpy() == number
        with open_archive(path, cache_root) as archive:
            positions, names = _positions_in(archive, paths.filter(pa.array(mine)))
            repaired = pc.replace_with_mask(repaired, pa.array(mine), names.combine_chunks())
            for row, name in enumerate(("offset", "size")):
                located[row, mine] = archive.members.column(name).take(positions).fill_null(ABSENT).to_numpy()
            truncated += archive.truncated
    offset, size = (pa.array(values, mask=values == ABSENT) for values in located)
    return offset, size, repaired, truncated


def _positions_in(archive: Archive, paths: pa.ChunkedArray) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """Return which member each path is, null where it is none, and the repaired paths (see `find_names`)."""
    names = archive.members.column("name")
    positions, repaired = find_names(paths, names)
    if positions.null_count == len(paths):
        raise UserError(
            f"{archive.path} must hold the {len(paths):,} photos that {LISTINGS} lists in it, for instance {paths[0]}. "
            f"Received: none of them; its first member is {names[0]}. Build the archive so that its members have the "
            "names in image_path."
        )
    return positions, repaired


def read_category_names(path: Path) -> dict[str, str]:
    """Return the names of categories by id, both text.

    Where two domains use one name, the domain is added: `Others (Fashion)`.

    Raises:
        UserError: the file is of another shape.
    """
    try:
        domains = json.loads(path.read_text(encoding="utf-8"))
        named = [(str(number), name, domain) for domain, ids in domains.items() for name, number in ids.items()]
    except (ValueError, AttributeError) as error:
        raise UserError(
            f'{path} must be JSON like {{"Beauty": {{"Powder": 3}}}}: domain, name, id. Received: {error}. Fix it.'
        ) from error
    uses = Counter(name for _, name, _ in named)
    return {number: name if uses[name] == 1 else f"{name} ({domain})" for number, name, domain in named}


def name_categories(ids: pa.ChunkedArray | pa.Array, names: dict[str, str]) -> tuple[pa.Array, int]:
    """Return the name of each id (the id itself where it has none, null where there is no id), and how many listings
    have an id without a name, if there are names at all."""
    encoded = (ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids).dictionary_encode()
    known = encoded.dictionary.to_pylist()
    unnamed = [number for number, category in enumerate(known) if names and category and category not in names]
    named = pa.array([names.get(category, category) or None for category in known], pa.string())
    count = pc.sum(pc.is_in(encoded.indices, value_set=pa.array(unnamed, pa.int32()))).as_py()
    return named.take(encoded.indices), count or 0
