"""Tables that users provide: read with errors that users can act on, and joined by photo."""

import csv
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from ndsc.errors import UserError

TEST_LIST = "sampling.test.list"
EXCLUDE = "sampling.exclude"
MISSING = ("", "nan", "NaN")
ENDING = r"\.[0-9A-Za-z]+$"


@dataclass(frozen=True)
class UserTable:
    """A CSV (with a header line, UTF-8) or Parquet file, and the columns of it that ndsc itself reads.

    `setting` is its name in errors, for example `data.metadata`. The first required column names the photo. All others
    are further columns; one whose name is taken gets `prefix` in front of it.

    Every column of a CSV is text, as it is written: 7, 07 and 007 may be three shops. In a Parquet file the required
    and optional columns must be text or convertible to it; the column `images` may also hold photos (see `has_bytes`).
    """

    path: Path
    setting: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    prefix: str = ""
    images: str | None = None

    def check(self) -> list[str]:
        """Check the columns by the header alone, and return the further ones.

        Raises:
            UserError: the file is missing, not what its name says, lacks a column, or has two of one name.
        """
        with self._readable():
            names = self._column_names()
        require_columns(names, self.required, self.setting)
        return self._further(names)

    def columns_beside(self, taken: Collection[str]) -> dict[str, str]:
        """Return the names that the further columns get beside those taken, by their names in the file.

        Raises:
            UserError: see `check` and `names_beside`.
        """
        return names_beside(taken, self.check(), self.prefix)

    def read(self) -> pa.Table:
        """Return the whole table. Paths of photos are as in the file; for other text see `clean_text`.

        Raises:
            UserError: see `check`; or a value cannot be read.
        """
        self.check()
        with self._readable():
            table = pyarrow.parquet.read_table(self.path) if self._is_parquet else self._read_csv()
        # Arrow would keep what it needed for reading: 80 MB after NDSC's train.csv.
        pa.default_memory_pool().release_unused()
        for number, (name, column) in enumerate(zip(table.column_names, table.columns, strict=True)):
            if pa.types.is_dictionary(column.type):
                column = column.cast(column.type.value_type)
            if name in (*self.required, *self.optional) and not (name == self.images and has_bytes(column.type)):
                column = as_text(column, f"The column {name} of {self.setting}")
            if pa.types.is_string(column.type) and name not in self.required[:1]:
                column = clean_text(column)
            table = table.set_column(number, name, column)
        return table

    def further_columns(self, table: pa.Table) -> pa.Table:
        """Return the further columns of the table that was read."""
        return table.select(self._further(table.column_names))

    def add_further(self, rows: pa.Table, further: pa.Table) -> pa.Table:
        """Return `rows` with the further columns, under the names of `columns_beside`."""
        for name, given in names_beside(rows.column_names, further.column_names, self.prefix).items():
            rows = rows.append_column(given, further.column(name))
        return rows

    def _further(self, names: Collection[str]) -> list[str]:
        return [name for name in names if name not in (*self.required, *self.optional)]

    def _read_csv(self) -> pa.Table:
        return pyarrow.csv.read_csv(
            self.path,
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(self._column_names(), pa.string())),
        )

    @property
    def _is_parquet(self) -> bool:
        return self.path.suffix.lower() == ".parquet"

    def _column_names(self) -> list[str]:
        if self._is_parquet:
            names = pyarrow.parquet.read_schema(self.path).names
        else:
            with self.path.open(encoding="utf-8-sig", newline="") as file:
                names = next(csv.reader(file), [])
        repeated = [name for name, count in Counter(names).items() if count > 1]
        if repeated:
            raise UserError(
                f"Every column of {self.setting} must have a name of its own. Received: {self.path}, with more than "
                f"one column called {', '.join(repeated)}. Rename or remove all but one."
            )
        return names

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """Turn every error of reading the file into a UserError."""
        if not self.path.is_file():
            found = "is no file" if self.path.exists() else "does not exist"
            raise UserError(
                f"{self.setting} must be a CSV or Parquet file. Received: {self.path}, which {found}. Fix the path."
            )
        try:
            yield
        except (pa.ArrowException, OSError, UnicodeDecodeError, csv.Error) as error:
            reason = str(error).splitlines()[0]
            raise UserError(
                f"{self.setting} must be a UTF-8 CSV with a header line, or a Parquet file whose name ends in "
                f".parquet. Received: {self.path} ({reason}). Fix the file."
            ) from error


def test_list_table(path: str) -> UserTable:
    """Return the table that `sampling.test.list` names."""
    return UserTable(Path(path).expanduser(), TEST_LIST, ("image_path", "difficulty"), ("label",))


def exclusion_table(path: str) -> UserTable:
    """Return the table that `sampling.exclude` names."""
    return UserTable(Path(path).expanduser(), EXCLUDE, ("image_path", "exclude"), ("issue",))


def require_columns(present: Collection[str], names: Collection[str], setting: str) -> None:
    """Check that all of these columns are present.

    Raises:
        UserError: one is missing; the message names those present.
    """
    missing = [name for name in names if name not in present]
    if missing:
        raise UserError(
            f"{setting} must have the column{'s' * (len(missing) > 1)} {', '.join(missing)}. Received: "
            f"{', '.join(present)}. Rename the columns, or name the right ones in the configuration."
        )


