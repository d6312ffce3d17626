"""Calibration of probabilities: reliability, expected calibration error, and temperature scaling.

Definitions follow Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks" (ICML 2017).
"""

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from scipy.stats import binomtest

from ndsc.evaluation.predictions import Predictions

BINS = 15
TEMPERATURES = (0.1, 10.0)


def reliability(predictions: Predictions) -> pd.DataFrame:
    """Return the photos by confidence, in 15 bins of equal width (from, to]; bins without photos are missing.

    Columns: from, to, photos, confidence (its mean), accuracy, and low and high, the accuracy's 95 % Wilson interval.
    """
    confidence, correct = predictions.confidence, predictions.correct
    bins = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    rows = []
    for position in np.unique(bins):
        inside = bins == position
        hits, photos = int(correct[inside].sum()), int(inside.sum())
        interval = binomtest(hits, photos).proportion_ci(0.95, method="wilson")
        edges = position / BINS, (position + 1) / BINS
        rows.append((*edges, photos, float(confidence[inside].mean()), hits / photos, interval.low, interval.high))
    return pd.DataFrame(rows, columns=["from", "to", "photos", "confidence", "accuracy", "low", "high"])


def expected_calibration_error(predictions: Predictions) -> float:
    """Return the mean distance between confidence and accuracy in the bins of `reliability`, weighted by photos."""
    bins = reliability(predictions)
    return float(np.average((bins["accuracy"] - bins["confidence"]).abs(), weights=bins["photos"]))


def fit_temperature(validation: Predictions) -> float:
    """Return the temperature from 0.1 to 10 that makes the validation labels most probable.

    Above 1, the classifier was overconfident. A split without mistakes gets the lowest temperature.

    Raises:
        ValueError: rows of another split. A temperature fitted on test photos would make their metrics meaningless.
    """
    splits = set(validation.rows["split"])
    if splits != {"validation"}:
        raise ValueError(f"Expected validation photos only. Received: rows of the splits {sorted(splits)}.")
    logits, photos = _logits(validation.probabilities), np.arange(len(validation.labels))

    def loss(log_temperature: float) -> float:
        likelihood = log_softmax(logits / np.exp(log_temperature), axis=1)
        return -float(likelihood[photos, validation.labels].mean())

    best = minimize_scalar(loss, bounds=np.log(TEMPERATURES), method="bounded", options={"xatol": 1e-6})
    return float(np.exp(best.x))


def at_temperature(predictions: Predictions, temperature: float) -> Predictions:
    """Return the predictions with logits divided by `temperature`; every photo keeps its predicted class."""
    scaled = softmax(_logits(predictions.probabilities) / temperature, axis=1)
    return replace(predictions, probabilities=scaled)


def _logits(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return logits up to a constant per photo, which softmax ignores; finite even for a probability of 0."""
    return np.log(np.maximum(probabilities.astype(np.float64), np.finfo(np.float32).tiny))
