"""A classifier must not depend on the test photos: tested by changing them, and by adding leaks on purpose.

A leak into the temperature is tested in `tests/evaluation/test_calibration.py`; there are no other thresholds.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from ndsc.data.manifest import Manifest
from ndsc.evaluation.report import evaluate
from ndsc.experiment import build_extractors, train
from ndsc.features.feature_extractor import FeatureExtractor
from ndsc.training import finetuning
from ndsc.training.batching import SplitData
from tests.components import LABELS, Setup

SPLITS = {"train": range(24), "validation": range(24, 36), "test": range(36, 44)}
# Learns fast and stops early, so that the best epoch depends on the data.
SETTINGS = (
    "backbone.engine=tensorflow",
    "augmentation=none",
    "training.epochs=12",
    "optimizer.learning_rate=0.05",
    "callbacks.early_stopping.patience=1",
)


@pytest.fixture
def manifest(photos: Callable[[int], pd.DataFrame]) -> Manifest:
    """44 photos in three splits; some labels of training and validation are wrong, so that no accuracy is perfect."""
    rows = photos(52).assign(difficulty=None, width=8, height=8)
    rows["split"] = [next((split for split, at in SPLITS.items() if number in at), "spare") for number in range(52)]
    rows["group"] = rows["content"]
    for number in (3, 11, 25, 30):
        rows.loc[number, "label"] = LABELS[(number + 1) % 2]
    return Manifest(rows, LABELS)


def with_other_labels(manifest: Manifest, split: str) -> Manifest:
    """The manifest with every label of this split swapped."""
    rows = manifest.rows.copy()
    here = rows["split"] == split
    rows.loc[here, "label"] = [LABELS[1 - LABELS.index(label)] for label in rows.loc[here, "label"]]
    return replace(manifest, rows=rows)


def with_other_photos(manifest: Manifest) -> Manifest:
    """The manifest with as many test photos, all of them different ones."""
    rows = manifest.rows.copy()
    rows["split"] = rows["split"].replace({"test": "spare", "spare": "test"})
    return replace(manifest, rows=rows)


def outcome(setup: Setup, manifest: Manifest) -> dict[str, Any]:
    """The results of training, early stopping and temperature scaling, and the metrics of validation and test."""
    config, components = setup.config, setup.components
    trained = train(config, components, build_extractors(components, manifest), manifest, lambda *_: None)
    predictions = trained.predictions(manifest)
    metrics = dict(evaluate(predictions, 0).metrics)
    return {
        "head": [weight.tobytes() for weight in trained.head.get_weights()],
        "curves": trained.history,
        "best epoch": trained.best_epoch,
        "temperature": metrics.pop("best/temperature"),
        "of the test": {name: metrics.pop(name) for name in list(metrics) if name.startswith("test/")},
        "of validation": metrics,
    }


def differences(one: Mapping[str, object], other: Mapping[str, object]) -> set[str]:
    """The names of the results that differ between two outcomes, if only by a bit."""
    return {name for name in one if one[name] != other[name]}


def test_only_test_metrics_depend_on_the_test_photos_and_no_training_epoch_on_validation(
    setup: Callable[..., Setup], manifest: Manifest
):
    made = setup(*SETTINGS)
    before = outcome(made, manifest)
    assert len(before["curves"]["val/loss"]) < 12  # it stopped early
    for changed in (with_other_labels(manifest, "test"), with_other_photos(manifest)):
        assert differences(before, outcome(made, changed)) == {"of the test"}
    # Validation may decide when to stop and how to scale, but the epochs until then are the same.
    after = outcome(made, with_other_labels(manifest, "validation"))
    assert {"temperature", "of validation"} <= differences(before, after)
    for quantity in ("train/loss", "train/accuracy"):
        epochs = zip(before["curves"][quantity], after["curves"][quantity], strict=False)
        assert all(one == other for one, other in epochs)


def with_leak(into: str) -> Callable[[FeatureExtractor, Manifest, str], SplitData]:
    """Replace `_split_data` by one with a leak: test photos replace the last photos of this split."""
    original = finetuning._split_data

    def leaking(part: FeatureExtractor, manifest: Manifest, split: str) -> SplitData:
        if split == into:
            rows, test = manifest.of(split), manifest.of("test").assign(split=split)
            manifest = replace(manifest, rows=pd.concat([rows.iloc[: -len(test)], test]))
        return original(part, manifest, split)

    return leaking


@pytest.mark.parametrize(("into", "caught"), [("train", {"head", "curves"}), ("validation", {"curves"})])
def test_a_leak_of_test_photos_is_detected(
    setup: Callable[..., Setup], manifest: Manifest, monkeypatch: pytest.MonkeyPatch, into: str, caught: set[str]
):
    monkeypatch.setattr(finetuning, "_split_data", with_leak(into))
    made = setup(*SETTINGS)
    one, other = (outcome(made, each) for each in (manifest, with_other_labels(manifest, "test")))
    assert caught <= differences(one, other)
