"""The files of an audit: the page, the table of issues, and a table for each section of the page."""

import base64
import io
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from ndsc.auditing.appearance import decode_photo
from ndsc.auditing.findings import Findings
from ndsc.auditing.label_issues import rank_labels
from ndsc.caching.atomic import atomic_write
from ndsc.errors import UserError
from ndsc.evaluation.intervals import size_bucket
from ndsc.storage.photo_reader import PhotoReader

PAGE, ISSUES = "audit.html", "audit.csv"
TABLES = ("classes.csv", "sizes.csv", "broken.csv", "duplicates.csv", "labels.csv", "outliers.csv", "appearance.csv")
# All files that an audit writes; none of them may exist before.
FILES = (PAGE, ISSUES, *TABLES)
THUMBNAIL_SIDE = 220  # pixels; shown at two thirds of that, for screens of high density
# The share of all photos whose labels are listed even if none of them looks wrong, the most suspicious first.
LISTED_LABELS = 0.1


def check_folder(folder: Path) -> None:
    """Check that an audit can be written to a folder without overwriting anything.

    Raises:
        UserError: one of the files exists: from an earlier audit, which a person may have edited, or the user's own.
    """
    existing = [name for name in FILES if (folder / name).exists()]
    if existing:
        raise UserError(
            "audit.output must name a folder without earlier results of an audit. Received: "
            f"audit.output={folder}, which has {', '.join(existing)}. Nothing was changed; name another folder."
        )


def tables(findings: Findings) -> dict[str, pd.DataFrame]:
    """Return the table of each section by file name (TABLES)."""
    photos, named = findings.photos, ["image_path", "content", "label"]
    ranked = findings.labels.loc[rank_labels(findings.labels)]
    first = np.arange(len(ranked)) < LISTED_LABELS * len(photos)
    listed = ranked[ranked["wrong"] | ranked["doubtful"] | first]
    listed = listed.assign(likelier=[findings.classes[number] for number in listed["likelier"]])
    appearance = findings.appearance.dropna(how="all")
    found = (
        _class_table(findings),
        _size_table(photos),
        findings.rejected,
        findings.duplicates.drop(columns="position"),
        photos.loc[listed.index, named].join(listed),
        photos.loc[findings.outliers, named].assign(deviations=findings.deviations[findings.outliers]),
        photos.loc[appearance.index, named].join(appearance),
    )
    return dict(zip(TABLES, found, strict=True))


def _class_table(findings: Findings) -> pd.DataFrame:
    counts = {"photos": findings.photos["label"].value_counts(), "broken": findings.rejected["label"].value_counts()}
    return pd.DataFrame(counts).fillna(0).astype(int).rename_axis("label").sort_index().reset_index()


def _size_table(photos: pd.DataFrame) -> pd.DataFrame:
    sizes = size_bucket(photos["width"], photos["height"])
    return photos.groupby([sizes, "format"]).size().rename("photos").reset_index()


def thumbnails(photos: pd.DataFrame, reader: PhotoReader) -> Callable[[int], str]:
    """Return a function from a position among the photos to a small JPEG as a data URL."""

    @cache  # a photo can stand in several sections
    def data_url(position: int) -> str:
        row = photos.iloc[position]
        picture = decode_photo(reader.read(str(row["archive"]), int(row["offset"]), int(row["size"])))
        picture.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=80, optimize=True)
        return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"

    return data_url


def write_report(folder: Path, page: str, found: Mapping[str, pd.DataFrame]) -> None:
    """Write the page and the tables, each atomically.

    Raises:
        UserError: one of the files exists, or the folder cannot be written.
    """
    check_folder(folder)
    try:
        for name, table in found.items():
            with atomic_write(folder / name) as unfinished:
                # With a byte order mark: without it, spreadsheets on Windows misread other scripts.
                unfinished.write_bytes(table.to_csv(index=False, lineterminator="\n").encode("utf-8-sig"))
        with atomic_write(folder / PAGE) as unfinished:
            unfinished.write_bytes(page.encode("utf-8"))
    except OSError as error:
        raise UserError(
            f"audit.output must name a folder that can be written. Received: {folder} ({error.strerror or error}). "
            "Free some space there, or name another folder."
        ) from error
