"""Random order by name, and splits that keep groups together."""

from itertools import groupby
from operator import itemgetter

import numpy as np
import pandas as pd


def keyed_hash(names: np.ndarray, seed: int) -> np.ndarray:
    """Return (n,) uint64 that sort names into a random order; no other name changes it. SipHash, keyed by the seed."""
    return pd.util.hash_array(names, hash_key=f"{seed:016x}", categorize=False)


def choose_groups(groups: np.ndarray, labels: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Choose the rows on the validation side, without separating rows of one group.

    Groups are visited in a random order that depends on their names alone: first those are taken that every class still
    has room for, then those of which at least half is wanted, so that every step brings the counts nearer to the wanted
    ones. With groups of one row each this is the plain stratified split.

    Args:
        groups: (n,) names, none of them missing.
        labels: (n,) labels.
        share: the part of each class that is wanted, 0 to 1.
        seed: 32 bits.

    Returns:
        (n,) booleans.
    """
    group, names = pd.factorize(groups)
    label, classes = pd.factorize(labels)
    visit = np.empty(len(names), np.int64)
    visit[np.argsort(keyed_hash(names, seed), kind="stable")] = np.arange(len(names))
    cells, counts = np.unique(visit[group] * len(classes) + label, return_counts=True)
    visited, numbers = np.divmod(cells, len(classes))
    wanted = np.round(np.bincount(label, minlength=len(classes)) * share).astype(int)
    taken = _taken(visited.tolist(), numbers.tolist(), counts.tolist(), wanted.tolist())
    return np.isin(visit[group], taken)


def _taken(groups: list[int], labels: list[int], counts: list[int], wanted: list[int]) -> list[int]:
    """The groups to take, by number, out of sorted (group, label, count)."""
    taken: set[int] = set()
    for needed in (1.0, 0.5):
        for group, cells in groupby(zip(groups, labels, counts, strict=True), key=itemgetter(0)):
            if group in taken:
                continue
            rows = [(label, count) for _, label, count in cells]
            useful = sum([min(count, max(wanted[label], 0)) for label, count in rows])
            if useful < needed * sum([count for _, count in rows]):
                continue
            taken.add(group)
            for label, count in rows:
                wanted[label] -= count
            if max(wanted) <= 0:
                return sorted(taken)
    return sorted(taken)
