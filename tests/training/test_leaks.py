"""What a classifier is must not depend on the test: shown by turning the test over, and by leaks that are planted.

A leak into the temperature is planted in `tests/evaluation/test_calibration.py`; there are no other thresholds.
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
# Learns fast and stops soon, so that an epoch too many or too few would show.
SETTINGS = (
    "backbone.engine=tensorflow",
    "augmentation=none",
    "training.epochs=12",
    "optimizer.learning_rate=0.05",
    "callbacks.early_stopping.patience=1",
)


@pytest.fixture
def manifest(photos: Callable[[int], pd.DataFrame]) -> Manifest:
    """44 photos on three sides; some labels of training and validation are wrong, so that there is something to err."""
    rows = photos(52).assign(difficulty=None, width=8, height=8)
    rows["split"] = [next((split for split, at in SPLITS.items() if number in at), "spare") for number in range(52)]
    rows["group"] = rows["content"]
    for number in (3, 11, 25, 30):
        rows.loc[number, "label"] = LABELS[(number + 1) % 2]
    return Manifest(rows, LABELS)


def with_other_labels(manifest: Manifest, split: str) -> Manifest:
    """Every label of this split turned over."""
    rows = manifest.rows.copy()
    here = rows["split"] == split
    rows.loc[here, "label"] = [LABELS[1 - LABELS.index(label)] for label in rows.loc[here, "label"]]
    return replace(manifest, rows=rows)


def with_other_photos(manifest: Manifest) -> Manifest:
    """As many photos in the test as before, none of them the same."""
    rows = manifest.rows.copy()
    rows["split"] = rows["split"].replace({"test": "spare", "spare": "test"})
    return replace(manifest, rows=rows)


def outcome(setup: Setup, manifest: Manifest) -> dict[str, Any]:
    """What training, early stopping and scaling decide, the metrics of validation, and those of the test."""
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


def moved(one: Mapping[str, object], other: Mapping[str, object]) -> set[str]:
    """What differs between two outcomes by a bit or more."""
    return {name for name in one if one[name] != other[name]}


def test_nothing_but_the_verdict_on_the_test_depends_on_it_nor_what_is_learned_on_validation(
    setup: Callable[..., Setup], manifest: Manifest
):
    made = setup(*SETTINGS)
    before = outcome(made, manifest)
    assert len(before["curves"]["val/loss"]) < 12  # it was stopped early
    for turned_over in (with_other_labels(manifest, "test"), with_other_photos(manifest)):
        assert moved(before, outcome(made, turned_over)) == {"of the test"}
    # Validation may decide when to stop and how to scale, but what is learned until then is the same.
    after = outcome(made, with_other_labels(manifest, "validation"))
    assert {"temperature", "of validation"} <= moved(before, after)
    for quantity in ("train/loss", "train/accuracy"):
        epochs = zip(before["curves"][quantity], after["curves"][quantity], strict=False)
        assert all(one == other for one, other in epochs)


def handing_out_the_test(as_split: str) -> Callable[[FeatureExtractor, Manifest, str], SplitData]:
    """A step like that of `finetuning`, but with a leak: test photos stand in for the last ones of this split."""
    honest = finetuning._split_data

    def leaking(part: FeatureExtractor, manifest: Manifest, split: str) -> SplitData:
        if split == as_split:
            rows, test = manifest.of(split), manifest.of("test").assign(split=split)
            manifest = replace(manifest, rows=pd.concat([rows.iloc[: -len(test)], test]))
        return honest(part, manifest, split)

    return leaking


@pytest.mark.parametrize(("into", "caught"), [("train", {"head", "curves"}), ("validation", {"curves"})])
def test_a_step_that_is_handed_test_photos_is_caught(
    setup: Callable[..., Setup], manifest: Manifest, monkeypatch: pytest.MonkeyPatch, into: str, caught: set[str]
):
    monkeypatch.setattr(finetuning, "_split_data", handing_out_the_test(into))
    made = setup(*SETTINGS)
    one, other = (outcome(made, each) for each in (manifest, with_other_labels(manifest, "test")))
    assert caught <= moved(one, other)
