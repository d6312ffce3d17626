import numpy as np
import pytest

from ndsc.evaluation.results import summarize, tables

CLASSES = ("beauty", "fashion", "mobile")


@pytest.fixture
def judged(predictions):
    """Makes predictions on so many photos of a split, of which every seventh is wrong."""

    def make(split, photos, **columns):
        labels = np.arange(photos) % 3
        told = np.where(np.arange(photos) % 7 == 0, (labels + 1) % 3, labels)
        probabilities = np.full((photos, 3), 0.01)
        probabilities[np.arange(photos), told] = 0.98
        names = np.array(CLASSES, dtype=object)[labels]
        groups = [f"{split} {number}" for number in range(photos)]
        shape = {"width": 100 + 8 * np.arange(photos), "height": 600, "content": groups, "difficulty": None}
        return predictions(
            probabilities, labels, CLASSES, split=split, **{"label": names, "group": groups, **shape, **columns}
        )

    return make


def test_every_accuracy_outside_training_has_an_interval_beside_it(judged):
    metrics = summarize({split: judged(split, 70) for split in ("train", "validation", "test")}, seed=0)
    for name in ("best/val_accuracy", "test/accuracy"):
        assert 0 < metrics[f"{name}_low"] < metrics[name] == 60 / 70 < metrics[f"{name}_high"] < 1
    assert metrics["test/calibration_error"] == pytest.approx(0.98 - 60 / 70, abs=1e-6)
    assert metrics["test/scaled_calibration_error"] < 0.01


def test_the_temperature_is_validations_whatever_the_test_says(judged, predictions):
    always_wrong = predictions([[0.98, 0.01, 0.01]], [1], split="test", group="a")
    parts = {"train": judged("train", 70), "validation": judged("validation", 70)}
    alone, beside = summarize(parts, seed=0), summarize({**parts, "test": always_wrong}, seed=0)
    assert alone["best/temperature"] == beside["best/temperature"] > 1
    assert alone.items() <= beside.items()


def test_accuracies_are_told_by_class_size_source_and_difficulty_each_with_its_interval(judged):
    shops = np.where(np.arange(70) % 2, "one", "two")
    parts = {
        "train": judged("train", 70),
        "validation": judged("validation", 70, source=shops),
        "test": judged("test", 9, difficulty=["easy", "medium", "hard"] * 3),
    }
    found = tables(parts, seed=0)
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


def test_a_run_without_a_test_tells_of_none(judged):
    parts = {split: judged(split, 21) for split in ("train", "validation")}
    assert not any(name.startswith("test/") for name in summarize(parts, seed=0))
    assert not any("test" in path for path in tables(parts, seed=0))
