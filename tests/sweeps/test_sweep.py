"""Sweeps by the real command line, against real MLflow stores."""

import os
import signal
import subprocess
import time

from tests.sweeps.conftest import SweepPlace


def test_a_sweep_is_one_run_with_a_child_a_combination_and_the_same_command_again_runs_what_is_missing(
    place: SweepPlace,
):
    swept = ("backbone.freeze=before:no_such_layer,all", "head=linear,mlp")
    said = place.sweep(*swept, code=1)
    assert "2 finished, 2 failed" in said
    (parent,), children = place.runs()
    assert parent.info.status == "FAILED"
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    assert {run.info.run_name: run.info.status for run in children} == {
        "freeze=all head=linear": "FINISHED",
        "freeze=all head=mlp": "FINISHED",
        "freeze=before:no_such_layer head=linear": "FAILED",
        "freeze=before:no_such_layer head=mlp": "FAILED",
    }
    finished = [run for run in children if run.info.status == "FINISHED"]
    for child in finished:
        assert child.info.run_name.endswith(f"head={child.data.params['head']}")
        assert place.artefacts(child) == {"config", "data", "environment", "head", "predictions", "reports"}

    table = place.table(parent)
    assert table["best/val_accuracy"].isna().tolist() == [True, True, False, False]
    best = max(finished, key=lambda run: run.data.metrics["best/val_accuracy"])
    assert parent.data.metrics["best/val_accuracy"] == best.data.metrics["best/val_accuracy"]
    assert place.artefacts(parent) >= {"figures", "sweep"}
    assert place.artefacts(parent, "sweep") == {
        f"sweep/{name}" for name in ("runs.csv", "curves.png", "parallel_coordinates.png")
    }
    assert parent.outputs.model_outputs  # the whole model
    assert not any(child.outputs and child.outputs.model_outputs for child in finished)

    said = place.sweep(*swept, code=1)
    assert "2 are done, 2 to do" in said
    (again,), more = place.runs()
    assert again.info.run_id == parent.info.run_id
    assert {run.info.run_id for run in more if run.info.status == "FINISHED"} == {run.info.run_id for run in finished}


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
