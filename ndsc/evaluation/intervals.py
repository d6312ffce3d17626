"""Confidence intervals of accuracies, over all photos and by slice."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ndsc.evaluation.predictions import DIFFICULTIES
from ndsc.seeds import derive

CONFIDENCE = 0.95
RESAMPLES = 10_000
SIZES = {"under 224 px": 224, "224 to 447 px": 448, "448 to 799 px": 800, "800 px and more": np.inf}
READING_ORDER = {value: rank for rank, value in enumerate((*DIFFICULTIES, *SIZES))}


def accuracy_interval(correct: ArrayLike, groups: ArrayLike | None, seed: int) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval, (low, high), of the mean of `correct`, (n,) bool.

    If all photos are right, or all are wrong, every resample is the same and the bootstrap would claim certainty. The
    exact one-sided binomial bound over the groups is used instead (the "rule of three", Hanley and Lippman-Hand 1983).

    Args:
        groups: (n,) names of duplicate groups. Groups are drawn as a whole: ten reposts of a photo are one piece of
            evidence, not ten. A photo without a group (missing value) is a group of its own; with None, all are.
    """
    hits, sizes = _group_totals(np.asarray(correct, dtype=bool), groups)
    if hits.sum() in (0, sizes.sum()):
        bound = (1 - CONFIDENCE) ** (1 / len(sizes))
        return (bound, 1.0) if hits.sum() else (0.0, 1 - bound)
    # Groups with equal numbers of photos and hits are interchangeable: drawing how often each kind occurs is the same
    # bootstrap, without a table of resamples by groups.
    kinds, counts = np.unique(np.stack([hits, sizes], axis=1), axis=0, return_counts=True)
    random = np.random.default_rng(derive(seed, "bootstrap"))
    totals = random.multinomial(len(sizes), counts / len(sizes), size=RESAMPLES) @ kinds
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(totals[:, 0] / totals[:, 1], [tail, 1 - tail])
    return float(low), float(high)


def _group_totals(correct: NDArray[np.bool_], groups: ArrayLike | None) -> tuple[NDArray, NDArray]:
    """Return the hits and photos of each group, both (groups,) int."""
    if groups is None:
        return correct.astype(int), np.ones(len(correct), dtype=int)
    codes, names = pd.factorize(np.asarray(groups))
    alone = codes < 0
    codes[alone] = len(names) + np.arange(alone.sum())
    return np.bincount(codes, weights=correct).astype(int), np.bincount(codes)


def accuracy_by(table: pd.DataFrame, column: str, seed: int) -> pd.DataFrame:
    """Return the accuracy for each value of a column: the value, photos, accuracy, low, high.

    Difficulties and sizes are in their natural order, anything else with the most photos first. A missing value is a
    slice, too.

    Args:
        table: as from `Predictions.table()`. The column `group`, if present, names duplicate groups.
    """
    rows = []
    for value, part in table.groupby(column, dropna=False, observed=True):
        interval = accuracy_interval(part["correct"], part.get("group"), seed)
        rows.append((value, len(part), part["correct"].mean(), *interval))
    rows.sort(key=lambda row: (READING_ORDER.get(row[0], len(READING_ORDER)), -row[1], str(row[0])))
    return pd.DataFrame(rows, columns=[column, "photos", "accuracy", "low", "high"])


def size_bucket(width: pd.Series, height: pd.Series) -> pd.Series:
    """Return the name of each photo's size by its shorter side in pixels; 224 is the input size of most backbones."""
    shorter = np.minimum(width, height)
    bucket = np.searchsorted(list(SIZES.values()), shorter, side="right")
    return pd.Series(np.array(list(SIZES), dtype=object)[bucket], index=width.index, name="size")
