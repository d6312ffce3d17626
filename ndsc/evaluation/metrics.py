"""How often a classifier is right: over all photos, and class by class."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from ndsc.evaluation.predictions import Predictions


def accuracy(predictions: Predictions) -> float:
    """The share of photos whose most probable class is the true one."""
    return float(predictions.correct.mean())


def macro_f1(predictions: Predictions) -> float:
    """The plain mean of the classes' F1.

    Classes that occur neither in the truth nor in the predictions do not count: nine test photos say nothing of
    the other 49 categories.
    """
    return float(np.nanmean(class_report(predictions)["f1"]))


def class_report(predictions: Predictions) -> pd.DataFrame:
    """One row a class, in order: class, precision, recall, f1, photos (that truly belong to it).

    What has no value is NaN, not 0: the precision of a class that is never predicted, the recall of one without
    photos, the F1 of one that has neither.
    """
    precision, recall, f1, photos = precision_recall_fscore_support(
        predictions.labels,
        predictions.predicted,
        labels=range(len(predictions.classes)),
        zero_division=np.nan,
    )
    return pd.DataFrame(
        {"class": predictions.classes, "precision": precision, "recall": recall, "f1": f1, "photos": photos}
    )


def confusion_counts(predictions: Predictions) -> NDArray[np.integer]:
    """(classes, classes) photos by true class (row) and predicted class (column)."""
    return confusion_matrix(predictions.labels, predictions.predicted, labels=range(len(predictions.classes)))
