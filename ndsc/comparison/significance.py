"""Whether the best two configurations differ by more than chance, on validation photos that both have classified."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from ndsc.comparison.comparison_table import Configuration
from ndsc.comparison.mcnemar import McNemar, mcnemar_by_photo
from ndsc.tracking.history import RecordedRun

# A photo is known by its bytes; with other labels it is another question.
PHOTO = ["content", "true"]
SIGNIFICANCE = 0.05


@dataclass(frozen=True)
class TopTwoTest:
    """The pairs of runs, the number of different photos in them, and the test; without pairs, why there are none."""

    pairs: tuple[tuple[RecordedRun, RecordedRun], ...]
    photos: int
    result: McNemar | None
    obstacle: str = ""


def compare_top_two(
    first: Configuration, second: Configuration, predictions: Callable[[RecordedRun], pd.DataFrame | None]
) -> TopTwoTest:
    """McNemar's test over all pairs of runs, one of each configuration, that have the same validation photos.

    Runs of equal seeds are paired first, and each run belongs to one pair at most; see `mcnemar_by_photo` for how
    pairs are put together.

    Args:
        predictions: the table that a run logged as `predictions/validation.csv`, or None.
    """
    right = {run.id: _right(predictions(run)) for run in (*first.runs, *second.runs)}
    for number, one in enumerate((first, second), 1):
        if all(right[run.id] is None for run in one.runs):
            missing = f"the runs of row {number} logged no predictions with content hashes (predictions/validation.csv)"
            return TopTwoTest((), 0, None, missing)
    pairs = tuple(_pairs(first.runs, second.runs, right))
    if not pairs:
        return TopTwoTest((), 0, None, _different_photos(first.runs, second.runs, right))
    tested = [(right[one.id], right[other.id]) for one, other in pairs]
    photos = set().union(*(side.index for side, _ in tested))
    return TopTwoTest(pairs, len(photos), mcnemar_by_photo(tested))


def _right(predictions: pd.DataFrame | None) -> pd.Series | None:
    """Whether the classifier was right, by photo."""
    if predictions is None or not {*PHOTO, "correct"} <= set(predictions.columns):
        return None
    return predictions.set_index(PHOTO)["correct"].astype(float)


def _pairs(
    first: Sequence[RecordedRun], second: Sequence[RecordedRun], right: dict[str, pd.Series | None]
) -> Iterator[tuple[RecordedRun, RecordedRun]]:
    photos = {run_id: frozenset(side.index) for run_id, side in right.items() if side is not None}
    free = [run for run in second if run.id in photos]
    waiting = [run for run in first if run.id in photos]
    for equal_seeds in (True, False):
        for run in list(waiting):
            for other in free:
                if photos[run.id] == photos[other.id] and (run.seed == other.seed or not equal_seeds):
                    yield run, other
                    free.remove(other)
                    waiting.remove(run)
                    break


def _different_photos(
    first: Sequence[RecordedRun], second: Sequence[RecordedRun], right: dict[str, pd.Series | None]
) -> str:
    known = [[set(side.index) for run in runs if (side := right[run.id]) is not None] for runs in (first, second)]
    shared, photos = max((len(one & other), len(one)) for one in known[0] for other in known[1])
    return (
        f"no run of row 1 was validated on the same photos, with the same labels, as a run of row 2 (they share at "
        f"most {shared:,} of {photos:,})"
    )
