import numpy as np
import pytest
from sklearn.metrics import f1_score

from ndsc.evaluation.metrics import accuracy, class_report, confusion_counts, macro_f1

# Two of three beauty photos, one of one fashion photo, neither of two mobile photos.
LABELS = [0, 0, 0, 1, 2, 2]
PREDICTED = [0, 0, 1, 1, 1, 0]


@pytest.fixture
def six(predictions):
    return predictions(np.eye(3)[PREDICTED], LABELS)


def test_accuracy_is_the_share_of_right_photos(six):
    assert accuracy(six) == pytest.approx(3 / 6)


def test_confusion_counts_have_the_true_class_in_rows(six):
    assert confusion_counts(six).tolist() == [[2, 1, 0], [0, 1, 0], [1, 1, 0]]


def test_the_report_matches_values_computed_by_hand(six):
    report = class_report(six).set_index("class")
    np.testing.assert_allclose(report["precision"], [2 / 3, 1 / 3, np.nan])
    np.testing.assert_allclose(report["recall"], [2 / 3, 1, 0])
    np.testing.assert_allclose(report["f1"], [2 / 3, 1 / 2, 0])
    assert list(report["photos"]) == [3, 1, 2]


def test_classes_that_never_occur_have_no_f1_and_do_not_count(predictions):
    classes = tuple(f"category {n}" for n in range(58))
    made = predictions(np.eye(58)[PREDICTED], LABELS, classes)
    assert np.isnan(class_report(made)["f1"]).sum() == 55
    assert macro_f1(made) == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
    assert confusion_counts(made).shape == (58, 58)


def test_macro_f1_agrees_with_scikit_learn(predictions):
    random = np.random.default_rng(1)
    labels, probabilities = random.integers(0, 3, 300), random.dirichlet([1, 1, 1], 300)
    expected = f1_score(labels, probabilities.argmax(axis=1), average="macro")
    assert macro_f1(predictions(probabilities, labels)) == pytest.approx(expected)
