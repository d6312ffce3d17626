"""Sheets of photos: what the network sees, test photos, confident mistakes and duplicate groups."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ndsc.evaluation.figures.style import BLUE, FAINT, INK, MARGIN, MUTED, ORANGE, Sheet, counted, percent, shorten
from ndsc.evaluation.predictions import DIFFICULTIES, Predictions

MAX_TEST_PHOTOS = 60
MAX_MISTAKES = 18
MAX_GROUPS = 12
MAX_GROUP_PHOTOS = 6

# Returns the pixels, (height, width, 3) grey levels from 0 to 255, of a row of the manifest.
ReadPhoto = Callable[[pd.Series], NDArray]


def view_sheet(views: NDArray, titles: Sequence[str]) -> Figure:
    """Draw a row per photo and a column per view, the original first.

    Args:
        views: (photos, views, height, width, 3) grey levels from 0 to 255.
        titles: one per photo.
    """
    photos, columns = views.shape[:2]
    cell, gap, names, heads = 1.25, 0.08, 1.6, 0.3  # inches
    augmented = columns > 1
    sheet = Sheet(
        f"Original photos and {counted(columns - 1, 'augmented view')}" if augmented else "Original photos",
        "The input of the network. A photo has the same views in every epoch, run and sweep."
        if augmented
        else "The input of the network. This policy does not augment.",
        width=max(2 * MARGIN + names + columns * (cell + gap), 5.0),
        body=heads + photos * (cell + gap) + MARGIN,
    )
    left, top = MARGIN + names, sheet.top + heads
    for view in range(columns):
        middle = left + view * (cell + gap) + cell / 2
        sheet.text(f"view {view}" if view else "original", middle, top - heads / 2, colour=MUTED, align="center")
    for row, title in enumerate(titles):
        y = top + row * (cell + gap)
        sheet.text("\n".join(shorten(line, 20) for line in title.splitlines()), MARGIN, y + cell / 2)
        for view in range(columns):
            sheet.photo(views[row, view], left + view * (cell + gap), y, cell)
    return sheet.figure


def photo_probabilities(test: Predictions, photo: ReadPhoto) -> Figure:
    """Draw a card per test photo with bars of its most probable classes, sorted by class and from easy to hard."""
    total, right = len(test.labels), int(test.correct.sum())
    ranks = test.rows["difficulty"].map({name: rank for rank, name in enumerate(DIFFICULTIES)})
    ranks = ranks.fillna(len(DIFFICULTIES)).head(MAX_TEST_PHOTOS)
    shown = np.lexsort((ranks, test.labels[: len(ranks)]))
    columns = min(len(shown), 3 if len(shown) <= 30 else 6)
    width, height = 3.3, 1.6  # inches, of a card
    sheet = Sheet(
        (f"All {counted(total, 'test photo')} right" if right == total else f"{right:,} of {total:,} test photos right")
        + (f", {len(shown)} of them shown" if len(shown) < total else ""),
        "By class, from easy to hard. Blue: the true class. Orange: a wrong prediction.",
        width=max(2 * MARGIN + columns * width, 6.0),
        body=-(-len(shown) // columns) * height + MARGIN / 2,
    )
    for cell, position in enumerate(shown):
        pixels = photo(test.rows.iloc[position])
        _card(sheet, MARGIN + cell % columns * width, sheet.top + cell // columns * height, pixels, test, position)
    return sheet.figure


def _card(sheet: Sheet, left: float, top: float, pixels: NDArray, test: Predictions, position: int) -> None:
    side, classes, probabilities = 1.4, test.classes, test.probabilities[position]  # the side is in inches
    truth, predicted = int(test.labels[position]), int(probabilities.argmax())
    sheet.photo(pixels, left, top, side, FAINT if truth == predicted else ORANGE)
    left += side + 0.12
    sheet.text(shorten(classes[truth], 18), left, top + 0.1, bold=True)
    sheet.text(test.rows["difficulty"].iloc[position] or "", left, top + 0.28, size=8, colour=MUTED)
    for line, shown in enumerate(_shown_classes(probabilities, truth)):
        colour = BLUE if shown == truth else ORANGE if shown == predicted else MUTED
        y = top + 0.47 + 0.32 * line
        sheet.text(shorten(classes[shown], 16), left, y, size=7.5, colour=INK if shown in (truth, predicted) else MUTED)
        sheet.text(percent(probabilities[shown]), left + 1.6, y, size=7.5, colour=colour, align="right")
        sheet.bar(left, y + 0.08, 1.6, 0.07, FAINT)
        sheet.bar(left, y + 0.08, 1.6 * float(probabilities[shown]), 0.07, colour)


def _shown_classes(probabilities: NDArray[np.floating], truth: int) -> list[int]:
    """Return the true class and the two most probable others, in the order of the classes."""
    ranked = np.argsort(-probabilities, kind="stable").tolist()
    ranked.remove(truth)
    return sorted([truth, *ranked[:2]])


def confident_mistakes(validation: Predictions, photo: ReadPhoto) -> Figure:
    """Draw a grid of misclassified photos, the most confident first."""
    mistakes, total = int((~validation.correct).sum()), len(validation.labels)
    if not mistakes:
        return Sheet(
            f"No mistakes: all {counted(total, 'photo')} right",
            "This sheet shows the photos that the classifier is wrong about, the most confident first.",
            width=7.5,
            body=MARGIN,
        ).figure
    table = validation.table().iloc[validation.most_confident_mistakes(MAX_MISTAKES)]
    columns = min(len(table), 6)
    cell, gap, words = 1.75, 0.2, 0.62  # inches
    sheet = Sheet(
        f"{counted(mistakes, 'mistake')} among {counted(total, 'photo')}"
        + (f", the {len(table)} most confident" if len(table) < mistakes else ""),
        "Orange: the predicted class and its probability. Some of the most confident mistakes are wrong labels.",
        width=max(2 * MARGIN + columns * (cell + gap), 6.0),
        body=-(-len(table) // columns) * (cell + words + gap),
    )
    for position, (_, row) in enumerate(table.iterrows()):
        left = MARGIN + position % columns * (cell + gap)
        top = sheet.top + position // columns * (cell + words + gap)
        sheet.photo(photo(row), left, top, cell)
        top += cell
        predicted = f"{shorten(row['predicted'], 16)} {percent(row['confidence'])}"
        sheet.text(predicted, left, top + 0.13, 8.5, ORANGE, bold=True)
        sheet.text(f"label: {shorten(row['true'], 22)}", left, top + 0.31, size=8.5)
        sheet.text(shorten(row["image_path"], 30), left, top + 0.47, size=6.5, colour=MUTED)
    return sheet.figure


def duplicate_sheet(members: pd.DataFrame, pairs: pd.DataFrame, photo: ReadPhoto) -> Figure:
    """Draw a row per duplicate group: groups with several labels first, then those with the fewest inliers.

    Args:
        members, pairs: see `ndsc.duplicates.duplicate_groups.Duplicates`.
    """
    inliers: dict[str, int] = pairs[pairs["joined"]].groupby("group")["inliers"].min().to_dict()
    shown, total = _most_doubtful_groups(members, inliers), members["group"].nunique()
    cell, gap, words, names = 1.35, 0.12, 0.22, 1.5  # inches
    sheet = Sheet(
        counted(total, "duplicate group") + (f", {len(shown)} of them shown" if len(shown) < total else ""),
        "All photos of a group are in one split. The most doubtful groups are first: those with different labels, then "
        "those with the fewest matching local features (inliers).",
        width=2 * MARGIN + names + MAX_GROUP_PHOTOS * (cell + gap),
        body=max(len(shown), 1) * (cell + words + gap) + MARGIN,
    )
    for row, group in enumerate(shown):
        top = sheet.top + row * (cell + words + gap)
        photos = members[members["group"] == group]
        match = f"at least {inliers[group]} inliers" if group in inliers else "same bytes"
        sheet.text(counted(len(photos), "photo"), MARGIN, top + cell / 2 - 0.1, bold=True)
        sheet.text(match, MARGIN, top + cell / 2 + 0.1, size=7.5, colour=MUTED)
        colour = ORANGE if photos["label"].nunique() > 1 else MUTED
        for column, (_, member) in enumerate(photos.head(MAX_GROUP_PHOTOS).iterrows()):
            left = MARGIN + names + column * (cell + gap)
            sheet.photo(photo(member), left, top, cell)
            sheet.text(shorten(str(member["label"]), 20), left, top + cell + words / 2, size=7.5, colour=colour)
    return sheet.figure


def _most_doubtful_groups(members: pd.DataFrame, inliers: dict[str, int]) -> list[str]:
    """Return the names of the groups to show, in order; groups with the same bytes are last."""
    labels = members.groupby("group")["label"].nunique()
    order = sorted(labels.index, key=lambda group: (labels[group] == 1, inliers.get(group, np.inf)))
    return order[:MAX_GROUPS]
