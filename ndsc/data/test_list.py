"""The photos that `sampling.test.list` names: they are the test, as difficult as it says, and nothing else is, whatever
the column of `split.by` says."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ndsc.data.manifest import DIFFICULTIES
from ndsc.data.user_tables import blank_to_null, matching_paths, read_table, require_columns
from ndsc.errors import UserError

SETTING = "sampling.test.list"


def find_test_list(rows: pa.Table, path: str | None) -> tuple[dict[int, str], np.ndarray]:
    """Positions and difficulties of the photos that `sampling.test.list` names, and which listings may still be drawn:
    (n,) booleans, false for all that share a path with one of them.

    Raises:
        UserError: the list names a photo that is not in the data, or contradicts the data or itself.
    """
    if path is None:
        return {}, np.ones(rows.num_rows, bool)
    listed = read_table(Path(path), SETTING, text_columns=("image_path", "difficulty", "label"))
    require_columns(listed.column_names, ["image_path", "difficulty"], SETTING)
    known = rows.column("image_path")
    paths = matching_paths(listed.column("image_path"), known)
    position = pc.index_in(paths, value_set=known)
    absent = paths.filter(pc.is_null(position))
    if len(absent):
        raise UserError(
            f"{SETTING} must name photos as the data's column image_path does. Received: {path}, of whose "
            f"{len(listed)} photos {len(absent)} are not in the data, for instance {absent[0]}. Mend the list."
        )
    difficulty = blank_to_null(listed.column("difficulty"))
    _validate_odd_difficulties(paths, difficulty, path)
    if "label" in listed.column_names:
        _validate_other_labels(paths, blank_to_null(listed.column("label")), rows.column("label").take(position), path)
    free = pc.invert(pc.is_in(known, value_set=paths)).to_numpy()
    return dict(zip(position.to_pylist(), difficulty.to_pylist(), strict=True)), free


def _validate_odd_difficulties(paths: pa.ChunkedArray, difficulty: pa.ChunkedArray, path: str) -> None:
    if difficulty.null_count:
        raise UserError(
            f"{SETTING} must say how difficult each photo is ({', '.join(DIFFICULTIES)}). Received: {path}, with "
            f"{difficulty.null_count} empty fields. Mend the list."
        )
    pairs = list(zip(paths.to_pylist(), difficulty.to_pylist(), strict=True))
    odd = [pair for pair in pairs if pair[1] not in DIFFICULTIES]
    if odd:
        raise UserError(
            f"{SETTING} must say how difficult each photo is ({', '.join(DIFFICULTIES)}). Received: {path}, with "
            f"{len(odd)} other values, first {odd[0][1]!r} for {odd[0][0]}. Mend the list."
        )
    said: dict[str, str] = {}
    twofold = [photo for photo, value in pairs if said.setdefault(photo, value) != value]
    if twofold:
        raise UserError(
            f"{SETTING} must say one difficulty of a photo. Received: {path}, with {len(twofold)} rows that contradict "
            f"an earlier one, first of {twofold[0]}. Mend the list."
        )


def _validate_other_labels(paths: pa.ChunkedArray, stated: pa.ChunkedArray, labels: pa.ChunkedArray, path: str) -> None:
    differ = pc.fill_null(pc.not_equal(stated, labels), False)
    count = pc.sum(differ).as_py()
    if count:
        photo, said, label = (column.filter(differ)[0] for column in (paths, stated, labels))
        raise UserError(
            f"The labels in {SETTING} must be those of the data. Received: {path}, with {count} photos under another "
            f"label, first {photo}: {said} in the list, {label} in the data. Mend the list, look at data.labels, or "
            "leave the column label out."
        )
