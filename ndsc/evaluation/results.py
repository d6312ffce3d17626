"""What a finished run has to say: its numbers, its tables and its pictures."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ndsc.evaluation.calibration import at_temperature, expected_calibration_error, fit_temperature, reliability
from ndsc.evaluation.confusion import confusion_matrix
from ndsc.evaluation.curves import learning_curves, reliability_diagram
from ndsc.evaluation.intervals import accuracy_interval, by_slice, size_bucket
from ndsc.evaluation.metrics import accuracy, class_report, confusion_counts, macro_f1
from ndsc.evaluation.photo_sheets import confident_mistakes, photo_probabilities
from ndsc.evaluation.predictions import Predictions

SLICES = ("label", "size", "difficulty", "source")
AT_MOST_TEST_PHOTOS = 60
AT_MOST_MISTAKES = 18


def summarize(predictions: Mapping[str, Predictions], seed: int) -> dict[str, float]:
    """The run's metrics by their logged names, from the predictions of `train`, `validation` and, if any, `test`."""
    validation = predictions["validation"]
    temperature = fit_temperature(validation)
    low, high = accuracy_interval(validation.correct, validation.rows["group"], seed)
    metrics = {
        "best/train_accuracy": accuracy(predictions["train"]),
        "best/val_accuracy": accuracy(validation),
        "best/val_accuracy_low": low,
        "best/val_accuracy_high": high,
        "best/val_macro_f1": macro_f1(validation),
        "best/val_calibration_error": expected_calibration_error(validation),
        "best/temperature": temperature,
    }
    if "test" in predictions:
        metrics |= _of_test(predictions["test"], temperature, seed)
    return metrics


def _of_test(test: Predictions, temperature: float, seed: int) -> dict[str, float]:
    """The temperature is validation's: on photos that it was not fitted on, it shows what it is worth."""
    low, high = accuracy_interval(test.correct, test.rows["group"], seed)
    return {
        "test/accuracy": accuracy(test),
        "test/accuracy_low": low,
        "test/accuracy_high": high,
        "test/macro_f1": macro_f1(test),
        "test/calibration_error": expected_calibration_error(test),
        "test/scaled_calibration_error": expected_calibration_error(at_temperature(test, temperature)),
    }


def tables(predictions: Mapping[str, Predictions], seed: int) -> dict[str, pd.DataFrame]:
    """By artefact path: every prediction outside training, the report by class, and accuracies with their intervals,
    slice by slice: of validation, and of the test, which alone has difficulties."""
    found = {"reports/classes.csv": class_report(predictions["validation"])}
    for split, prefix in (("validation", ""), ("test", "test_")):
        if split in predictions:
            for column, table in _slices(predictions[split], seed).items():
                found[f"reports/{prefix}by_{column}.csv"] = table
            found[f"predictions/{split}.csv"] = _listed(predictions[split])
    return found


def _slices(predictions: Predictions, seed: int) -> dict[str, pd.DataFrame]:
    """Accuracies by each of SLICES that the photos have."""
    table = predictions.table()
    table = table.assign(size=size_bucket(table["width"], table["height"]))
    having = [column for column in SLICES if column in table and bool(table[column].notna().any())]
    return {column: by_slice(table, column, seed) for column in having}


def _listed(predictions: Predictions) -> pd.DataFrame:
    """One row a photo: path, truth, prediction and a probability for each class."""
    columns = ["image_path", "true", "predicted", "confidence", "correct", "difficulty", "content"]
    probabilities = pd.DataFrame(predictions.probabilities, columns=list(predictions.classes))
    return pd.concat([predictions.table()[columns].reset_index(drop=True), probabilities.add_prefix("p_")], axis=1)


def figures(
    predictions: Mapping[str, Predictions],
    history: Mapping[str, Sequence[float]],
    best_epoch: int,
    second_phase: int | None,
    photo: Callable[[pd.Series], NDArray],
) -> Iterator[tuple[str, Figure]]:
    """Figures with their artefact paths, one at a time.

    Args:
        best_epoch, second_phase: positions in the history, from 0.
        photo: gives the pixels (height, width, 3) of a row of the manifest.
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
    worst = validation.most_confident_mistakes(AT_MOST_MISTAKES)
    table = validation.table().iloc[worst]
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
    shown = np.arange(min(len(test.labels), AT_MOST_TEST_PHOTOS))
    rows = test.rows.iloc[shown]
    return photo_probabilities(
        [photo(row) for _, row in rows.iterrows()],
        test.probabilities[shown],
        test.classes,
        rows["label"].tolist(),
        rows["difficulty"].fillna("").tolist(),
    )
