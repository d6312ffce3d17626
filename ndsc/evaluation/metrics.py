"""Accuracy, F1 and confusion counts."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_fscore_support

from ndsc.evaluation.predictions import Predictions


def accuracy(predictions: Predictions) -> float:
    """Return the share of photos whose most probable class is the true one."""
    return float(predictions.correct.mean())


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


def confusion_counts(predictions: Predictions) -> NDArray[np.integer]:
    """Return the number of photos by true class (row) and predicted class (column), (classes, classes)."""
    size = len(predictions.classes)
    cells = predictions.labels * size + predictions.predicted
    return np.bincount(cells, minlength=size**2).reshape(size, size)
