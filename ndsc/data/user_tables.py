"""Tables that users bring: read with errors they can act on, and joined by photo."""

import csv
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from ndsc.errors import UserError


def read_table(path: Path, setting: str, text_columns: Collection[str] = ()) -> pa.Table:
    """A CSV (with a header line, UTF-8) or a Parquet file. `setting` is what errors call it, e.g. `data.metadata`.

    `text_columns` are text in the result even where every value looks like a number.

    Raises:
        UserError: it is missing, not what its name says, or has two columns of one name.
    """
    with _readable(path, setting):
        _names(path, setting)
        table = pyarrow.parquet.read_table(path) if _is_parquet(path) else _read_csv(path, text_columns)
    # Arrow would keep what it needed for reading: 80 MB after NDSC's train.csv.
    pa.default_memory_pool().release_unused()
    for number, column in enumerate(table.columns):
        if pa.types.is_dictionary(column.type):
            table = table.set_column(number, table.column_names[number], column.cast(column.type.value_type))
        if table.column_names[number] in text_columns:
            table = table.set_column(number, table.column_names[number], table.column(number).cast(pa.string()))
    return table


def column_names(path: Path, setting: str) -> list[str]:
    """The names of a table's columns, without reading the rest of it.

    Raises:
        UserError: as `read_table`.
    """
    with _readable(path, setting):
        return _names(path, setting)


def require_columns(present: Collection[str], names: Collection[str], setting: str) -> None:
    """Check that the columns present include these.

    Raises:
        UserError: they do not; names those present.
    """
    missing = [name for name in names if name not in present]
    if missing:
        raise UserError(
            f"{setting} must have the column{'s' * (len(missing) > 1)} {', '.join(missing)}. Received: "
            f"{', '.join(present)}. Rename the columns, or name the right ones in the configuration."
        )


def blank_to_null(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text in which nothing stands for the empty text, as a CSV cannot tell them apart."""
    return pc.if_else(pc.equal(values, ""), pa.scalar(None, pa.string()), values)


def repair_paths(paths: pa.ChunkedArray) -> tuple[pa.ChunkedArray, int]:
    """Paths whose `.jpg` was lost get it back; also returns how many."""
    repaired, count = [], 0
    # Chunk by chunk: what is thrown away on the way adds up to 100 MB for NDSC.
    for chunk in paths.chunks:
        bare = pc.invert(pc.match_substring_regex(chunk, r"\.[0-9A-Za-z]+$"))
        repaired.append(pc.if_else(bare, pc.binary_join_element_wise(chunk, ".jpg", ""), chunk))
        count += pc.sum(bare).as_py() or 0
    return pa.chunked_array(repaired, pa.string()), count


def last_position(wanted: pa.ChunkedArray, names: pa.ChunkedArray) -> pa.ChunkedArray:
    """Where in `names` each wanted name stands, null where it does not; of equal names the last counts."""
    last = len(names) - 1
    backwards = names.take(pa.array(np.arange(last, -1, -1)))
    return pc.subtract(pa.scalar(last, pa.int64()), pc.index_in(wanted, value_set=backwards).cast(pa.int64()))


def names_beside(taken: Collection[str], names: Collection[str], prefix: str) -> dict[str, str]:
    """What columns are called when they come beside others: a name that is taken already gets the prefix.

    Raises:
        UserError: the name with the prefix is taken too.
    """
    given = {name: f"{prefix}_{name}" if name in taken else name for name in names}
    for name, new in given.items():
        if new != name and (new in taken or new in names):
            raise UserError(
                f"A column {name} that comes beside another of this name is called {new}, so no other column may be. "
                f"Received: {', '.join(names)} beside {', '.join(taken)}. Rename one of the columns {name} and {new}."
            )
    return given


def add_columns(rows: pa.Table, more: pa.Table, prefix: str) -> pa.Table:
    """`rows` with all columns of `more`, under their `names_beside`."""
    for name, given in names_beside(rows.column_names, more.column_names, prefix).items():
        rows = rows.append_column(given, more.column(name))
    return rows


def matching_paths(named: pa.ChunkedArray, known: pa.ChunkedArray) -> pa.ChunkedArray:
    """Paths that a user names, as they are where they are known so, repaired elsewhere."""
    return pc.if_else(pc.is_in(named, value_set=known), named, repair_paths(named)[0])


def join_extra(rows: pa.Table, extra: pa.Table) -> tuple[pa.Table, dict[str, int]]:
    """`rows` with the columns of `extra` where the image_path is the same, null elsewhere; and what did not match.

    Raises:
        UserError: nothing matches.
    """
    require_columns(extra.column_names, ["image_path"], "data.metadata")
    paths = matching_paths(extra.column("image_path"), rows.column("image_path"))
    positions = last_position(rows.column("image_path"), paths)
    if positions.null_count == len(positions):
        raise UserError(
            f"data.metadata must name the same photos as the data, for instance {rows.column('image_path')[0]}. "
            f"Received: {paths[0] if len(paths) else 'an empty table'}, and no row that matches. Mend its image_path "
            "column."
        )
    unmatched = pc.invert(pc.is_in(paths, value_set=rows.column("image_path")))
    facts = {"extra_unmatched": pc.sum(unmatched).as_py(), "listings_without_extra": positions.null_count}
    return add_columns(rows, extra.drop_columns("image_path").take(positions), "extra"), facts


@contextmanager
def _readable(path: Path, setting: str) -> Iterator[None]:
    """What reading a table can raise, as a UserError."""
    if not path.is_file():
        raise UserError(
            f"{setting} must be a CSV or Parquet file. Received: {path}, which does not exist. Mend the path."
        )
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError, csv.Error) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"{setting} must be a UTF-8 CSV with a header line, or a Parquet file whose name ends in .parquet. "
            f"Received: {path} ({reason}). Mend the file."
        ) from error


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() == ".parquet"


def _names(path: Path, setting: str) -> list[str]:
    if _is_parquet(path):
        names = pyarrow.parquet.read_schema(path).names
    else:
        with path.open(encoding="utf-8-sig", newline="") as file:
            names = next(csv.reader(file), [])
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise UserError(
            f"Every column of {setting} must have a name of its own. Received: {path}, with more than one column "
            f"called {', '.join(repeated)}. Rename or remove all but one."
        )
    return names


def _read_csv(path: Path, text_columns: Collection[str]) -> pa.Table:
    return pyarrow.csv.read_csv(
        path,
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(column_types={name: pa.string() for name in text_columns}),
    )
