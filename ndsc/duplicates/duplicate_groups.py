"""Duplicate groups: photos that must not be on both sides of a split."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ndsc.duplicates.match import FIELDS
from ndsc.storage.photo_reader import PhotoReader


@dataclass(frozen=True)
class Duplicates:
    """Who is a copy of whom.

    `groups`: a name for each photo, shared by the photos of a group.

    `members`: the photos in groups of two and more, group by group: group, image_path, label, content, archive, offset
    and size.

    `pairs`: one row for each near pair: first and second (image paths), first_label and second_label, inliers, support
    and agreement (see `ndsc.duplicates.match.Match`), group (the first one's), and `joined`, which is false where
    the cap on the size of groups kept the two apart.
    """

    groups: pd.Series
    members: pd.DataFrame
    pairs: pd.DataFrame

    @property
    def refused(self) -> int:
        """How many pairs the cap on the size of groups kept apart."""
        return int((~self.pairs["joined"]).sum())


def find_duplicates(
    photos: pd.DataFrame,
    vectors: np.ndarray,
    kind: str,
    reader: PhotoReader,
    cache_root: Path,
    threads: int | None = None,
) -> Duplicates:
    """Group the photos of a run.

    Args:
        photos: usable photos (see `ndsc.data.photo_validation.ValidatedPhotos`).
        vectors: (n, d) features of their plain views.
        kind: `off`: every photo is a group of its own; `exact`: photos with the same bytes are one group; `near`:
            photos that show the very same picture are, too.
        threads: for `near`; None: as many as there are cores.
    """
    photos = photos.reset_index(drop=True)
    groups, pairs = photos["content"], _no_pairs()
    if kind == "off":
        groups = groups + "/" + groups.groupby(groups).cumcount().astype(str)
    elif kind == "near":
        groups, pairs = _near(photos, vectors, reader, cache_root, threads)
    return Duplicates(groups, _members(photos, groups), pairs)


def _members(photos: pd.DataFrame, groups: pd.Series) -> pd.DataFrame:
    listed = photos.assign(group=groups)[["group", "image_path", "label", "content", "archive", "offset", "size"]]
    several = listed[groups.duplicated(keep=False)]
    return several.sort_values(["group", "content", "image_path"], kind="stable", ignore_index=True)


def _near(
    photos: pd.DataFrame, vectors: np.ndarray, reader: PhotoReader, cache_root: Path, threads: int | None
) -> tuple[pd.Series, pd.DataFrame]:
    """Same bytes are compared once; the cap on the size of groups does not count them, for they are one photo."""
    from ndsc.duplicates.joining import join_pairs
    from ndsc.duplicates.near_search import near_pairs

    different = photos.sort_values(["content", "image_path"], kind="stable").drop_duplicates("content")
    found = near_pairs(different, vectors[different.index], reader, cache_root, threads)
    groups, refused = join_pairs(len(different), found.pairs, found.matches[:, 0])
    names = different["content"].to_numpy(dtype=object)[groups]
    first, second = (different.iloc[found.pairs[:, side]] for side in (0, 1))
    pairs = pd.DataFrame(
        {
            "first": first["image_path"].to_numpy(),
            "second": second["image_path"].to_numpy(),
            "first_label": first["label"].to_numpy(),
            "second_label": second["label"].to_numpy(),
            **{name: found.matches[:, column] for column, name in enumerate(FIELDS)},
            "group": names[found.pairs[:, 0]],
            "joined": ~refused,
        }
    ).astype({"inliers": np.int64})
    by_content = dict(zip(different["content"], names, strict=True))
    return photos["content"].map(by_content), pairs


def _no_pairs() -> pd.DataFrame:
    columns = {name: pd.Series(dtype=object) for name in ("first", "second", "first_label", "second_label")}
    numbers = {name: pd.Series(dtype=np.float64) for name in FIELDS}
    return pd.DataFrame({**columns, **numbers, "group": pd.Series(dtype=object), "joined": pd.Series(dtype=bool)})
