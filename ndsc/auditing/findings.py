"""All that an audit finds, photo by photo."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ndsc.auditing.appearance import judge_appearance
from ndsc.auditing.copies import find_copies
from ndsc.auditing.labels import examine_labels
from ndsc.auditing.outliers import FAR, measure_outliers
from ndsc.data.photo_validation import ValidatedPhotos
from ndsc.seeds import derive
from ndsc.storage.photo_reader import PhotoReader


@dataclass(frozen=True)
class Findings:
    """What was found. `photos`, `labels`, `oddity` and `appearance` have a row for each photo that can be used, in one
    order.

    photos: as in `ValidatedPhotos`. rejected: image_path, label and reason of the others. classes: names by number.
    copies: see `find_copies`. labels: see `judge_labels`. oddity: (n,), see `measure_outliers`. appearance: see
    `judge_appearance`.
    """

    photos: pd.DataFrame
    rejected: pd.DataFrame
    classes: tuple[str, ...]
    copies: pd.DataFrame
    labels: pd.DataFrame
    oddity: np.ndarray
    appearance: pd.DataFrame

    @property
    def odd(self) -> np.ndarray:
        """Positions of the odd photos, the oddest first."""
        order = np.argsort(-np.nan_to_num(self.oddity), kind="stable")
        return order[np.nan_to_num(self.oddity)[order] > FAR]


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
        find_copies(photos, groups),
        examine_labels(vectors, labels, names, folds, seed),
        measure_outliers(vectors, labels, names, derive(seed, "audit oddity")),
        judge_appearance(photos, reader),
    )
