import numpy as np
import pytest
from sklearn.metrics import f1_score

from ndsc.evaluation.report import class_report, evaluate, macro_f1

CLASSES = ("beauty", "fashion", "mobile")


@pytest.fixture
def photos_of(predictions):
    """Return a function that makes predictions for photos of a split; every seventh is wrong."""

    def make(split, photos, **columns):
        labels = np.arange(photos) % 3
        predicted = np.where(np.arange(photos) % 7 == 0, (labels + 1) % 3, labels)
        probabilities = np.full((photos, 3), 0.01)
        probabilities[np.arange(photos), predicted] = 0.98
        names = np.array(CLASSES, dtype=object)[labels]
        groups = [f"{split} {number}" for number in range(photos)]
        shape = {"width": 100 + 8 * np.arange(photos), "height": 600, "content": groups, "difficulty": None}
        return predictions(
            probabilities, labels, CLASSES, split=split, **{"label": names, "group": groups, **shape, **columns}
        )

    return make


def test_validation_and_test_accuracy_have_intervals(photos_of):
    metrics = evaluate({split: photos_of(split, 70) for split in ("train", "validation", "test")}, seed=0).metrics
    for name in ("best/val_accuracy", "test/accuracy"):
        assert 0 < metrics[f"{name}_low"] < metrics[name] == 60 / 70 < metrics[f"{name}_high"] < 1
    assert metrics["test/ece"] == pytest.approx(0.98 - 60 / 70, abs=1e-6)
    assert metrics["test/ece_temperature_scaled"] < 0.01


def test_the_temperature_depends_on_validation_only(photos_of, predictions):
    row = {"group": "a", "width": 100, "height": 100, "difficulty": "easy", "content": "a"}
    always_wrong = predictions([[0.98, 0.01, 0.01]], [1], split="test", **row)
    parts = {"train": photos_of("train", 70), "validation": photos_of("validation", 70)}
    alone, beside = evaluate(parts, seed=0).metrics, evaluate({**parts, "test": always_wrong}, seed=0).metrics
    assert alone["best/temperature"] == beside["best/temperature"] > 1
    assert alone.items() <= beside.items()


def test_accuracy_is_reported_by_class_size_source_and_difficulty_with_intervals(photos_of):
    shops = np.where(np.arange(70) % 2, "one", "two")
    parts = {
        "train": photos_of("train", 70),
        "validation": photos_of("validation", 70, source=shops),
        "test": photos_of("test", 9, difficulty=["easy", "medium", "hard"] * 3),
    }
    found = evaluate(parts, seed=0).tables
    assert {path for path in found if path.startswith("reports/")} == {
        "reports/classes.csv",
        *(f"reports/by_{column}.csv" for column in ("label", "size", "source")),
        *(f"reports/test_by_{column}.csv" for column in ("label", "size", "difficulty")),
    }
    assert found["reports/test_by_difficulty.csv"]["difficulty"].tolist() == ["easy", "medium", "hard"]
    for path, table in found.items():
        if "by_" in path:
            assert table["photos"].sum() == (9 if "test_" in path else 70)
            assert (table["low"] <= table["accuracy"]).all()
            assert (table["accuracy"] <= table["high"]).all()


def test_a_run_without_a_test_split_has_no_test_metrics_or_tables(photos_of):
    parts = {split: photos_of(split, 21) for split in ("train", "validation")}
    assert not any(name.startswith("test/") for name in evaluate(parts, seed=0).metrics)
    assert not any("test" in path for path in evaluate(parts, seed=0).tables)


def test_the_report_of_classes_matches_values_computed_by_hand(six):
    report = class_report(six).set_index("class")
    np.testing.assert_allclose(report["precision"], [2 / 3, 1 / 3, np.nan])
    np.testing.assert_allclose(report["recall"], [2 / 3, 1, 0])
    np.testing.assert_allclose(report["f1"], [2 / 3, 1 / 2, 0])
    assert list(report["photos"]) == [3, 1, 2]


def test_classes_that_never_occur_have_no_f1_and_do_not_count(predictions):
    classes = tuple(f"category {n}" for n in range(58))
    made = predictions(np.eye(58)[[0, 0, 1, 1, 1, 0]], [0, 0, 0, 1, 2, 2], classes)
    assert np.isnan(class_report(made)["f1"]).sum() == 55
    assert macro_f1(made) == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
    assert made.confusion_counts().shape == (58, 58)


def test_macro_f1_agrees_with_scikit_learn(predictions):
    random = np.random.default_rng(1)
    labels, probabilities = random.integers(0, 3, 300), random.dirichlet([1, 1, 1], 300)
    expected = f1_score(labels, probabilities.argmax(axis=1), average="macro")
    assert macro_f1(predictions(probabilities, labels)) == pytest.approx(expected)
