"""Duplicate groups on a sheet, those that are worth a look first."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ndsc.evaluation.figures.sheet import Sheet
from ndsc.evaluation.figures.style import MARGIN, MUTED, ORANGE, counted, shorten

MOST_GROUPS = 12
MOST_PHOTOS = 6  # of a group


def duplicate_sheet(members: pd.DataFrame, pairs: pd.DataFrame, photo: Callable[[pd.Series], NDArray]) -> Figure:
    """A row a group: first groups under several labels, then those that were joined with the fewest inliers, then
    copies with the same bytes.

    Args:
        members, pairs: see `ndsc.duplicates.duplicate_groups.Duplicates`.
        photo: gives the pixels (height, width, 3) of a row of `members`.
    """
    weakest: dict[str, int] = pairs[pairs["joined"]].groupby("group")["inliers"].min().to_dict()
    shown = _worth_a_look(members, weakest)
    cell, gap, words, names = 1.35, 0.12, 0.22, 1.5  # inches
    sheet = Sheet(
        f"{counted(members['group'].nunique(), 'duplicate group')}"
        + (f", {len(shown)} of them here" if len(shown) < members["group"].nunique() else ""),
        "Photos of a group are on one side of the split. First those that are worth a look: labels that differ, then "
        "the fewest local features in common.",
        width=2 * MARGIN + names + MOST_PHOTOS * (cell + gap),
        body=max(len(shown), 1) * (cell + words + gap) + MARGIN,
    )
    for row, group in enumerate(shown):
        top = sheet.top + row * (cell + words + gap)
        photos = members[members["group"] == group]
        found = f"at least {weakest[group]} inliers" if group in weakest else "the same bytes"
        sheet.text(counted(len(photos), "photo"), MARGIN, top + cell / 2 - 0.1, bold=True)
        sheet.text(found, MARGIN, top + cell / 2 + 0.1, size=7.5, colour=MUTED)
        several = photos["label"].nunique() > 1
        for column, (_, member) in enumerate(photos.head(MOST_PHOTOS).iterrows()):
            left = MARGIN + names + column * (cell + gap)
            sheet.photo(photo(member), left, top, cell)
            label = shorten(str(member["label"]), 20)
            sheet.text(label, left, top + cell + words / 2, size=7.5, colour=ORANGE if several else MUTED)
    return sheet.figure


def _worth_a_look(members: pd.DataFrame, weakest: dict[str, int]) -> list[str]:
    """Names of the groups to show, in order."""
    groups = members.groupby("group")["label"].nunique().rename("labels").to_frame()
    groups["weakest"] = [weakest.get(group, np.inf) for group in groups.index]
    groups["one"] = groups["labels"] == 1
    return groups.sort_values(["one", "weakest"], kind="stable").index[:MOST_GROUPS].tolist()
