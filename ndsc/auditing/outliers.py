"""Outliers: photos far from all others of their class."""

import numpy as np
import pandas as pd

from ndsc.duplicates.candidates import unit_rows

NEIGHBOURS = 10
# Photos of a class that all others are compared with. More photos take longer, and the same outliers are found.
MAX_COMPARED = 5_000
BATCH = 2_048
# In robust standard deviations of the class.
MAX_DEVIATION = 3.0
# The ratio of the standard deviation of a normal distribution to its median absolute deviation.
NORMAL = 1.4826


def measure_deviations(vectors: np.ndarray, labels: np.ndarray, groups: np.ndarray, seed: int) -> np.ndarray:
    """Return how many robust standard deviations each photo is further from its class than the median photo, (n,).

    The distance is the mean cosine distance to the 10 nearest photos of the class that are no duplicates; NaN in a
    class with fewer than three duplicate groups.

    Args:
        vectors: (n, d) features.
        labels: (n,) class names or numbers.
        groups: (n,) names of duplicate groups.
    """
    random = np.random.default_rng(seed)
    group = pd.factorize(groups)[0]
    found = np.full(len(labels), np.nan)
    for label in pd.unique(labels):
        members = np.flatnonzero(labels == label)
        compared = members[np.unique(group[members], return_index=True)[1]]
        if len(compared) < 3:
            continue
        if len(compared) > MAX_COMPARED:
            compared = random.choice(compared, MAX_COMPARED, replace=False)
        distance = _distances(vectors, group, members, compared)
        median = np.median(distance)
        deviation = NORMAL * np.median(np.abs(distance - median))
        found[members] = (distance - median) / deviation if deviation > 0 else 0.0
    return found


def _distances(vectors: np.ndarray, group: np.ndarray, members: np.ndarray, compared: np.ndarray) -> np.ndarray:
    """Return mean cosine distances, (members,), to the nearest compared photos of another group."""
    others, near = unit_rows(vectors[compared]), min(NEIGHBOURS, len(compared) - 1)
    found = np.empty(len(members))
    for start in range(0, len(members), BATCH):
        part = members[start : start + BATCH]
        similarity = unit_rows(vectors[part]) @ others.T
        similarity[group[part][:, None] == group[compared]] = -1.0
        nearest = np.partition(similarity, -near, axis=1)[:, -near:]
        found[start : start + len(part)] = 1 - nearest.mean(axis=1)
    return found
