"""Photos that are there more than once, and those that stand under two labels."""

import numpy as np
import pandas as pd


def find_copies(photos: pd.DataFrame, groups: pd.Series) -> pd.DataFrame:
    """Every photo of a group of two or more, the groups with two labels first, then the largest.

    Columns: group (numbered from 1), image_path, label, labels (how many the group has), alike (in words: whether all
    have the same bytes), position (in `photos`).

    Args:
        photos: usable photos (see `ndsc.data.photo_validation.ValidatedPhotos`).
        groups: (n,) names of their duplicate groups (see `ndsc.duplicates.duplicate_groups.find_duplicates`).
    """
    number = pd.factorize(groups)[0]
    sizes = np.bincount(number)[number]
    repeated = np.flatnonzero(sizes > 1)
    found = photos.iloc[repeated][["image_path", "label", "content"]].assign(
        key=number[repeated], photos=sizes[repeated], position=repeated
    )
    found["labels"] = found.groupby("key")["label"].transform("nunique")
    contents = found.groupby("key")["content"].transform("nunique")
    found["alike"] = np.where(contents == 1, "the same bytes", "the same picture")
    found = found.sort_values(["labels", "photos", "key", "image_path"], ascending=[False, False, True, True])
    found.insert(0, "group", pd.factorize(found["key"])[0] + 1)
    return found[["group", "image_path", "label", "labels", "alike", "position"]].reset_index(drop=True)
