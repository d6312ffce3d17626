"""What a photo is called by a classifier that never saw it: predictions out of fold, on frozen features."""

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from ndsc.data.groups import keyed_hash
from ndsc.terminal import progress

# More photos hardly sharpen a linear classifier, and 666,615 would take hours and gigabytes.
MOST_FITTED = 20_000
# Photos whose features are turned into float32 at a time.
AT_ONCE = 8192
# The inverse of regularization, for features of length one: so strong that a wrong label does not explain itself away.
STRENGTH = 1.0
ITERATIONS = 1000
TOLERANCE = 1e-4


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


def predict_out_of_fold(vectors: np.ndarray, labels: np.ndarray, fold: np.ndarray, seed: int) -> np.ndarray:
    """(n, classes) float32 probabilities; each photo's come from a logistic regression on the other folds.

    Args:
        vectors: (n, d) features. Each fold's are centred, without which it takes ten times as long, and divided by
            their mean length, so that regularization means the same for every backbone; to standardize each of them
            made predictions worse.
        labels: (n,) class numbers from 0, each of which occurs.
        fold: (n,) as from `choose_folds`.
    """
    random = np.random.default_rng(seed)
    found = np.zeros((len(labels), int(labels.max()) + 1), np.float32)
    with progress("labels", total=len(labels)) as advance:
        for number in np.unique(fold):
            others, mine = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
            if len(others) > MOST_FITTED:
                others = np.sort(random.choice(others, MOST_FITTED, replace=False))
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
    return found
