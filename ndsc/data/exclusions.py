"""The photos that `sampling.exclude` leaves out: a person's verdicts, or those of `python -m ndsc.audit`."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ndsc.data.user_tables import matching_paths, read_table, require_columns
from ndsc.errors import UserError

SETTING = "sampling.exclude"
COLUMNS = ("image_path", "exclude")
# What spreadsheets make of a tick; nothing means no, as in a row that somebody only took a note in.
MEANINGS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False, "": False}


@dataclass(frozen=True)
class Excluded:
    """(n,) booleans by position in the catalogue; the listings that are true there, with image_path, label and issue
    (why, in the file's words); and how many of the file's photos are not in the data."""

    mask: np.ndarray
    listings: pd.DataFrame
    unmatched: int


def find_excluded(rows: pa.Table, path: str) -> Excluded:
    """The listings of a catalogue whose photo the file at `path` excludes, under whatever label they stand.

    Raises:
        UserError: the file is missing, lacks a column, says something else than yes and no, or names only photos that
            the data has not.
    """
    known = rows.column("image_path")
    table = read_table(Path(path).expanduser(), SETTING, text_columns=(*COLUMNS, "issue"))
    require_columns(table.column_names, COLUMNS, SETTING)
    paths = matching_paths(table.column("image_path"), known)
    here = pc.is_in(paths, value_set=known).to_numpy()
    if len(here) and not here.any():
        raise UserError(
            f"{SETTING} must name photos as the data's column image_path does, for instance {known[0]}. Received: "
            f"{path}, which names {paths[0]} and no photo of this data. Mend the path or the file."
        )
    wanted = _said(table.column("exclude"), path)
    mask = pc.is_in(known, value_set=paths.filter(pa.array(wanted))).to_numpy()
    issues = table.column("issue") if "issue" in table.column_names else pa.chunked_array([[""] * len(paths)])
    reasons = dict(zip(paths.to_pylist(), issues.to_pylist(), strict=True))
    return Excluded(mask, _listings(rows, reasons, np.flatnonzero(mask)), int((wanted & ~here).sum()))


def _said(answers: pa.ChunkedArray, path: str) -> np.ndarray:
    """(n,) booleans of a column of yes and no."""
    words = ["" if answer is None else answer.strip().lower() for answer in answers.to_pylist()]
    odd = [(line, word) for line, word in enumerate(words, start=2) if word not in MEANINGS]
    if odd:
        raise UserError(
            f"The column exclude of {SETTING} must say yes or no. Received: {path}, with {len(odd)} other values, "
            f"first {odd[0][1]!r} in line {odd[0][0]}. Mend the file."
        )
    return np.array([MEANINGS[word] for word in words], bool)


def _listings(rows: pa.Table, reasons: dict[str, str | None], positions: np.ndarray) -> pd.DataFrame:
    found = rows.select(["image_path", "label"]).take(pa.array(positions, pa.int64())).to_pandas()
    return found.assign(issue=[reasons.get(name) or "" for name in found["image_path"]])
