import math
from dataclasses import replace

import pytest

from ndsc.comparison.run_diff import UNKNOWN, Row, RunSummary, as_table, diff_runs, first_difference

RUN = RunSummary(
    facts={
        "configuration": {},
        "source": {"": "abc"},
        "packages": {"python": "3.11", "keras": "3.15"},
        "machine": {"cpu": "fast", "threads": "{}"},
        "features": {"engine": "openvino 1", "precision": "float32"},
        "manifest": {"": "123"},
    },
    remarks={"commit": "one"},
    curves={"train/loss": [0.3, 0.2, 0.1], "val/loss": [0.4, 0.3, 0.3]},
    metrics={"best/val_accuracy": 0.75, "test/macro_f1": math.nan},
)
WORSE = {"best/val_accuracy": 0.5, "test/macro_f1": math.nan}


def changed(kind: str, **facts: str) -> dict[str, dict[str, str]]:
    return {**RUN.facts, kind: {**RUN.facts[kind], **facts}}


def test_equal_runs_are_identical():
    rows = diff_runs(RUN, RUN)
    assert first_difference(rows) is None
    assert [row.what for row in rows] == [
        "commit",
        "source",
        "cpu",
        "threads",
        "engine",
        "precision",
        "manifest",
        "all curves",
        "best/val_accuracy",
        "test/macro_f1",
    ]


def test_equal_numbers_are_identical_even_if_facts_differ():
    other = replace(RUN, facts=changed("machine", cpu="slow"), remarks={"commit": "two"})
    rows = diff_runs(RUN, other)
    assert first_difference(rows) is None
    assert [row.what for row in rows if row.differs] == ["commit", "cpu"]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, "best/val_accuracy: 0.75 → 0.5"),
        (changed("manifest", **{"": "456"}), "manifest: 123 → 456 (and in the numbers: best/val_accuracy: 0.75 → 0.5)"),
        (changed("machine", cpu="slow"), "cpu: fast → slow (and"),
        (changed("features", engine="openvino 2"), "engine: openvino 1 → openvino 2 (and"),
        (changed("packages", keras="4", openvino="2"), "packages: keras: 3.15 → 4 (and"),
        (changed("packages", openvino="2"), "packages: openvino: none → 2 (and"),
        (changed("packages", keras="4") | changed("source", **{"": "d"}), "source: abc → d (and"),
        (changed("configuration", seed="0"), "configuration: seed: none → 0 (and"),
    ],
)
def test_the_first_difference_is_the_possible_cause_of_the_others(facts: dict, expected: str):
    other = replace(RUN, facts=facts or RUN.facts, metrics=WORSE, remarks={"commit": "two"})
    if "source" in expected:
        other = replace(other, facts={**other.facts, "packages": changed("packages", keras="4")["packages"]})
    difference = first_difference(diff_runs(RUN, other))
    assert difference is not None
    assert difference.startswith(expected)


def test_a_fact_that_an_older_run_did_not_record_is_not_a_difference():
    older = replace(RUN, facts={kind: facts for kind, facts in RUN.facts.items() if kind != "source"})
    rows = diff_runs(older, replace(RUN, metrics=WORSE))
    assert Row("source", "source", UNKNOWN, "abc") in rows
    assert first_difference(rows) == "best/val_accuracy: 0.75 → 0.5"


@pytest.mark.parametrize(
    ("curves", "expected"),
    [
        ({"train/loss": [0.3, 0.2, 0.5], "val/loss": [0.4, 0.5, 0.3]}, "val/loss in epoch 2: 0.3 → 0.5"),
        ({"train/loss": [0.3, 0.2], "val/loss": [0.4, 0.3]}, "train/loss in epoch 3: 0.1 → none"),
        ({"train/loss": [0.3, math.nan, 0.1], "val/loss": [0.4, 0.3, 0.3]}, "train/loss in epoch 2: 0.2 → nan"),
    ],
)
def test_the_first_epoch_in_which_a_curve_differs_is_named(curves: dict[str, list[float]], expected: str):
    assert first_difference(diff_runs(RUN, replace(RUN, curves=curves, metrics=WORSE))) == expected


def test_the_table_has_one_row_per_fact():
    table = as_table(diff_runs(RUN, replace(RUN, metrics=WORSE)))
    assert table.columns.tolist() == ["what", "old", "new", "differs"]
    assert table.loc[table["differs"], ["what", "old", "new"]].to_numpy().tolist() == [
        ["best/val_accuracy", "0.75", "0.5"]
    ]
