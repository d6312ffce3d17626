"""Sweeps by the real command line, against real MLflow stores."""

import os
import signal
import subprocess
import time

import pytest

from tests.sweeps.conftest import SweepPlace


def test_a_sweep_is_one_run_with_a_child_a_combination_and_the_same_command_again_runs_nothing(place: SweepPlace):
    swept = ("head=linear,mlp", "optimizer.learning_rate=1e-3")
    place.sweep(*swept)
    (parent,), children = place.runs()
    assert {run.info.status for run in (parent, *children)} == {"FINISHED"}
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    assert {run.info.run_name for run in children} == {"head=linear", "head=mlp"}
    for child in children:
        assert child.info.run_name == f"head={child.data.params['head']}"
        assert place.artefacts(child) == {"config", "data", "environment", "head", "predictions", "reports"}

    table = place.table(parent).set_index("name")["best/val_accuracy"].to_dict()
    assert table == {run.info.run_name: pytest.approx(run.data.metrics["best/val_accuracy"]) for run in children}
    best = max(children, key=lambda run: run.data.metrics["best/val_accuracy"])
    assert parent.data.metrics["best/val_accuracy"] == best.data.metrics["best/val_accuracy"]
    assert place.artefacts(parent) >= {"figures", "sweep"}
    assert place.artefacts(parent, "sweep") == {
        f"sweep/{name}" for name in ("runs.csv", "curves.png", "parallel_coordinates.png")
    }
    assert parent.outputs.model_outputs  # the whole model
    assert not any(child.outputs and child.outputs.model_outputs for child in children)

    said = place.sweep(*swept)
    assert "2 are done, 0 to do" in said
    (again,), unchanged = place.runs()
    assert again.info.run_id == parent.info.run_id
    assert {run.info.run_id for run in unchanged} == {run.info.run_id for run in children}

    # Another sweep that holds two of them runs what it does not hold.
    place.sweep("head=linear", "optimizer.learning_rate=1e-3,1e-1")
    parents, more = place.runs()
    assert len(parents) == 2
    assert len(more) == 3


def test_a_run_that_fails_is_failed_and_the_others_go_on(place: SweepPlace):
    said = place.sweep("backbone.freeze=before:no_such_layer,all", code=1)
    (parent,), children = place.runs()
    assert parent.info.status == "FAILED"
    status = {run.info.run_name: run.info.status for run in children}
    assert status == {
        "freeze=all": "FINISHED",
        "freeze=before:no_such_layer": "FAILED",
    }
    assert "1 finished, 1 failed" in said
    assert place.table(parent)["best/val_accuracy"].isna().tolist() == [True, False]


def test_a_mistake_is_told_before_anything_runs(place: SweepPlace):
    said = place.sweep("training.epochs=1,-1", code=1)
    assert "training.epochs must be at least 1. Received: training.epochs=-1." in said
    assert not (place.folder / "mlruns").exists()
    said = place.sweep("tracking.experiment=one,two", code=1)
    assert "Received: a sweep over tracking." in said
    said = place.sweep("optimizer.learning_rate=interval(0.1,0.2)", code=1)
    assert "hydra/sweeper=optuna" in said


def test_a_sweep_killed_at_any_moment_goes_on_where_it_was(place: SweepPlace):
    swept = ("seed=0,1", "head.dropout=0.0,0.5")
    process = subprocess.Popen(place.command(*swept), stderr=subprocess.DEVNULL, start_new_session=True)
    while not (place.folder / "mlruns" / "mlflow.db").exists() or len(place.runs()[1]) < 3:
        assert process.poll() is None
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    before = {run.info.run_id for run in place.runs()[1] if run.info.status == "FINISHED"}
    assert 2 <= len(before) < 4

    place.sweep(*swept)
    (parent,), children = place.runs()
    assert parent.info.status == "FINISHED"
    finished = [run for run in children if run.info.status == "FINISHED"]
    assert len(finished) == 4
    assert len({run.info.run_name for run in finished}) == 4
    assert before < {run.info.run_id for run in finished}
    assert {run.info.status for run in children} <= {"FINISHED", "KILLED"}
