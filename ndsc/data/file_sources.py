"""Photos in plain files, and tables that name them."""

import io
import os
import tarfile
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ndsc.caching.atomic import atomic_cache_write
from ndsc.caching.digests import file_digest
from ndsc.data.user_tables import UserTable, find_names, has_bytes
from ndsc.errors import UserError
from ndsc.storage.archive import is_archive, open_archive
from ndsc.storage.locations import Location
from ndsc.storage.photo_files import find_file
from ndsc.terminal import progress


@dataclass(frozen=True)
class TableSource:
    """Photos that a table names (see `ndsc.data.sources.Source`): files, relative to its own folder or absolute, or
    members of an archive."""

    path: Path
    image_column: str
    label_column: str
    archive: Location | None
    cache_root: Path

    @property
    def in_archives(self) -> bool:
        """Whether the photos are in an archive."""
        return self.archive is not None

    @property
    def table(self) -> UserTable:
        """The table. Its column `category` is the catalogue's."""
        required = (self.image_column, self.label_column)
        return UserTable(self.path, "data.table", required, ("category",), prefix="table", images=self.image_column)

    def columns_beside(self, taken: Collection[str]) -> dict[str, str]:
        """See `UserTable.columns_beside`; check that the archive exists."""
        if self.archive is not None and not (is_archive(self.archive) and self.archive.is_file()):
            raise UserError(
                "data.archive must be a .tar, .tar.gz or .tgz with the photos that data.table names. Received: "
                f"{self.archive}. Fix the path, or leave data.archive out if the photos are plain files."
            )
        return self.table.columns_beside(taken)

    def files(self) -> list[Location]:
        """Return the table itself, and the archive."""
        return [self.path] if self.archive is None else [self.path, self.archive]

    def read(self) -> tuple[pa.Table, dict[str, int]]:
        """Return one row for each row of the table, with all of its further columns.

        Raises:
            UserError: the table or a column is missing, or none of the photos exists.
        """
        table = self.table.read()
        shown, packed = table.column(self.image_column), self.archive
        if has_bytes(shown.type):
            packed, shown = self._pack(shown)
        shown = shown.fill_null("")
        label, category = table.column(self.label_column), pa.nulls(table.num_rows, pa.string())
        if "category" in table.column_names:
            category = table.column("category")
        folder = self.path.parent
        if packed is None:
            rows, where = rows_of_files(folder, shown), f"absolute or relative to {folder}"
        else:
            rows, where = _rows_of_members(packed, shown, self.cache_root), f"as {packed} does"
        if rows.column("offset").null_count == rows.num_rows:
            raise UserError(
                f"The column {self.image_column} of data.table must name photos, {where}. Received: "
                f"{shown[0] if len(shown) else 'no rows'}, and none of the files that it names exists. Fix the paths."
            )
        rows = rows.add_column(1, "label", label).add_column(2, "category", category)
        return self.table.add_further(rows, self.table.further_columns(table)), {}

    def _pack(self, images: pa.ChunkedArray) -> tuple[Location | None, pa.ChunkedArray]:
        """Return an archive in the cache with the photos in the table's own column, and their names.

        Paths may be missing or repeat, so the names begin with the number of the row. Without any bytes, the paths name
        the photos, as text would.
        """
        data, paths = pc.struct_field(images, "bytes"), pc.struct_field(images, "path")
        if data.null_count == len(data):
            return self.archive, paths
        endings = [Path(path or "").name for path in paths.to_pylist()]
        names = [f"{row}/{ending or 'photo'}" for row, ending in enumerate(endings)]
        packed = self.cache_root / "embedded" / f"{file_digest(self.path)}.tar"
        if not packed.exists():
            with atomic_cache_write(packed) as temporary, tarfile.open(temporary, "w") as archive:
                for name, photo in zip(names, data, strict=True):
                    if photo.is_valid:
                        member = tarfile.TarInfo(name)
                        member.size = len(photo.as_py())
                        archive.addfile(member, io.BytesIO(photo.as_py()))
            os.utime(packed, (0, 0))  # its time is part of the data's digest, and says nothing
        return packed, pa.chunked_array([names], pa.string())


def rows_of_files(folder: Path, shown: pa.Array | pa.ChunkedArray) -> pa.Table:
    """Return the columns image_path, archive, offset and size of the catalogue for photos in plain files.

    Args:
        shown: their paths, which begin in `folder` where they are relative.
    """
    paths = [str(find_file(folder, name)) for name in shown.to_pylist()]
    with progress("finding files", total=len(paths)) as advance:
        sizes = pa.array((_size(path, advance) for path in paths), pa.int64())
    archive = pa.array(paths, pa.string()).dictionary_encode()
    return pa.table({"image_path": shown, "archive": archive, "offset": pc.multiply(sizes, 0), "size": sizes})


def _rows_of_members(path: Location, shown: pa.ChunkedArray, cache_root: Path) -> pa.Table:
    """Return the same columns for members of an archive."""
    with open_archive(path, cache_root) as archive:
        positions, names = find_names(shown, archive.members["name"])
        found = archive.members.select(["offset", "size"]).take(positions)
    archives = pa.repeat(pa.scalar(str(path)), len(names)).dictionary_encode()
    return found.add_column(0, "image_path", names).add_column(1, "archive", archives)


def _size(path: str, advance: Callable[[int], None]) -> int | None:
    advance(1)
    try:
        return os.path.getsize(path) if os.path.isfile(path) else None
    except OSError:  # removed meanwhile
        return None
