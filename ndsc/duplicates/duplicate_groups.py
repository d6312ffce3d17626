"""Duplicate groups: photos that must be on one side of a split."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ndsc.storage.photo_reader import PhotoReader

# One picture is reposted in dozens of versions at most; a larger group is a chain of look-alikes that grows on and on.
MOST_IN_GROUP = 50
PAIR_COLUMNS = {
    **dict.fromkeys(("first", "second", "first_label", "second_label"), object),
    "inliers": np.int64,
    "support": np.float64,
    "agreement": np.float64,
    "group": object,
    "joined": bool,
}


@dataclass(frozen=True)
class Duplicates:
    """The duplicate groups of photos.

    `groups`: a name for each photo, shared by the photos of a group.

    `members`: the photos in groups of two and more, group by group: group, image_path, label, content, archive, offset
    and size.

    `pairs`: one row for each near pair: first and second (image paths), first_label and second_label, inliers, support
    and agreement (see `ndsc.duplicates.verification.Match`), group (the first one's), and `joined`, which is false
    where the cap on the size of groups separates the two.
    """

    groups: pd.Series
    members: pd.DataFrame
    pairs: pd.DataFrame

    @property
    def refused(self) -> int:
        """The number of pairs that the cap on the size of groups separates."""
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
        photos: validated photos (see `ndsc.data.photo_validation.ValidatedPhotos`).
        vectors: (n, d) features of their plain views.
        kind: `off`: every photo is a group of its own; `exact`: photos with the same bytes are one group; `near`:
            photos that show the very same picture are, too.
        threads: for `near`; None: one for each core.
    """
    photos = photos.reset_index(drop=True)
    groups = photos["content"]
    pairs = pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in PAIR_COLUMNS.items()})
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
    """Compare each content once. Copies with the same bytes do not count for the cap on the size of groups."""
    # It needs packages of the extra `audit`.
    from ndsc.duplicates.near_search import near_pairs

    different = photos.sort_values(["content", "image_path"], kind="stable").drop_duplicates("content")
    positions, matches = near_pairs(different, vectors[different.index], reader, cache_root, threads)
    groups, refused = join_pairs(len(different), positions, matches["inliers"].to_numpy())
    names = different["content"].to_numpy(dtype=object)[groups]
    first, second = (different.iloc[positions[:, side]].reset_index(drop=True) for side in (0, 1))
    pairs = matches.assign(
        first=first["image_path"],
        second=second["image_path"],
        first_label=first["label"],
        second_label=second["label"],
        group=names[positions[:, 0]],
        joined=~refused,
    )
    by_content = dict(zip(different["content"], names, strict=True))
    return photos["content"].map(by_content), pairs.astype(PAIR_COLUMNS)[[*PAIR_COLUMNS]]


def join_pairs(photos: int, pairs: np.ndarray, strength: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find connected components of limited size: join the strongest pairs first, and refuse those that would make a
    group of more than MOST_IN_GROUP photos.

    A chain (a crop of one picture shows a second one, whose repost shows a third one) depends on its weakest pairs.
    These come last, when the groups that they would join are already large.

    Args:
        photos: the number of photos.
        pairs: (m, 2) positions; of equally strong pairs the first comes first.
        strength: (m,) numbers.

    Returns:
        (photos,) int64: each photo's group, named by its first photo; and (m,) booleans: which pairs are in two groups
        because their join was refused.
    """
    # It takes a quarter of a second to import, and only near duplicates need it.
    from scipy.cluster.hierarchy import DisjointSet

    sets = DisjointSet(range(photos))
    for one, other in pairs[np.argsort(-strength, kind="stable")].tolist():
        if sets.subset_size(one) + sets.subset_size(other) <= MOST_IN_GROUP:
            sets.merge(one, other)
    first: dict[int, int] = {}
    groups = np.array([first.setdefault(sets[photo], photo) for photo in range(photos)], np.int64)
    return groups, groups[pairs[:, 0]] != groups[pairs[:, 1]]
