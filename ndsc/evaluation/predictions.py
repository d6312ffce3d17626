"""Predictions and labels of the photos of one split."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

DIFFICULTIES = ("easy", "medium", "hard")  # as in manifests


@dataclass(frozen=True, eq=False)
class Predictions:
    """Probabilities and labels of n photos, in one order.

    Args:
        probabilities: (n, classes) float; each row sums to 1.
        labels: (n,) int, positions in `classes`.
        rows: the n rows of the manifest.

    Raises:
        ValueError: the shapes do not match, or n is 0.
    """

    probabilities: NDArray[np.floating]
    labels: NDArray[np.integer]
    classes: tuple[str, ...]
    rows: pd.DataFrame

    def __post_init__(self) -> None:
        expected = (len(self.rows), len(self.classes))
        if self.probabilities.shape != expected or self.labels.shape != expected[:1] or not expected[0]:
            raise ValueError(
                f"Expected probabilities and labels of {expected[0]} photos, at least one, and {expected[1]} classes. "
                f"Received: shapes {self.probabilities.shape} and {self.labels.shape}."
            )
        if not 0 <= self.labels.min() <= self.labels.max() < expected[1]:
            raise ValueError(
                f"Expected labels from 0 to {expected[1] - 1}. "
                f"Received: labels from {self.labels.min()} to {self.labels.max()}."
            )

    @property
    def predicted(self) -> NDArray[np.integer]:
        """The most probable class of each photo, (n,); of equal ones, the first."""
        return self.probabilities.argmax(axis=1)

    @property
    def confidence(self) -> NDArray[np.floating]:
        """The probability of the predicted class, (n,)."""
        return self.probabilities.max(axis=1)

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether the predicted class is the true one, (n,)."""
        return self.predicted == self.labels

    @property
    def accuracy(self) -> float:
        """The share of photos whose predicted class is the true one."""
        return float(self.correct.mean())

    def confusion_counts(self) -> NDArray[np.integer]:
        """Return the number of photos by true class (row) and predicted class (column), (classes, classes)."""
        size = len(self.classes)
        return np.bincount(self.labels * size + self.predicted, minlength=size**2).reshape(size, size)

    def table(self) -> pd.DataFrame:
        """Return the rows of the manifest with the columns `true`, `predicted` (names), `confidence` and `correct`."""
        names = np.array(self.classes, dtype=object)
        named = {"true": names[self.labels], "predicted": names[self.predicted]}
        return self.rows.assign(**named, confidence=self.confidence, correct=self.correct)

    def most_confident_mistakes(self, at_most: int) -> NDArray[np.integer]:
        """Return positions of the misclassified photos, the most confident first; ties in the order of the rows."""
        wrong = np.flatnonzero(~self.correct)
        return wrong[np.argsort(-self.confidence[wrong], kind="stable")][:at_most]
