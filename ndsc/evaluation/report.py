"""Metrics and tables of a finished run, from its predictions."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_fscore_support

from ndsc.evaluation.calibration import at_temperature, expected_calibration_error, fit_temperature
from ndsc.evaluation.intervals import accuracy_by, accuracy_interval, size_bucket
from ndsc.evaluation.predictions import Predictions

SLICES = ("label", "size", "difficulty", "source")
PREDICTION_COLUMNS = ["image_path", "true", "predicted", "confidence", "correct", "difficulty", "content"]


@dataclass(frozen=True)
class EvaluationReport:
    """Results of a run: metrics by their logged names, and tables by artifact path."""

    metrics: Mapping[str, float]
    tables: Mapping[str, pd.DataFrame]


def evaluate(predictions: Mapping[str, Predictions], seed: int) -> EvaluationReport:
    """Return the metrics and tables of the splits `train`, `validation` and, if present, `test`.

    The temperature is fitted on the validation split and applied to the test split. `seed` determines the bootstrap
    samples of the intervals.
    """
    validation, test = predictions["validation"], predictions.get("test")
    temperature = fit_temperature(validation)
    metrics = {"best/train_accuracy": predictions["train"].accuracy, "best/temperature": temperature}
    metrics |= _split_metrics(validation, "best/val_", seed)
    tables = {"reports/classes.csv": class_report(validation), **_split_tables(validation, "validation", "", seed)}
    if test is not None:
        metrics |= _split_metrics(test, "test/", seed)
        metrics["test/ece_temperature_scaled"] = expected_calibration_error(at_temperature(test, temperature))
        tables |= _split_tables(test, "test", "test_", seed)
    return EvaluationReport(metrics, tables)


def macro_f1(predictions: Predictions) -> float:
    """Return the unweighted mean F1 of the classes.

    Classes that occur neither in the labels nor in the predictions do not count: nine test photos say nothing about the
    other 49 categories.
    """
    return float(np.nanmean(class_report(predictions)["f1"]))


def class_report(predictions: Predictions) -> pd.DataFrame:
    """Return one row per class, in order: class, precision, recall, f1, photos (with this label).

    Undefined values are NaN, not 0: the precision of a class that is never predicted, the recall of a class without
    photos, the F1 of a class that has neither.
    """
    precision, recall, f1, photos = precision_recall_fscore_support(
        predictions.labels, predictions.predicted, labels=range(len(predictions.classes)), zero_division=np.nan
    )
    return pd.DataFrame(
        {"class": predictions.classes, "precision": precision, "recall": recall, "f1": f1, "photos": photos}
    )


def _split_metrics(predictions: Predictions, prefix: str, seed: int) -> dict[str, float]:
    low, high = accuracy_interval(predictions.correct, predictions.rows["group"], seed)
    return {
        f"{prefix}accuracy": predictions.accuracy,
        f"{prefix}accuracy_low": low,
        f"{prefix}accuracy_high": high,
        f"{prefix}macro_f1": macro_f1(predictions),
        f"{prefix}ece": expected_calibration_error(predictions),
    }


def _split_tables(predictions: Predictions, split: str, prefix: str, seed: int) -> dict[str, pd.DataFrame]:
    """Return every prediction with a probability for each class, and the accuracy by each of SLICES that is known."""
    table = predictions.table().reset_index(drop=True)
    table = table.assign(size=size_bucket(table["width"], table["height"]))
    known = [column for column in SLICES if column in table and bool(table[column].notna().any())]
    slices = {f"reports/{prefix}by_{column}.csv": accuracy_by(table, column, seed) for column in known}
    probabilities = pd.DataFrame(predictions.probabilities, columns=list(predictions.classes)).add_prefix("p_")
    return {**slices, f"predictions/{split}.csv": pd.concat([table[PREDICTION_COLUMNS], probabilities], axis=1)}
