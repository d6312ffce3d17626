"""McNemar's test: do the best two configurations differ by more than chance on the same validation photos?"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import binomtest

from ndsc.comparison.comparison_table import Configuration
from ndsc.tracking.history import RecordedRun

# A photo is identified by its content; with another label it is another question.
PHOTO = ["content", "true"]
SIGNIFICANCE = 0.05


class McNemar(NamedTuple):
    """Photos that only the first and only the second classifier gets right, and the two-sided p-value."""

    only_first: int
    only_second: int
    p_value: float


@dataclass(frozen=True)
class TopTwoTest:
    """The pairs of runs, the number of different photos in them, and the result; without pairs, the reason."""

    pairs: tuple[tuple[RecordedRun, RecordedRun], ...]
    photos: int
    result: McNemar | None
    obstacle: str = ""


def compare_top_two(
    first: Configuration, second: Configuration, predictions: Callable[[RecordedRun], pd.DataFrame | None]
) -> TopTwoTest:
    """Run McNemar's test over all pairs of runs, one of each configuration, with the same validation photos.

    Runs with equal seeds are paired first, and each run belongs to one pair at most. `mcnemar_by_photo` combines pairs.

    Args:
        predictions: returns the table that a run logged as `predictions/validation.csv`, or None.
    """
    correct = {run.id: _correct(predictions(run)) for run in (*first.runs, *second.runs)}
    correct = {run_id: right for run_id, right in correct.items() if right is not None}
    sides = [[run for run in one.runs if run.id in correct] for one in (first, second)]
    for number, side in enumerate(sides, 1):
        if not side:
            missing = f"the runs of row {number} logged no predictions with content hashes (predictions/validation.csv)"
            return TopTwoTest((), 0, None, missing)
    photos = {run_id: frozenset(right.index) for run_id, right in correct.items()}
    pairs = tuple(_pairs(*sides, photos))
    if not pairs:
        sets = [[photos[run.id] for run in side] for side in sides]
        shared, size = max((len(one & other), len(one)) for one, other in itertools.product(*sets))
        different = (
            "no run of row 1 was validated on the same photos, with the same labels, as a run of row 2 (they share at "
            f"most {shared:,} of {size:,})"
        )
        return TopTwoTest((), 0, None, different)
    tested = [(correct[one.id], correct[other.id]) for one, other in pairs]
    return TopTwoTest(pairs, len(frozenset().union(*(photos[one.id] for one, _ in pairs))), mcnemar_by_photo(tested))


def mcnemar(first_correct: ArrayLike, second_correct: ArrayLike) -> McNemar:
    """Run McNemar's exact test (1947) on two (n,) bool arrays over the same photos in the same order.

    Photos that both get right, or both wrong, say nothing about the difference; of the others each classifier should
    win half, if they are equally good.

    Raises:
        ValueError: the lengths differ.
    """
    first, second = np.asarray(first_correct, dtype=bool), np.asarray(second_correct, dtype=bool)
    if first.shape != second.shape:
        raise ValueError(f"Expected the same photos twice. Received: shapes {first.shape} and {second.shape}.")
    only_first, only_second = int((first & ~second).sum()), int((~first & second).sum())
    discordant = only_first + only_second
    p_value = float(binomtest(only_first, discordant, 0.5).pvalue) if discordant else 1.0
    return McNemar(only_first, only_second, p_value)


def mcnemar_by_photo(pairs: Sequence[tuple[pd.Series, pd.Series]]) -> McNemar:
    """Run McNemar's test over several pairs of classifiers (one per seed), in which every photo counts once.

    Seeds validate on overlapping photos. Adding up their counts would count a hard photo several times and find
    differences where there are none. So a photo goes to the side that is right about it in more of its pairs, and to
    neither in a tie; of the photos that go to one side, each side should win half. For one pair it is McNemar's test.
    Like it, it is about these trained classifiers on such photos, not about classifiers of other seeds.

    Args:
        pairs: whether each classifier of a pair is right, indexed by photo; a photo that occurs several times in one
            pair counts once, too.
    """
    wins = []
    for first, second in pairs:
        shares = [side.groupby(level=list(range(side.index.nlevels))).mean() for side in (first, second)]
        wins.append(np.sign(shares[0] - shares[1]))
    total = pd.concat(wins)
    total = total.groupby(level=list(range(total.index.nlevels))).sum()
    return mcnemar(total > 0, total < 0)


def _correct(predictions: pd.DataFrame | None) -> pd.Series | None:
    """Return whether the classifier was right, indexed by photo."""
    if predictions is None or not {*PHOTO, "correct"} <= set(predictions.columns):
        return None
    return predictions.set_index(PHOTO)["correct"].astype(float)


def _pairs(
    first: Sequence[RecordedRun], second: Sequence[RecordedRun], photos: Mapping[str, frozenset]
) -> Iterator[tuple[RecordedRun, RecordedRun]]:
    """Yield pairs of runs with the same photos, first those with equal seeds; each run belongs to one pair at most."""
    paired: set[str] = set()
    for equal_seeds in (True, False):
        for one, other in itertools.product(first, second):
            free = paired.isdisjoint((one.id, other.id))
            if free and photos[one.id] == photos[other.id] and (one.seed == other.seed or not equal_seeds):
                paired |= {one.id, other.id}
                yield one, other
