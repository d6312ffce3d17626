"""All figures that a finished run logs."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ndsc.evaluation.calibration import at_temperature, expected_calibration_error, fit_temperature, reliability
from ndsc.evaluation.figures.confusion import confusion_matrix
from ndsc.evaluation.figures.curves import learning_curves, reliability_diagram
from ndsc.evaluation.figures.photo_sheets import confident_mistakes, photo_probabilities
from ndsc.evaluation.metrics import confusion_counts
from ndsc.evaluation.predictions import Predictions

MAX_TEST_PHOTOS = 60
MAX_MISTAKES = 18


def figures(
    predictions: Mapping[str, Predictions],
    history: Mapping[str, Sequence[float]],
    best_epoch: int,
    second_phase: int | None,
    photo: Callable[[pd.Series], NDArray],
) -> Iterator[tuple[str, Figure]]:
    """Yield artifact paths and figures, one at a time: a sweep must not hold all of them in memory.

    Args:
        history: see `learning_curves`.
        best_epoch, second_phase: positions in the history, from 0; `second_phase` is the first epoch of fine-tuning.
        photo: returns the pixels (height, width, 3) of a row of the manifest.
    """
    validation = predictions["validation"]
    yield "figures/learning_curves.png", learning_curves(history, best_epoch, second_phase)
    yield "figures/confusion_matrix.png", confusion_matrix(confusion_counts(validation), validation.classes)
    yield "figures/calibration.png", _calibration(validation)
    yield "figures/confident_mistakes.png", _mistakes(validation, photo)
    if "test" in predictions:
        yield "figures/test_photos.png", _test_photos(predictions["test"], photo)


def _calibration(validation: Predictions) -> Figure:
    temperature = fit_temperature(validation)
    scaled = at_temperature(validation, temperature)
    return reliability_diagram(
        reliability(validation),
        expected_calibration_error(validation),
        reliability(scaled),
        expected_calibration_error(scaled),
        temperature,
    )


def _mistakes(validation: Predictions, photo: Callable[[pd.Series], NDArray]) -> Figure:
    table = validation.table().iloc[validation.most_confident_mistakes(MAX_MISTAKES)]
    return confident_mistakes(
        [photo(row) for _, row in table.iterrows()],
        table["true"].tolist(),
        table["predicted"].tolist(),
        table["confidence"].tolist(),
        table["image_path"].tolist(),
        mistakes=int((~validation.correct).sum()),
        evaluated=len(validation.rows),
    )


def _test_photos(test: Predictions, photo: Callable[[pd.Series], NDArray]) -> Figure:
    rows = test.rows.head(MAX_TEST_PHOTOS)
    return photo_probabilities(
        [photo(row) for _, row in rows.iterrows()],
        test.probabilities[: len(rows)],
        test.classes,
        rows["label"].tolist(),
        rows["difficulty"].fillna("").tolist(),
    )
