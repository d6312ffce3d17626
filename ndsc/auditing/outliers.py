"""Photos far from all others of their class: another thing, or the same thing as nobody else shows it."""

import numpy as np
import pandas as pd

from ndsc.duplicates.vectors import unit_rows

NEIGHBOURS = 10
# Photos of a class that the others are compared with; more take longer and find the same ones.
MOST_COMPARED = 5_000
AT_ONCE = 2_048
# In robust standard deviations of the class.
FAR = 3.0
# Of a normal distribution, the standard deviation is so many times the median deviation.
NORMAL = 1.4826


def measure_outliers(vectors: np.ndarray, labels: np.ndarray, groups: np.ndarray, seed: int) -> np.ndarray:
    """(n,) how many robust standard deviations a photo is further away from its class than the class's median photo.

    Its distance is the mean cosine distance to the 10 nearest photos of its class, copies of itself left out; NaN in a
    class of fewer than three groups.

    Args:
        vectors: (n, d) features.
        labels: (n,) class names or numbers.
        groups: (n,) names of duplicate groups.
    """
    random = np.random.default_rng(seed)
    group = pd.factorize(groups)[0]
    found = np.full(len(labels), np.nan)
    for label in pd.unique(labels):
        mine = np.flatnonzero(labels == label)
        others = mine[np.unique(group[mine], return_index=True)[1]]
        if len(others) < 3:
            continue
        if len(others) > MOST_COMPARED:
            others = random.choice(others, MOST_COMPARED, replace=False)
        distance = _distances(vectors, group, mine, others)
        middle = np.median(distance)
        spread = NORMAL * np.median(np.abs(distance - middle))
        found[mine] = (distance - middle) / spread if spread > 0 else 0.0
    return found


def _distances(vectors: np.ndarray, group: np.ndarray, mine: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(mine,) mean cosine distances to the nearest of the others that are of another group."""
    compared, near = unit_rows(vectors[others]), min(NEIGHBOURS, len(others) - 1)
    found = np.empty(len(mine))
    for start in range(0, len(mine), AT_ONCE):
        part = mine[start : start + AT_ONCE]
        likeness = unit_rows(vectors[part]) @ compared.T
        likeness[group[part][:, None] == group[others]] = -1.0
        nearest = np.partition(likeness, -near, axis=1)[:, -near:]
        found[start : start + len(part)] = 1 - nearest.mean(axis=1)
    return found
