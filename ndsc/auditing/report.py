"""The folder that an audit leaves: the page, and a table for each of its sections."""

import base64
import io
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from ndsc.auditing.appearance import photo
from ndsc.auditing.findings import Findings
from ndsc.auditing.labels import ranked
from ndsc.caching.tables import replaced
from ndsc.errors import UserError
from ndsc.evaluation.intervals import size_bucket
from ndsc.storage.photo_reader import PhotoReader

PAGE, VERDICTS = "audit.html", "audit.csv"
TABLES = ("classes.csv", "sizes.csv", "broken.csv", "duplicates.csv", "labels.csv", "odd.csv", "appearance.csv")
# All that an audit writes, and so all that must not be there before.
FILES = (PAGE, VERDICTS, *TABLES)
THUMBNAIL_SIDE = 220  # pixels; shown at two thirds of that, for screens with more pixels
# Of the photos whose labels are the likeliest wrong, so many are listed even where none is.
LISTED_SUSPECTS = 0.1


def check_folder(folder: Path) -> None:
    """Look whether an audit can be written there.

    Raises:
        UserError: a file that it would write is there already: an earlier audit's, which a person may have edited, or
            one of the user's own.
    """
    taken = [name for name in FILES if (folder / name).exists()]
    if taken:
        raise UserError(
            "audit.output must name a folder without any file that an audit writes. Received: "
            f"audit.output={folder}, which has {', '.join(taken)}. Nothing was changed there; name another folder."
        )


def tables(findings: Findings) -> dict[str, pd.DataFrame]:
    """By file name (TABLES), what each section is about."""
    photos, named = findings.photos, ["image_path", "content", "label"]
    suspects = findings.labels.loc[ranked(findings.labels)]
    suspects = suspects[
        suspects["wrong"] | suspects["doubtful"] | (np.arange(len(suspects)) < LISTED_SUSPECTS * len(photos))
    ]
    doubtful = suspects.assign(likelier=[findings.classes[number] for number in suspects["likelier"]])
    looks = findings.appearance.dropna(how="all")
    found = (
        _class_table(findings),
        _size_table(photos),
        findings.rejected,
        findings.copies.drop(columns="position"),
        photos.loc[doubtful.index, named].join(doubtful),
        photos.loc[findings.odd, named].assign(deviations=findings.oddity[findings.odd]),
        photos.loc[looks.index, named].join(looks),
    )
    return dict(zip(TABLES, found, strict=True))


def _class_table(findings: Findings) -> pd.DataFrame:
    counts = {"photos": findings.photos["label"].value_counts(), "broken": findings.rejected["label"].value_counts()}
    return pd.DataFrame(counts).fillna(0).astype(int).rename_axis("label").sort_index().reset_index()


def _size_table(photos: pd.DataFrame) -> pd.DataFrame:
    sizes = size_bucket(photos["width"], photos["height"])
    return photos.groupby([sizes, "format"]).size().rename("photos").reset_index()


def thumbnails(photos: pd.DataFrame, reader: PhotoReader) -> Callable[[int], str]:
    """Gives, for a position among the photos, a small JPEG as an address that holds the picture itself."""
    made: dict[int, str] = {}

    def address(position: int) -> str:
        if position not in made:
            row = photos.iloc[position]
            picture = photo(reader.read(str(row["archive"]), int(row["offset"]), int(row["size"])))
            picture.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
            file = io.BytesIO()
            picture.save(file, "JPEG", quality=80, optimize=True)
            made[position] = f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
        return made[position]

    return address


def write_report(folder: Path, page: str, found: Mapping[str, pd.DataFrame]) -> None:
    """Write the page and the tables, each whole or not at all.

    Raises:
        UserError: a file of that name is there already, or the disk refuses.
    """
    check_folder(folder)
    try:
        for name, table in found.items():
            with replaced(folder / name) as unfinished:
                # With a mark of its encoding, or spreadsheets on Windows misread what is not English.
                unfinished.write_bytes(table.to_csv(index=False, lineterminator="\n").encode("utf-8-sig"))
        with replaced(folder / PAGE) as unfinished:
            unfinished.write_bytes(page.encode("utf-8"))
    except OSError as error:
        raise UserError(
            f"audit.output must name a folder that can be written. Received: {folder} ({error.strerror or error}). "
            "Free some space there, or name another folder."
        ) from error
