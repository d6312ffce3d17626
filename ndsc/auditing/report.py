"""The files of an audit: the page, the table of issues, and a table for each section of the page.

The words and shapes of the page are in `page.html.jinja`; Jinja escapes all text that comes from the data.
"""

import base64
import io
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from ndsc.auditing.appearance import decode_photo
from ndsc.auditing.findings import Findings
from ndsc.auditing.issues import describe_label
from ndsc.auditing.label_issues import has_learned_class, is_reliable, rank_labels
from ndsc.caching.atomic import atomic_write
from ndsc.errors import UserError
from ndsc.evaluation.figures import style
from ndsc.evaluation.figures.style import counted, percent
from ndsc.evaluation.intervals import SIZES, size_bucket
from ndsc.storage.photo_reader import PhotoReader

PAGE, ISSUES = "audit.html", "audit.csv"
TABLES = ("classes.csv", "sizes.csv", "broken.csv", "duplicates.csv", "labels.csv", "outliers.csv", "appearance.csv")
# All files that an audit writes; none of them may exist before.
FILES = (PAGE, ISSUES, *TABLES)
THUMBNAIL_SIDE = 220  # pixels; shown at two thirds of that, for screens of high density
# The share of all photos whose labels are listed even if none of them looks wrong, the most suspicious first.
LISTED_LABELS = 0.1
MAX_GROUPS = 16
MAX_GROUP_PHOTOS = 4
MAX_BROKEN = 30


@dataclass(frozen=True)
class Card:
    """A photo with two lines of text. `image` is a URL; `highlighted` colours the first line."""

    image: str
    title: str
    detail: str
    path: str
    highlighted: bool = False


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

    @cache  # a photo can be in several sections
    def data_url(position: int) -> str:
        row = photos.iloc[position]
        picture = decode_photo(reader.read(str(row["archive"]), int(row["offset"]), int(row["size"])))
        picture.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=80, optimize=True)
        return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"

    return data_url


def render_page(
    findings: Findings,
    issues: pd.DataFrame,
    thumbnail: Callable[[int], str],
    max_photos: int,
    *,
    source: str,
    made: str,
    command: str,
) -> str:
    """Return the page as HTML that needs no other file.

    Args:
        issues: see `issue_table`.
        thumbnail: returns the URL of a small picture for a position among the photos.
        max_photos: photos shown in a section.
        source: where the photos come from.
        made: the date and the features that were used.
        command: trains without the photos that are excluded.
    """
    photos, rejected = findings.photos, findings.rejected
    classes = _class_table(findings).set_index("label").sort_values("photos", ascending=False, kind="stable")
    sizes = size_bucket(photos["width"], photos["height"]).value_counts()
    return _template().render(
        source=source,
        made=made,
        command=command,
        colours={name: getattr(style, name) for name in ("BLUE", "FAINT", "INK", "MUTED", "ORANGE")},
        findings=findings,
        excluded=int((issues["exclude"] == "yes").sum()),
        classes=_bars(classes["photos"], classes["broken"]),
        sizes=_bars(sizes.reindex(list(SIZES), fill_value=0)),
        formats=_bars(photos["format"].value_counts()),
        reasons=_bars(rejected["reason"].value_counts()),
        broken=rejected[["image_path", "label", "reason"]].head(MAX_BROKEN).astype(str).to_numpy().tolist(),
        groups=list(_duplicate_groups(findings.duplicates, thumbnail)),
        photos=_photo_sections(findings, thumbnail, max_photos),
        reliable=is_reliable(findings.labels),
        **_counts(findings),
    )


def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("ndsc.auditing", ""), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"counted": counted, "percent": percent, "thousands": "{:,}".format}
    return environment.get_template("page.html.jinja")


def _counts(findings: Findings) -> dict[str, float]:
    """Return the numbers of photos with each issue, and the share of labels that the classifier agrees with."""
    labels = findings.labels
    return {
        "surplus": len(findings.duplicates) - findings.duplicates["group"].nunique(),
        "group_count": findings.duplicates["group"].nunique(),
        "two_labels": int((findings.duplicates["labels"] > 1).sum()),
        "wrong": int(labels["wrong"].sum()),
        "doubtful": int((labels["doubtful"] & ~labels["wrong"]).sum()),
        "accuracy": float((~labels.loc[labels["quality"].notna(), "doubtful"]).mean()),
    }


def _bars(photos: pd.Series, broken: pd.Series | int = 0) -> list[dict]:
    """Return the bars of a chart: the number of photos by name, and behind it the number of those that are broken."""
    bars = pd.DataFrame({"photos": photos, "broken": broken}).rename_axis("name")
    return bars.assign(total=bars["photos"] + bars["broken"]).reset_index().to_dict("records")


def _duplicate_groups(duplicates: pd.DataFrame, thumbnail: Callable[[int], str]) -> Iterator[list[Card]]:
    """Yield cards of the first groups. A group with two labels shows a photo of each."""
    for number, rows in list(duplicates.groupby("group", sort=True))[:MAX_GROUPS]:
        detail = f"group {number}: {counted(len(rows), 'photo')}, {rows['match'].iloc[0]}"
        repeated = rows.duplicated("label")
        shown = pd.concat([rows[~repeated], rows[repeated]]).head(MAX_GROUP_PHOTOS)
        yield [
            Card(thumbnail(int(row["position"])), str(row["label"]), detail, row["image_path"], row["labels"] > 1)
            for _, row in shown.iterrows()
        ]


def _photo_sections(findings: Findings, thumbnail: Callable[[int], str], max_photos: int) -> dict[str, dict]:
    """Return the sections of labels, outliers and each kind of appearance, by name.

    A section has the number of its photos (`count`) and the cards of the first ones (`cards`).
    """
    names, paths, labels = findings.photos["label"], findings.photos["image_path"], findings.labels

    def section(
        positions: Sequence[int], details: Iterable[str], mark: str = "", highlighted: Collection[int] = ()
    ) -> dict:
        shown = zip(positions[:max_photos], details, strict=False)  # details are made for these photos only
        cards = [Card(thumbnail(at), f"{names[at]}{mark}", text, paths[at], at in highlighted) for at, text in shown]
        return {"count": len(positions), "cards": cards}

    suspicious = [at for at in rank_labels(labels) if labels.at[at, "doubtful"] or labels.at[at, "wrong"]]
    wrong = set(labels.index[labels["wrong"] & has_learned_class(labels)])
    sections = {
        "labels": section(suspicious, (describe_label(findings, at) for at in suspicious), "?", wrong),
        "outliers": section(
            findings.outliers.tolist(),
            (f"{findings.deviations[at]:.1f} deviations from its class" for at in findings.outliers),
        ),
    }
    for issue in findings.appearance:
        scores = findings.appearance[issue].dropna().sort_values(kind="stable")
        sections[str(issue)] = section(scores.index.tolist(), (f"{issue}: score {score:.2f}" for score in scores))
    return sections


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
