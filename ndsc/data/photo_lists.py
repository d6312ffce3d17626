"""Lists of photos: the test photos in `sampling.test.list`, the photos to leave out in `sampling.exclude` (written by a
person or by `python -m ndsc.audit`), and the photos that a run cannot use."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ndsc.data.user_tables import (
    EXCLUDE,
    TEST_LIST,
    exclusion_table,
    matching_paths,
    test_list_table,
)
from ndsc.errors import UserError
from ndsc.evaluation.predictions import DIFFICULTIES

log = logging.getLogger(__name__)

# Spreadsheets write a tick in several ways; an empty field means no, as in a row with nothing but a note.
ANSWERS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False, "": False}
MOST_SHOWN = 5


def find_test_list(rows: pa.Table, path: str | None) -> tuple[dict[int, str], np.ndarray]:
    """Find the test photos in a catalogue: these are the test set, whatever the column of `split.by` says.

    Returns:
        Their difficulties by position in the catalogue, and (n,) booleans: which listings may still be drawn, false for
        all that share a path with a test photo.

    Raises:
        UserError: the list names a photo that is not in the data, or contradicts the data or itself.
    """
    if path is None:
        return {}, np.ones(rows.num_rows, bool)
    table = test_list_table(path).read()
    known = rows.column("image_path")
    paths = matching_paths(table.column("image_path"), known)
    position = pc.index_in(paths, value_set=known)
    columns = {"image_path": paths, "difficulty": table.column("difficulty").fill_null("")}
    if "label" in table.column_names:
        columns |= {"label": table.column("label"), "in_data": rows.column("label").take(position)}
    listed = pa.table(columns).to_pandas()
    _validate_test_list(path, listed, pc.is_null(position).to_numpy())
    free = pc.invert(pc.is_in(known, value_set=paths)).to_numpy()
    return dict(zip(position.to_pylist(), listed["difficulty"], strict=True)), free


def warn_missing_test_photos(missing: pd.DataFrame) -> None:
    """Log a warning for test photos that cannot be used. Nothing replaces them, and a test without its hard photos
    is too easy.

    Args:
        missing: image_path and reason of photos that the test list or a column named; may be empty.
    """
    if missing.empty:
        return
    named = [f"{path} ({reason})" for path, reason in zip(missing["image_path"], missing["reason"], strict=True)]
    log.warning(
        "%d of the test photos that the data or sampling.test.list names are missing from the test, which may become "
        "easier than intended; nothing replaces them: %s",
        len(named),
        join_first(named),
    )


def validate_classes(classes: Iterable[str], used: Iterable[str], unused: pd.DataFrame, advice: str) -> None:
    """Check that no class vanishes because none of its photos is used.

    Args:
        classes: all labels.
        used: the labels of the photos that are used.
        unused: label and reason of the others.

    Raises:
        UserError: a class has vanished; the message counts the reasons and gives the advice.
    """
    classes = set(classes)
    vanished = sorted(classes - set(used))
    if vanished:
        shown = [f"{label}: {count_reasons(unused.loc[unused['label'] == label, 'reason'])}" for label in vanished]
        raise UserError(
            f"Every class must have photos that can be used. Received: {len(vanished)} of {len(classes)} classes "
            f"without any ({join_first(shown, '; ')}). {advice}"
        )


def count_reasons(reasons: pd.Series) -> str:
    """Return a text like `2 × not an image, 1 × empty file`."""
    return ", ".join(f"{count} × {reason}" for reason, count in reasons.value_counts().items())


def join_first(names: Sequence[str], separator: str = ", ") -> str:
    """Return a text with the first few names, and an ellipsis if there are more."""
    return separator.join([*names[:MOST_SHOWN], *["…"] * (len(names) > MOST_SHOWN)])


@dataclass(frozen=True)
class Excluded:
    """(n,) booleans by position in the catalogue; the listings that are true there, with image_path, label and issue
    (the reason, in the file's words); and how many of the file's photos are not in the data."""

    mask: np.ndarray
    listings: pd.DataFrame
    unmatched: int


def find_excluded(rows: pa.Table, path: str) -> Excluded:
    """Find the listings of a catalogue whose photo the file at `path` excludes, whatever their labels.

    Raises:
        UserError: the file is missing, lacks a column, holds other values than yes and no, or names only photos that
            are not in the data.
    """
    known = rows.column("image_path")
    table = exclusion_table(path).read()
    paths = matching_paths(table.column("image_path"), known)
    here = pc.is_in(paths, value_set=known).to_numpy()
    if len(here) and not here.any():
        raise UserError(
            f"{EXCLUDE} must name photos as the data's column image_path does, for instance {known[0]}. Received: "
            f"{path}, which names {paths[0]} and no photo of this data. Fix the path or the file."
        )
    wanted = _answers(table.column("exclude"), path)
    mask = pc.is_in(known, value_set=paths.filter(pa.array(wanted))).to_numpy()
    issues = table.column("issue") if "issue" in table.column_names else pa.chunked_array([[""] * len(paths)])
    reasons = dict(zip(paths.to_pylist(), issues.to_pylist(), strict=True))
    listings = rows.select(["image_path", "label"]).filter(pa.array(mask)).to_pandas()
    listings["issue"] = [reasons.get(name) or "" for name in listings["image_path"]]
    return Excluded(mask, listings, int((wanted & ~here).sum()))


def _answers(values: pa.ChunkedArray, path: str) -> np.ndarray:
    """(n,) booleans of a column of yes and no."""
    words = values.fill_null("").to_pandas().str.strip().str.lower()
    odd = words[~words.isin(list(ANSWERS))]
    if len(odd):
        raise UserError(
            f"The column exclude of {EXCLUDE} must contain yes or no. Received: {path}, with {len(odd)} other values, "
            f"first {odd.iloc[0]!r} in line {odd.index[0] + 2}. Fix the file."
        )
    return words.map(ANSWERS).to_numpy(bool)


def _validate_test_list(path: str, listed: pd.DataFrame, absent: np.ndarray) -> None:
    """Compare the list with the data and with itself. `absent`: (n,) booleans, which photos are not in the data."""

    def check(wrong: np.ndarray | pd.Series, expected: str, received: str, also: str = "") -> None:
        if wrong.any():
            first = listed[wrong].iloc[0]
            raise UserError(
                f"{TEST_LIST} must {expected}. Received: {path}, with {wrong.sum()} {received.format(**first)}. Fix "
                f"the list{also}."
            )

    difficulty = listed["difficulty"]
    check(
        absent,
        "name photos as the data's column image_path does",
        f"of {len(listed)} photos that are not in the data, first {{image_path}}",
    )
    check(
        ~difficulty.isin(DIFFICULTIES),
        f"give the difficulty of each photo ({', '.join(DIFFICULTIES)})",
        "other values, first {difficulty!r} for {image_path}",
    )
    check(
        difficulty != difficulty.groupby(listed["image_path"]).transform("first"),
        "give one difficulty for each photo",
        "rows that contradict an earlier one, first of {image_path}",
    )
    if "label" in listed:
        check(
            listed["label"].notna() & (listed["label"] != listed["in_data"]),
            "give photos the labels that they have in the data",
            "photos under another label, first {image_path}: {label} in the list, {in_data} in the data",
            ", check data.labels, or leave the column label out",
        )
