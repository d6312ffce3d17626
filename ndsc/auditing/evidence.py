"""What a photo is called by a classifier that never saw it: predictions out of fold, on frozen features."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from ndsc.data.splitting import keyed_hash
from ndsc.terminal import progress

# More photos hardly sharpen a linear classifier, and 666,615 would take hours and gigabytes.
MOST_FITTED = 20_000
# Photos whose features are turned into float32 at a time.
AT_ONCE = 8192
# The inverse of regularization, for features of length one: so strong that a wrong label does not explain itself away.
STRENGTH = 1.0
ITERATIONS = 1000
TOLERANCE = 1e-4


class Evidence(NamedTuple):
    """(n, classes) float32 probabilities that a photo is of each class, and (n,) how many photos under its own label
    they were learned from."""

    probabilities: np.ndarray
    fitted: np.ndarray


def choose_folds(groups: np.ndarray, labels: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """(n,) fold of each photo: groups undivided, every class spread evenly, and random but for that.

    A class of two groups or more is in no single fold as a whole, so every fold is judged by classifiers that know it.
    """
    group, names = pd.factorize(groups)
    first = np.unique(group, return_index=True)[1]
    table = pd.DataFrame({"label": labels[first], "rank": keyed_hash(np.asarray(names, dtype=object), seed)})
    order = table.sort_values(["label", "rank"], kind="stable")
    fold = order.groupby("label").cumcount().to_numpy() % folds
    return fold[np.argsort(order.index.to_numpy())][group]


def choose_fitted(labels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Positions of at most MOST_FITTED photos, sorted: of each class its share, or all it has, and the rest at random.

    Drawn from all alike, a rare class might have no photo among them, and each of its photos would look wrong.
    """
    order = random.permutation(len(labels))
    drawn = labels[order]
    share = MOST_FITTED // len(np.unique(labels))
    early = pd.Series(drawn).groupby(drawn).cumcount().to_numpy() < share
    return np.sort(np.concatenate([order[early], order[~early]])[:MOST_FITTED])


def predict_out_of_fold(vectors: np.ndarray, labels: np.ndarray, fold: np.ndarray, seed: int) -> Evidence:
    """What a logistic regression on the other folds says of each photo.

    Args:
        vectors: (n, d) features. Each fold's are centred, without which it takes ten times as long, and divided by
            their mean length, so that regularization means the same for every backbone; to standardize each of them
            made predictions worse.
        labels: (n,) class numbers from 0, each of which occurs.
        fold: (n,) as from `choose_folds`.
    """
    random = np.random.default_rng(seed)
    found = np.zeros((len(labels), int(labels.max()) + 1), np.float32)
    fitted = np.zeros(len(labels), np.int64)
    with progress("labels", total=len(labels)) as advance:
        for number in np.unique(fold):
            others, mine = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
            if len(others) > MOST_FITTED:
                others = others[choose_fitted(labels[others], random)]
            fitted[mine] = np.bincount(labels[others], minlength=found.shape[1])[labels[mine]]
            if len(np.unique(labels[others])) == 1:
                found[mine, labels[others][0]] = 1.0  # nothing to tell it from
                continue
            known = vectors[others].astype(np.float32)
            centre = known.mean(axis=0)
            known -= centre
            length = float(np.sqrt(np.square(known).sum(axis=1).mean())) or 1.0
            classifier = LogisticRegression(C=STRENGTH, max_iter=ITERATIONS, tol=TOLERANCE)
            classifier.fit(known / length, labels[others])
            for start in range(0, len(mine), AT_ONCE):
                part = mine[start : start + AT_ONCE]
                predicted = classifier.predict_proba((vectors[part].astype(np.float32) - centre) / length)
                found[np.ix_(part, classifier.classes_)] = predicted
                advance(len(part))
    return Evidence(found, fitted)
