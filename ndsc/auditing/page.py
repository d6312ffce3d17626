"""The audit's page: what was found, a sample of the photos, and what to do about it."""

from collections.abc import Callable, Sequence

import pandas as pd

from ndsc.auditing import markup
from ndsc.auditing.findings import Findings
from ndsc.auditing.issues import looks_like
from ndsc.auditing.labels import believable, ranked, well_known
from ndsc.auditing.markup import Card
from ndsc.evaluation.figures.style import counted, percent
from ndsc.evaluation.intervals import SIZES, size_bucket

MOST_GROUPS = 16
MOST_OF_A_GROUP = 4
MOST_BROKEN = 30
ADVICE = {
    "dark": "Hardly anything can be seen in these. Where you cannot tell the class, say yes in audit.csv.",
    "blurred": "Not even their sharpest edges are sharp. Where you cannot tell the class, say yes in audit.csv.",
    "nearly blank": "Next to nothing but one shade, the emptiest first: placeholders, or slim things on a white "
    "ground. Those of a single shade are left out unless you say no in audit.csv; of the others, say yes to those "
    "without a product.",
}


class Page:
    """Writes the page of one audit.

    Args:
        verdicts: see `verdict_table`.
        thumbnail: from a position among the photos to an address of a small picture of it.
        shown: photos in a section.
    """

    def __init__(self, findings: Findings, verdicts: pd.DataFrame, thumbnail: Callable[[int], str], shown: int) -> None:
        self._found, self._verdicts, self._thumbnail, self._shown = findings, verdicts, thumbnail, shown

    def html(self, source: str, made: str, command: str) -> str:
        """The whole page.

        Args:
            source: where the photos come from. made: when, by which features. command: how to train without what was
                found.
        """
        found = self._found
        total = len(found.photos) + len(found.rejected)
        head = (
            f"<h1>{counted(total, 'photo')} looked at, {self._left_out():,} proposed to leave out</h1>"
            f'<p class="muted">{markup.escape(source)}. {markup.escape(made)}</p>'
        )
        parts = [head, self._tiles(), self._next(command), self._classes(), self._sizes(), self._broken()]
        parts += [self._duplicates(), self._labels(), self._odd()]
        parts += [self._appearance(issue) for issue in found.appearance]
        return markup.document(f"Audit of {source}", parts)

    def _left_out(self) -> int:
        return int((self._verdicts["exclude"] == "yes").sum())

    def _tiles(self) -> str:
        found = self._found
        two = int((found.copies["labels"] > 1).sum())
        return markup.tiles(
            {
                "photos that can be used": (len(found.photos), "classes"),
                "broken": (len(found.rejected), "broken"),
                "copies of another photo": (_surplus(found.copies), "duplicates"),
                "under two labels": (two, "duplicates"),
                "likely wrong labels": (int(found.labels["wrong"].sum()), "labels"),
                "doubtful labels": (int((found.labels["doubtful"] & ~found.labels["wrong"]).sum()), "labels"),
                "odd for their class": (len(found.odd), "odd"),
                **{issue: (int(scores.notna().sum()), _name(issue)) for issue, scores in found.appearance.items()},
            }
        )

    def _next(self, command: str) -> str:
        return markup.section(
            "next",
            "What to do with this",
            None,
            "Go through audit.csv in a spreadsheet, set the column exclude to yes or no, save it as CSV, and train "
            "without what is marked yes. What is left out is left out of validation too, so an accuracy reached "
            "without the doubtful photos is not comparable to one reached with them.",
            [f"<pre>{markup.escape(command)}</pre>"],
        )

    def _classes(self) -> str:
        found = self._found
        good, bad = found.photos["label"].value_counts(), found.rejected["label"].value_counts()
        names = sorted({*good.index, *bad.index}, key=lambda name: (-int(good.get(name, 0)), name))
        rows = [(str(name), int(good.get(name, 0)), int(bad.get(name, 0))) for name in names]
        advice = (
            "A class with far fewer photos than the others is learned less well: take as many of each "
            "(sampling.per_class), or weigh them up (training.class_weights=balanced)."
        )
        return markup.section("classes", "Photos of each class", None, advice, [markup.bars(rows)])

    def _sizes(self) -> str:
        photos = self._found.photos
        sizes = size_bucket(photos["width"], photos["height"]).value_counts()
        formats = photos["format"].value_counts()
        sides = markup.bars([(name, int(sizes.get(name, 0)), 0) for name in SIZES])
        kinds = markup.bars([(str(name), int(count), 0) for name, count in formats.items()])
        columns = f"<div><h3>Shorter side</h3>{sides}</div><div><h3>Format, by their bytes</h3>{kinds}</div>"
        advice = (
            "Photos smaller than backbone.image_size are enlarged: where many are, a smaller image_size costs "
            "nothing and is faster."
        )
        return markup.section("sizes", "Sizes", None, advice, [f'<div class="columns">{columns}</div>'])

    def _broken(self) -> str:
        rows = self._found.rejected
        reasons = markup.bars([(str(reason), int(count), 0) for reason, count in rows["reason"].value_counts().items()])
        listed = markup.table(rows[["image_path", "label", "reason"]].head(MOST_BROKEN).astype(str).to_numpy().tolist())
        advice = (
            "These files hold no photo that could be used; training passes them over by itself. Fetch them anew, "
            "or take them out of the listings."
        )
        parts = [reasons, "<h3>Files</h3>", listed, markup.more(MOST_BROKEN, len(rows), "broken.csv")]
        return markup.section("broken", "Broken files", len(rows), advice, parts if len(rows) else [])

    def _duplicates(self) -> str:
        copies = self._found.copies
        chosen = list(copies.groupby("group", sort=True))[:MOST_GROUPS]
        framed = [self._group(rows) for _, rows in chosen]
        advice = (
            "Training keeps copies on one side of a split: by itself where they have the same bytes, with "
            "split.duplicates=near where they show the same picture. Under two labels, it sets them aside: decide "
            "which label is right, and mend the other listing."
        )
        rest = markup.more(len(chosen), copies["group"].nunique(), "duplicates.csv", "more groups")
        parts = [markup.groups(framed), rest] if framed else []
        return markup.section("duplicates", "Copies of another photo", _surplus(copies), advice, parts)

    def _group(self, rows: pd.DataFrame) -> list[Card]:
        two = bool((rows["labels"] > 1).any())
        first = rows.iloc[0]
        beside = f"group {first['group']}: {counted(len(rows), 'photo')}, {first['alike']}"
        # Of a group under two labels, both are shown.
        ordered = rows.loc[[*rows.drop_duplicates("label").index, *rows[rows.duplicated("label")].index]]
        return [
            Card(self._thumbnail(int(row["position"])), str(row["label"]), beside, row["image_path"], two)
            for _, row in ordered.head(MOST_OF_A_GROUP).iterrows()
        ]

    def _labels(self) -> str:
        found = self._found
        doubtful = [
            at for at in ranked(found.labels) if found.labels.at[at, "doubtful"] or found.labels.at[at, "wrong"]
        ]
        judged = found.labels["quality"].notna()
        right = float((~found.labels.loc[judged, "doubtful"]).mean())
        advice = (
            f"A classifier that never saw these photos, and is right on {percent(right)} of all, would call them "
            "something else; the surest come first. Mend the labels that are wrong; where one is right, the photo is "
            "a hard one, and worth keeping. "
        )
        if believable(found.labels):
            advice += "The ones in orange are left out unless you say no in audit.csv."
        else:
            advice += "It errs too often to be believed without a look, so none is left out unless you say yes in "
            advice += "audit.csv."
        return self._photos(
            "labels",
            "Doubtful labels",
            doubtful,
            advice,
            "labels.csv",
            lambda at: (f"{found.photos.at[at, 'label']}?", looks_like(found, at)),
            bad=found.labels["wrong"] & well_known(found.labels),
        )

    def _odd(self) -> str:
        found = self._found
        advice = (
            "These are unlike all others of their class: something that belongs to no class, or a rare kind worth "
            "having more photos of. Nothing is left out for this unless you say yes in audit.csv."
        )
        return self._photos(
            "odd",
            "Odd for their class",
            found.odd,
            advice,
            "odd.csv",
            lambda at: (found.photos.at[at, "label"], f"{found.oddity[at]:.1f} deviations from its class"),
        )

    def _appearance(self, issue: str) -> str:
        scores = self._found.appearance[issue].dropna().sort_values(kind="stable")
        return self._photos(
            _name(issue),
            issue.capitalize(),
            scores.index,
            ADVICE[issue],
            "appearance.csv",
            lambda at: (self._found.photos.at[at, "label"], f"{issue}: score {scores[at]:.2f}"),
        )

    def _photos(
        self,
        name: str,
        title: str,
        positions: Sequence[int],
        advice: str,
        file: str,
        told: Callable[[int], tuple[str, str]],
        bad: pd.Series | None = None,
    ) -> str:
        """A section that shows the first of these photos, with two lines on each; `bad` says for every photo whether
        it stands out."""
        shown = list(positions)[: self._shown]
        paths = self._found.photos["image_path"]
        made = [Card(self._thumbnail(at), *told(at), paths[at], bad is not None and bool(bad[at])) for at in shown]
        parts = [markup.cards(made), markup.more(len(shown), len(positions), file)] if shown else []
        return markup.section(name, title, len(positions), advice, parts)


def _surplus(copies: pd.DataFrame) -> int:
    """How many photos fewer there would be with one of each group."""
    return len(copies) - copies["group"].nunique()


def _name(issue: str) -> str:
    return issue.replace(" ", "_")
