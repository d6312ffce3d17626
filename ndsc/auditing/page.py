"""The audit's page: the numbers, a selection of the photos, and what to do about them.

The words and shapes are in `page.html.jinja`; Jinja escapes whatever comes from the data.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from ndsc.auditing.findings import Findings
from ndsc.auditing.issues import describe_label
from ndsc.auditing.label_issues import has_learned_class, is_reliable, rank_labels
from ndsc.evaluation.figures import style
from ndsc.evaluation.figures.style import counted, percent
from ndsc.evaluation.intervals import SIZES, size_bucket

MAX_GROUPS = 16
MAX_GROUP_PHOTOS = 4
MAX_BROKEN = 30


class Bar(NamedTuple):
    """A bar of a chart: photos, and behind them those that are broken."""

    name: str
    photos: int
    broken: int = 0

    @property
    def total(self) -> int:
        return self.photos + self.broken


@dataclass(frozen=True)
class Card:
    """A photo with two lines of text. `image` is a URL; `highlighted` colours the first line."""

    image: str
    title: str
    detail: str
    path: str
    highlighted: bool = False


@dataclass(frozen=True)
class PhotoSection:
    """The photos with one issue: how many there are, and cards of the first ones."""

    count: int
    cards: Sequence[Card]


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
    sizes = size_bucket(photos["width"], photos["height"]).value_counts()
    return _template().render(
        source=source,
        made=made,
        command=command,
        colours={name: getattr(style, name) for name in ("BLUE", "FAINT", "INK", "MUTED", "ORANGE")},
        findings=findings,
        excluded=int((issues["exclude"] == "yes").sum()),
        classes=_class_bars(photos["label"].value_counts(), rejected["label"].value_counts()),
        sizes=[Bar(name, int(sizes.get(name, 0))) for name in SIZES],
        formats=_bars(photos["format"]),
        reasons=_bars(rejected["reason"]),
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


def _class_bars(usable: pd.Series, broken: pd.Series) -> list[Bar]:
    bars = [
        Bar(str(name), int(usable.get(name, 0)), int(broken.get(name, 0))) for name in {*usable.index, *broken.index}
    ]
    return sorted(bars, key=lambda bar: (-bar.photos, bar.name))


def _bars(values: pd.Series) -> list[Bar]:
    return [Bar(str(name), int(count)) for name, count in values.value_counts().items()]


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


def _photo_sections(findings: Findings, thumbnail: Callable[[int], str], max_photos: int) -> dict[str, PhotoSection]:
    """Return the sections of labels, outliers and each kind of appearance, by name."""
    names, paths, labels = findings.photos["label"], findings.photos["image_path"], findings.labels

    def section(
        positions: Sequence[int], details: Iterable[str], mark: str = "", highlighted: Collection[int] = ()
    ) -> PhotoSection:
        shown = zip(positions[:max_photos], details, strict=False)  # details are made for these photos only
        cards = [Card(thumbnail(at), f"{names[at]}{mark}", text, paths[at], at in highlighted) for at, text in shown]
        return PhotoSection(len(positions), cards)

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
