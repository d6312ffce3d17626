import numpy as np
import pandas as pd
import pytest

from ndsc.evaluation.predictions import Predictions

PROBABILITIES = [[0.7, 0.2, 0.1], [0.1, 0.5, 0.4], [0.05, 0.9, 0.05], [0.3, 0.3, 0.4]]


def test_the_table_adds_label_and_prediction_to_the_rows(predictions):
    table = predictions(PROBABILITIES, [0, 2, 0, 2]).table()
    assert list(table["image_path"]) == ["0.jpg", "1.jpg", "2.jpg", "3.jpg"]
    assert list(table["true"]) == ["beauty", "mobile", "beauty", "mobile"]
    assert list(table["predicted"]) == ["beauty", "fashion", "fashion", "mobile"]
    assert list(table["correct"]) == [True, False, False, True]
    np.testing.assert_allclose(table["confidence"], [0.7, 0.5, 0.9, 0.4])


def test_the_table_keeps_the_order_of_rows_cut_out_of_a_manifest(predictions):
    made = predictions(PROBABILITIES, [0, 2, 0, 2])
    cut = Predictions(made.probabilities, made.labels, made.classes, made.rows.set_index(pd.Index([9, 3, 7, 1])))
    assert list(cut.table()["predicted"]) == list(made.table()["predicted"])


def test_accuracy_is_the_share_of_right_photos(six):
    assert six.accuracy == pytest.approx(3 / 6)


def test_confusion_counts_have_the_true_class_in_rows(six):
    assert six.confusion_counts().tolist() == [[2, 1, 0], [0, 1, 0], [1, 1, 0]]


def test_the_most_confident_mistake_comes_first(predictions):
    made = predictions(PROBABILITIES, [0, 2, 0, 2])
    assert list(made.most_confident_mistakes(at_most=5)) == [2, 1]
    assert list(made.most_confident_mistakes(at_most=1)) == [2]
    assert list(predictions(PROBABILITIES, [0, 1, 1, 2]).most_confident_mistakes(at_most=5)) == []


@pytest.mark.parametrize(
    ("probabilities", "labels", "complaint"),
    [
        (PROBABILITIES[:3], [0, 1, 1, 2], r"Received: shapes \(3, 3\) and \(4,\)"),
        (np.zeros((4, 2)), [0, 1, 1, 0], r"Received: shapes \(4, 2\)"),
        (np.zeros((0, 3)), np.zeros(0, dtype=int), "at least one"),
        (PROBABILITIES, [0, 1, 1, 3], "Received: labels from 0 to 3"),
        (PROBABILITIES, [-1, 1, 1, 2], "Received: labels from -1 to 2"),
    ],
)
def test_inconsistent_shapes_and_labels_are_rejected(predictions, probabilities, labels, complaint):
    with pytest.raises(ValueError, match=complaint):
        predictions(probabilities, labels)
