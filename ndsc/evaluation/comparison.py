"""Whether two classifiers differ, asked of the photos that both have seen."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binomtest


class McNemar(NamedTuple):
    """Photos that only the first and only the second classifier gets right, and the two-sided p-value."""

    only_first: int
    only_second: int
    p_value: float


def mcnemar(first_correct: ArrayLike, second_correct: ArrayLike) -> McNemar:
    """McNemar's exact test (1947) on two (n,) bool arrays over the same photos in the same order.

    Photos that both get right, or both wrong, say nothing about the difference; of the others each classifier
    should win half, if they are equally good. Raises ValueError where the lengths differ.
    """
    first, second = np.asarray(first_correct, dtype=bool), np.asarray(second_correct, dtype=bool)
    if first.shape != second.shape:
        raise ValueError(f"Expected the same photos twice. Received: shapes {first.shape} and {second.shape}.")
    only_first, only_second = int((first & ~second).sum()), int((~first & second).sum())
    discordant = only_first + only_second
    p_value = float(binomtest(only_first, discordant, 0.5).pvalue) if discordant else 1.0
    return McNemar(only_first, only_second, p_value)
