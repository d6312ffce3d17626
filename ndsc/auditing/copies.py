"""Photos that are there more than once, and those that stand under two labels."""

import numpy as np
import pandas as pd


def duplicate_groups(photos: pd.DataFrame) -> pd.Series:
    """The name of each photo's duplicate group. Photos of one group count as one piece of evidence in the audit.

    Today the same bytes; whatever else makes photos copies of each other goes in here.
    """
    return photos["content"].rename("group")


def find_copies(photos: pd.DataFrame, groups: pd.Series) -> pd.DataFrame:
    """Every photo of a group of two or more, the groups with two labels first, then the largest.

    Columns: group (numbered from 1), image_path, label, labels (how many the group has), position (in `photos`).
    """
    number = pd.factorize(groups)[0]
    sizes = np.bincount(number)[number]
    repeated = np.flatnonzero(sizes > 1)
    found = photos.iloc[repeated][["image_path", "label"]].assign(
        key=number[repeated], photos=sizes[repeated], position=repeated
    )
    found["labels"] = found.groupby("key")["label"].transform("nunique")
    found = found.sort_values(["labels", "photos", "key", "image_path"], ascending=[False, False, True, True])
    found.insert(0, "group", pd.factorize(found["key"])[0] + 1)
    return found[["group", "image_path", "label", "labels", "position"]].reset_index(drop=True)
