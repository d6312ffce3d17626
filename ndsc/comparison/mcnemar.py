"""Whether two classifiers differ, asked of the photos that both have seen."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
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


def mcnemar_by_photo(pairs: Sequence[tuple[pd.Series, pd.Series]]) -> McNemar:
    """McNemar's test over several pairs of classifiers (one a seed), in which every photo counts once.

    Seeds validate on overlapping photos, and to add up their counts would take one hard photo for many, and find
    differences where there are none. So a photo goes to the side that is right about it in more of its pairs, and to
    none where they draw; of the photos that go anywhere, each side should win half. Of one pair it is McNemar's test.
    Like it, it speaks of these trained classifiers on such photos, not of what other seeds would have trained.

    Args:
        pairs: whether each classifier of a pair is right, indexed by photo; a photo that occurs several times within
            one counts once, too.
    """
    wins = []
    for first, second in pairs:
        shares = [side.groupby(level=list(range(side.index.nlevels))).mean() for side in (first, second)]
        wins.append(np.sign(shares[0] - shares[1]))
    total = pd.concat(wins)
    total = total.groupby(level=list(range(total.index.nlevels))).sum()
    return mcnemar(total > 0, total < 0)
