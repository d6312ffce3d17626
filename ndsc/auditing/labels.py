"""Labels that are likely wrong, by cleanlab (confident learning: Northcutt, Jiang and Chuang 2021)."""

import numpy as np
import pandas as pd
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores

from ndsc.auditing.evidence import choose_folds, predict_out_of_fold
from ndsc.seeds import derive

# Where more labels than this look wrong, the classes are too alike for these features, or the weights are random.
MOST_WRONG = 0.2
# From fewer photos of a class than this, it is not learned well enough to say that a photo is none of it.
LEAST_FITTED = 20


def examine_labels(vectors: np.ndarray, labels: np.ndarray, groups: np.ndarray, folds: int, seed: int) -> pd.DataFrame:
    """What `judge_labels` says, by classifiers trained on the other folds; and fitted, how many photos under its own
    label each photo's classifier was trained on.

    Args:
        vectors: (n, d) features.
        labels: (n,) class numbers from 0, each of which occurs.
        groups: (n,) names of duplicate groups.
    """
    fold = choose_folds(groups, labels, folds, derive(seed, "audit folds"))
    evidence = predict_out_of_fold(vectors, labels, fold, derive(seed, "audit classifiers"))
    return judge_labels(evidence.probabilities, labels, groups).assign(fitted=evidence.fitted)


def ranked(judged: pd.DataFrame) -> np.ndarray:
    """Positions of the photos whose labels can be judged, the likeliest wrong first."""
    quality = judged["quality"]
    return np.argsort(quality.to_numpy(), kind="stable")[: int(quality.notna().sum())]


def believable(judged: pd.DataFrame) -> bool:
    """Whether so few labels look wrong that it is the labels, and not the classifier, that must be at fault."""
    return bool(judged["wrong"].mean() <= MOST_WRONG)


def well_known(judged: pd.DataFrame) -> pd.Series:
    """For each photo whether its classifier has seen enough photos of its class to contradict its label."""
    return judged["fitted"] >= LEAST_FITTED


def judge_labels(probabilities: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> pd.DataFrame:
    """One row a photo, in order: quality (0 to 1; the lower, the likelier the label is wrong), doubtful (another class
    is likelier), wrong (cleanlab is sure of it), likelier (number of the likeliest other class), given and other (the
    probabilities of both).

    Of a class with one duplicate group only nothing can be said: its photos have no quality, and no photo is said to
    be of it.

    Args:
        probabilities: (n, classes) from classifiers that did not see the photo.
        labels: (n,) class numbers.
        groups: (n,) names of duplicate groups.
    """
    sizes = pd.Series(groups).groupby(labels).nunique().reindex(range(probabilities.shape[1]), fill_value=0)
    known = sizes.to_numpy() > 1
    judged = np.flatnonzero(known[labels])
    nothing = {"quality": np.nan, "doubtful": False, "wrong": False, "likelier": -1, "given": np.nan, "other": np.nan}
    table = pd.DataFrame(nothing, range(len(labels)))
    if known.sum() < 2:
        return table
    number = np.cumsum(known) - 1
    chances = probabilities[judged][:, known].astype(np.float64)
    chances /= chances.sum(axis=1, keepdims=True)
    given = number[labels[judged]]
    others = chances.copy()
    others[np.arange(len(given)), given] = -1.0
    wrong = find_label_issues(given, chances, filter_by="both", n_jobs=1)
    table.loc[judged, "quality"] = get_label_quality_scores(given, chances, method="normalized_margin")
    table.loc[judged, "doubtful"] = others.max(axis=1) > chances[np.arange(len(given)), given]
    table.loc[judged, "wrong"] = wrong
    table.loc[judged, "likelier"] = np.flatnonzero(known)[others.argmax(axis=1)]
    table.loc[judged, "given"] = chances[np.arange(len(given)), given]
    table.loc[judged, "other"] = others.max(axis=1)
    return table