def names_beside(taken: Collection[str], names: Collection[str], prefix: str) -> dict[str, str]:
    """Return the names of columns that are added to others: a name that is taken gets the prefix.

    Raises:
        UserError: the name with the prefix is taken too.
    """
    given = {name: f"{prefix}_{name}" if name in taken else name for name in names}
    for name, new in given.items():
        if new != name and (new in taken or new in names):
            raise UserError(
                f"A column {name} beside another of this name is renamed to {new}, so no other column may be called "
                f"{new}. Received: {', '.join(names)} beside {', '.join(taken)}. Rename one of the columns {name} and "
                f"{new}."
            )
    return given


def has_bytes(kind: pa.DataType) -> bool:
    """Whether a column holds photos as Hugging Face's datasets store them: a structure of bytes and path."""
    return pa.types.is_struct(kind) and {"bytes", "path"} <= {field.name for field in kind}


def as_text(column: pa.ChunkedArray, subject: str) -> pa.ChunkedArray:
    """Return a column as text. `subject`: its name at the beginning of an error.

    Raises:
        UserError: it holds lists, structures or bytes.
    """
    try:
        return column.cast(pa.string())
    except pa.ArrowException as error:
        raise UserError(
            f"{subject} must hold one text or number in each row. Received: the type {column.type}. Convert it, or "
            "name another column in the configuration."
        ) from error


def clean_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return text without blanks around it, composed by Unicode's NFC, and null where a value is missing: blank, or
    NaN as Python and Arrow write it. Other words, such as NA and None, are values."""
    text = pa.chunked_array(map(_composed, pc.utf8_trim_whitespace(column).chunks), pa.string())
    return pc.if_else(pc.is_in(text, value_set=pa.array(MISSING)), pa.scalar(None, pa.string()), text)


def repair_paths(paths: pa.ChunkedArray) -> pa.ChunkedArray:
    """Add `.jpg` to paths without a file extension."""
    repaired = []
    # Chunk by chunk: temporary arrays of all of NDSC's paths add up to 100 MB.
    for chunk in paths.chunks:
        bare = pc.invert(pc.match_substring_regex(chunk, ENDING))
        repaired.append(pc.if_else(bare, pc.binary_join_element_wise(chunk, ".jpg", ""), chunk))
    return pa.chunked_array(repaired, pa.string())


def matching_paths(named: pa.ChunkedArray, known: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the paths that a user names as the data knows them; those that it does not know are repaired."""
    positions, names = find_names(named, known)
    return pc.coalesce(known.take(positions), names)


def find_names(named: pa.ChunkedArray, known: pa.ChunkedArray) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """Find names that may be spelled differently: the exact name first, then with `.jpg`, then what `_plain` leaves.

    Returns:
        The position of each name in `known`, null where it is missing, and the names, with `.jpg` unless they are found
        without.
    """
    repaired, positions = repair_paths(named), last_position(named, known)
    names = pc.if_else(pc.is_valid(positions), named, repaired)
    if positions.null_count:
        positions = pc.coalesce(positions, last_position(repaired, known))
    if positions.null_count:
        plain = _plain(known)
        as_named = last_position(_plain(named), plain)
        names = pc.if_else(pc.and_(pc.is_null(positions), pc.is_valid(as_named)), named, names)
        positions = pc.coalesce(positions, as_named, last_position(_plain(repaired), plain))
    return positions, names


def with_plain_slashes(names: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return paths with slashes for backslashes, without `./` and repeated slashes."""
    names = pc.replace_substring(names, "\\", "/")
    names = pc.replace_substring_regex(names, r"^(\.?/)+", "")
    return pc.replace_substring_regex(names, r"/(\.?/)+", "/")


def _plain(names: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return names that are equal where only slashes, Unicode's form, blanks around or the ending's case differ."""
    names = pc.utf8_normalize(pc.utf8_trim_whitespace(with_plain_slashes(names)), form="NFD")
    ending = pc.struct_field(pc.extract_regex(names, f"(?P<ending>{ENDING})"), "ending")
    stem = pc.replace_substring_regex(names, ENDING, "")
    return pc.binary_join_element_wise(stem, pc.utf8_lower(pc.fill_null(ending, "")), "")


def last_position(wanted: pa.ChunkedArray, names: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the position in `names` of each wanted name, null where it is missing; of equal names the last one's."""
    last = len(names) - 1
    backwards = names.take(pa.array(np.arange(last, -1, -1)))
    return pc.subtract(pa.scalar(last, pa.int64()), pc.index_in(wanted, value_set=backwards).cast(pa.int64()))


def _composed(text: pa.Array) -> pa.Array:
    # Arrow's utf8_normalize decomposes for NFC too.
    if pc.all(pc.string_is_ascii(text)).as_py():
        return text
    composed = (value and unicodedata.normalize("NFC", value) for value in text.to_pylist())
    return pa.array(composed, pa.string())
