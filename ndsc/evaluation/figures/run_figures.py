"""All figures that a finished run logs."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ndsc.evaluation.figures.confusion import confusion_matrix
from ndsc.evaluation.figures.curves import learning_curves, reliability_diagram
from ndsc.evaluation.figures.photo_sheets import (
    ReadPhoto,
    confident_mistakes,
    duplicate_sheet,
    photo_probabilities,
    view_sheet,
)
from ndsc.evaluation.predictions import Predictions

VIEW_SHEET_PHOTOS = 2  # of each class
VIEW_SHEET_ROWS = 12


def figures(
    predictions: Mapping[str, Predictions],
    history: Mapping[str, Sequence[float]],
    best_epoch: int,
    second_phase: int | None,
    photo: ReadPhoto,
    views: Callable[[pd.DataFrame], NDArray],
    duplicates: tuple[pd.DataFrame, pd.DataFrame] | None,
) -> Iterator[tuple[str, Figure]]:
    """Yield artifact paths and figures, one at a time: a sweep must not hold all of them in memory.

    Args:
        history: see `learning_curves`.
        best_epoch, second_phase: positions in the history, from 0; `second_phase` is the first epoch of fine-tuning.
        photo: returns the pixels (height, width, 3) of a row of the manifest.
        views: returns the pixels (photos, views, height, width, 3) of all views of some rows of the manifest.
        duplicates: the members of duplicate groups and the near pairs, see `duplicate_sheet`; None: not searched for.
    """
    validation = predictions["validation"]
    yield "figures/learning_curves.png", learning_curves(history, best_epoch, second_phase)
    yield "figures/confusion_matrix.png", confusion_matrix(validation)
    yield "figures/calibration.png", reliability_diagram(validation)
    yield "figures/confident_mistakes.png", confident_mistakes(validation, photo)
    if "test" in predictions:
        yield "figures/test_photos.png", photo_probabilities(predictions["test"], photo)
    shown = predictions["train"].rows.groupby("label", sort=True).head(VIEW_SHEET_PHOTOS)
    shown = shown.sort_values("label", kind="stable").head(VIEW_SHEET_ROWS)
    yield "figures/augmented_views.png", view_sheet(views(shown), shown["label"].tolist())
    if duplicates is not None and len(duplicates[0]):
        yield "figures/duplicates.png", duplicate_sheet(*duplicates, photo)
