"""The benchmark of fidelity finds ours equal to Keras, and would say so if it were not."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from experiments.benchmarks.command_line import configured
from experiments.benchmarks.fidelity import Found, compare_features, reported, run
from experiments.benchmarks.report import Report, Row
from ndsc.data.manifest import Manifest
from ndsc.features.feature_extractor import MultiViewFeatures


def rows(report: Report) -> dict[str, Row]:
    return {row.what.split(",")[0]: row for row in report.rows}


@pytest.mark.soak
def test_ours_equals_keras_and_a_further_seed_computes_only_new_views(tiny):
    report = run(configured(tiny), seeds=2, data="rendered photos")
    found = rows(report)
    assert float(found["cosine of features"].measured.split()[0]) > 0.9999
    assert found["views computed by runs with further seeds"].reached
    assert 0 < int(found["views computed by runs with further seeds"].measured) < 12 * 3 * 1.8
    assert len([name for name in report.figures if name.startswith("seed")]) == 2


def giving(features: dict[int, np.ndarray]) -> Any:
    """A stand-in for a feature extractor that returns these features by view."""
    return SimpleNamespace(extract=lambda rows, views: MultiViewFeatures({view: features[view] for view in views}))


def test_the_worst_photo_in_the_worst_view_counts():
    rows = pd.DataFrame({"content": ["a", "b"], "split": ["train", "validation"]})
    alike, apart = np.array([[1.0, 0.0]]), np.array([[0.6, 0.8]])
    found = Found()
    manifest = Manifest(rows, ("x", "y"))
    compare_features(giving({0: alike, 1: alike}), giving({0: alike, 1: apart}), manifest, 2, found)
    assert found.cosine == pytest.approx(0.6)
    assert found.photos == {"a", "b"}


def test_targets_are_compared_only_with_enough_photos():
    found = Found(0.9, {str(number) for number in range(1000)}, [0.9], [0.95], [100, 60], [100, 50])
    judged = rows(reported(Report("fidelity", ""), found, "float32"))
    assert [row.reached for row in judged.values()] == [False, False, False]
    found.photos.pop()
    judged = rows(reported(Report("fidelity", ""), found, "float32"))
    assert judged["cosine of features"].reached is None


def test_int8_has_no_target_for_the_cosine():
    found = Found(0.9, {"a"}, [0.9], [0.9], [10, 5], [10, 5])
    assert "cosine of features" not in rows(reported(Report("fidelity", ""), found, "int8"))
