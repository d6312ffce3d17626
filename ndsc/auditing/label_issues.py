"""Labels that are probably wrong, found with cleanlab in out-of-fold predictions on frozen features.

The method is confident learning (Northcutt, Jiang and Chuang 2021).
"""

import numpy as np
import pandas as pd
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from sklearn.linear_model import LogisticRegression

from ndsc.data.splitting import keyed_hash
from ndsc.seeds import derive
from ndsc.terminal import progress

# If a larger share of labels looks wrong, these features do not separate the classes, or the weights are random.
MAX_WRONG_SHARE = 0.2
# With fewer training photos, a class is not learned well enough to doubt a label.
MIN_TRAINING_PHOTOS = 20
# More photos hardly improve a linear classifier, and 666,615 would take hours and gigabytes.
MAX_TRAINING_PHOTOS = 20_000
# Photos whose features are converted to float32 at a time.
BATCH = 8192
# The inverse of regularization, for features of length one: strong enough that a wrong label is not memorized.
STRENGTH = 1.0
ITERATIONS = 1000
TOLERANCE = 1e-4


def examine_labels(vectors: np.ndarray, labels: np.ndarray, groups: np.ndarray, folds: int, seed: int) -> pd.DataFrame:
    """Return the table of `score_labels` and a column `fitted`: the number of training photos with the same label.

    Args:
        vectors: (n, d) features.
        labels: (n,) class numbers from 0, each of which occurs.
        groups: (n,) names of duplicate groups.
    """
    fold = choose_folds(groups, labels, folds, derive(seed, "audit folds"))
    probabilities, fitted = predict_out_of_fold(vectors, labels, fold, derive(seed, "audit classifiers"))
    return score_labels(probabilities, labels, groups).assign(fitted=fitted)


def choose_folds(groups: np.ndarray, labels: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Return the fold of each photo, (n,): random, stratified by class, duplicate groups undivided.

    A class of two groups or more is never in a single fold, so every fold is predicted by classifiers that know it.
    """
    group, names = pd.factorize(groups)
    first = np.unique(group, return_index=True)[1]
    table = pd.DataFrame({"label": labels[first], "rank": keyed_hash(np.asarray(names, dtype=object), seed)})
    order = table.sort_values(["label", "rank"], kind="stable")
    fold = order.groupby("label").cumcount().to_numpy() % folds
    return fold[np.argsort(order.index.to_numpy())][group]


def choose_training_photos(labels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return sorted positions of at most MAX_TRAINING_PHOTOS photos: an equal share of each class, then the rest.

    A plain random sample might contain no photo of a rare class, and each of its photos would look wrong.
    """
    order = random.permutation(len(labels))
    drawn = labels[order]
    share = MAX_TRAINING_PHOTOS // len(np.unique(labels))
    early = pd.Series(drawn).groupby(drawn).cumcount().to_numpy() < share
    return np.sort(np.concatenate([order[early], order[~early]])[:MAX_TRAINING_PHOTOS])


def predict_out_of_fold(
    vectors: np.ndarray, labels: np.ndarray, fold: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Predict each photo with a logistic regression trained on the other folds.

    Return the probabilities, (n, classes) float32, and the number of training photos with the photo's label, (n,).

    Args:
        vectors: (n, d) features. They are centred for each fold (ten times faster) and divided by their mean length,
            so that regularization means the same for every backbone. Standardizing each feature gave worse results.
        labels: (n,) class numbers from 0, each of which occurs.
        fold: (n,) as from `choose_folds`.
    """
    random = np.random.default_rng(seed)
    found = np.zeros((len(labels), int(labels.max()) + 1), np.float32)
    fitted = np.zeros(len(labels), np.int64)
    with progress("labels", total=len(labels)) as advance:
        for number in np.unique(fold):
            train, held_out = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
            if len(train) > MAX_TRAINING_PHOTOS:
                train = train[choose_training_photos(labels[train], random)]
            fitted[held_out] = np.bincount(labels[train], minlength=found.shape[1])[labels[held_out]]
            if len(np.unique(labels[train])) == 1:
                found[held_out, labels[train][0]] = 1.0  # the only class to predict
                continue
            known = vectors[train].astype(np.float32)
            centre = known.mean(axis=0)
            known -= centre
            length = float(np.sqrt(np.square(known).sum(axis=1).mean())) or 1.0
            classifier = LogisticRegression(C=STRENGTH, max_iter=ITERATIONS, tol=TOLERANCE)
            classifier.fit(known / length, labels[train])
            for start in range(0, len(held_out), BATCH):
                part = held_out[start : start + BATCH]
                predicted = classifier.predict_proba((vectors[part].astype(np.float32) - centre) / length)
                found[np.ix_(part, classifier.classes_)] = predicted
                advance(len(part))
    return found, fitted


def score_labels(probabilities: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> pd.DataFrame:
    """Return one row per photo, in order.

    Columns: quality (0 to 1; a low value means a suspicious label), doubtful (another class is more probable), wrong
    (cleanlab is confident), likelier (number of the most probable other class), given and other (the probabilities of
    both). A class with a single duplicate group cannot be judged: its photos have no quality, and it is never the
    likelier class.

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
    chances = probabilities[judged][:, known].astype(np.float64)
    chances /= chances.sum(axis=1, keepdims=True)
    label = (np.cumsum(known) - 1)[labels[judged]]
    rows = np.arange(len(label))
    given, others = chances[rows, label], chances.copy()
    others[rows, label] = -1.0
    table.loc[judged, "quality"] = get_label_quality_scores(label, chances, method="normalized_margin")
    table.loc[judged, "doubtful"] = others.max(axis=1) > given
    table.loc[judged, "wrong"] = find_label_issues(label, chances, filter_by="both", n_jobs=1)
    table.loc[judged, "likelier"] = np.flatnonzero(known)[others.argmax(axis=1)]
    table.loc[judged, "given"] = given
    table.loc[judged, "other"] = others.max(axis=1)
    return table


def rank_labels(scores: pd.DataFrame) -> np.ndarray:
    """Return positions of the photos whose labels can be judged, the most suspicious first."""
    quality = scores["quality"]
    return np.argsort(quality.to_numpy(), kind="stable")[: int(quality.notna().sum())]


def is_reliable(scores: pd.DataFrame) -> bool:
    """Return whether few labels look wrong. If many do, the classifier is more likely at fault than the labels."""
    return bool(scores["wrong"].mean() <= MAX_WRONG_SHARE)


def has_learned_class(scores: pd.DataFrame) -> pd.Series:
    """Return for each photo whether the classifier was trained on enough photos of its class to doubt its label."""
    return scores["fitted"] >= MIN_TRAINING_PHOTOS
