"""The findings of an audit, photo by photo."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ndsc.auditing.appearance import examine_appearance
from ndsc.auditing.label_issues import examine_labels
from ndsc.auditing.outliers import MAX_DEVIATION, measure_deviations
from ndsc.data.photo_validation import ValidatedPhotos
from ndsc.seeds import derive
from ndsc.storage.photo_reader import PhotoReader


@dataclass(frozen=True)
class Findings:
    """Results of all examinations.

    `photos`, `labels`, `deviations` and `appearance` have one row for each usable photo, in one order.

    photos: see `ValidatedPhotos`. rejected: image_path, label and reason of the other files. classes: names by number.
    duplicates: see `duplicate_table`. labels: see `examine_labels`. deviations: (n,), see `measure_deviations`.
    appearance: see `examine_appearance`.
    """

    photos: pd.DataFrame
    rejected: pd.DataFrame
    classes: tuple[str, ...]
    duplicates: pd.DataFrame
    labels: pd.DataFrame
    deviations: np.ndarray
    appearance: pd.DataFrame

    @property
    def outliers(self) -> np.ndarray:
        """Positions of the outliers, the furthest first."""
        deviations = np.nan_to_num(self.deviations)
        order = np.argsort(-deviations, kind="stable")
        return order[deviations[order] > MAX_DEVIATION]


def examine(
    usable: ValidatedPhotos, vectors: np.ndarray, groups: pd.Series, reader: PhotoReader, folds: int, seed: int
) -> Findings:
    """Examine photos of at least two classes.

    Args:
        vectors: (n, d) features of the usable photos.
        groups: (n,) names of their duplicate groups, each of which counts as one piece of evidence.
    """
    photos = usable.photos.reset_index(drop=True)
    classes = tuple(sorted(photos["label"].unique()))
    labels = pd.Categorical(photos["label"], categories=list(classes)).codes.astype(np.int64)
    names = groups.to_numpy(dtype=object)
    return Findings(
        photos,
        usable.rejected,
        classes,
        duplicate_table(photos, groups),
        examine_labels(vectors, labels, names, folds, seed),
        measure_deviations(vectors, labels, names, derive(seed, "audit oddity")),
        examine_appearance(photos, reader),
    )


def duplicate_table(photos: pd.DataFrame, groups: pd.Series) -> pd.DataFrame:
    """Return every photo of a group of two or more: groups with two labels first, then the largest.

    Columns: group (numbered from 1), image_path, label, labels (number of labels in the group), match (`same bytes` or
    `same picture`), position (in `photos`).

    Args:
        photos: see `ndsc.data.photo_validation.ValidatedPhotos`.
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
    found["match"] = np.where(contents == 1, "same bytes", "same picture")
    found = found.sort_values(["labels", "photos", "key", "image_path"], ascending=[False, False, True, True])
    found.insert(0, "group", pd.factorize(found["key"])[0] + 1)
    return found[["group", "image_path", "label", "labels", "match", "position"]].reset_index(drop=True)
