"""Sweeps by the real command line, against real MLflow stores."""

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from ndsc.features.store.segments import INDEX, read_records
from tests.sweeps.conftest import BARE, SweepWorkspace


def computed(cache: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the fingerprint and the key (photo and view) of every cached feature."""
    for index in (cache / "features").rglob(f"*{INDEX}"):
        for key in read_records(index)["key"]:
            yield index.parent.name, key.tobytes()


def test_a_sweep_has_one_child_run_for_each_combination_and_runs_only_missing_ones_again(
    workspace: SweepWorkspace,
):
    swept = ("backbone.freeze=before:no_such_layer,all", "head=linear,mlp")
    output = workspace.sweep(*swept, code=1)
    assert "2 finished, 2 failed" in output
    (parent,), children = workspace.runs()
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
        assert workspace.artifacts(child) == {"config", "data", "environment", "head", "predictions", "reports"}

    table = workspace.table(parent)
    assert table["best/val_accuracy"].isna().tolist() == [True, True, False, False]
    assert table["ended"].tolist() == ["failed", "failed", "finished", "finished"]
    best = max(finished, key=lambda run: run.data.metrics["best/val_accuracy"])
    assert parent.data.metrics["best/val_accuracy"] == best.data.metrics["best/val_accuracy"]
    assert workspace.artifacts(parent) >= {"figures", "sweep"}
    assert workspace.artifacts(parent, "sweep") == {
        f"sweep/{name}" for name in ("runs.csv", "curves.png", "parallel_coordinates.png")
    }
    assert parent.outputs.model_outputs  # the whole model
    assert not any(child.outputs and child.outputs.model_outputs for child in finished)

    output = workspace.sweep(*swept, code=1)
    assert "2 are done, 2 to do" in output
    (again,), more = workspace.runs()
    assert again.info.run_id == parent.info.run_id
    assert {run.info.run_id for run in more if run.info.status == "FINISHED"} == {run.info.run_id for run in finished}


def test_a_mistake_is_reported_before_anything_runs(workspace: SweepWorkspace):
    output = workspace.sweep("training.epochs=1,-1", code=1)
    assert "training.epochs must be at least 1. Received: training.epochs=-1." in output
    assert not (workspace.folder / "mlruns").exists()
    output = workspace.sweep("tracking.experiment=one,two", code=1)
    assert "Received: a sweep over tracking." in output
    output = workspace.sweep("optimizer.learning_rate=interval(0.1,0.2)", code=1)
    assert "hydra/sweeper=optuna" in output


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (("head=linear,mpl",), "Could not find 'head/mpl' Available options in 'head': linear mlp"),
        (("training.epochs=3,x",), "Value 'x' of type 'str' could not be converted to Integer"),
        (("hydra/sweeper=optuna", "head=linear,mpl"), "Could not find 'head/mpl'"),
        (("hydra/sweeper=optuna", "head.dropot=interval(0,1)"), "Could not override 'head.dropot'"),
        (("+experiment=views,head",), "experiments that sweep cannot be swept themselves"),
        (("hydra/sweeper=optuna", "+experiment=baseline,views"), "Received: +experiment=views"),
    ],
)
def test_a_mistake_in_swept_values_is_one_paragraph(workspace: SweepWorkspace, overrides, expected: str):
    output = workspace.sweep(*overrides, code=1)
    assert expected in " ".join(output.split())
    assert len(output.splitlines()) < 6
    assert not (workspace.folder / "mlruns").exists()


def test_a_sweep_records_where_it_was_started_also_if_its_jobs_change_the_folder(workspace: SweepWorkspace):
    relative = ("tracking.root=mlruns", "cache.root=cache", "hydra.job.chdir=true")
    command = workspace.command("seed=0,1", *relative, *BARE)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run(command, cwd=workspace.folder, env=environment, check=True, capture_output=True)
    (parent,), children = workspace.runs()
    assert [run.info.status for run in (parent, *children)] == ["FINISHED"] * 3
    assert list(workspace.folder.rglob("mlflow.db")) == [workspace.folder / "mlruns" / "mlflow.db"]
    assert list(workspace.folder.rglob("cache")) == [workspace.folder / "cache"]


def test_a_killed_sweep_is_continued(workspace: SweepWorkspace):
    swept = ("seed=0,1", "head.dropout=0.0,0.5", *BARE)
    workspace.kill(lambda: workspace.started() == 3, *swept)
    before = {run.info.run_id for run in workspace.runs()[1] if run.info.status == "FINISHED"}
    assert 2 <= len(before) < 4

    workspace.sweep(*swept)
    (parent,), children = workspace.runs()
    assert parent.info.status == "FINISHED"
    finished = [run for run in children if run.info.status == "FINISHED"]
    assert len(finished) == 4
    assert len({run.info.run_name for run in finished}) == 4
    assert before < {run.info.run_id for run in finished}
    assert {run.info.status for run in children} <= {"FINISHED", "KILLED"}


def test_a_sweep_is_finished_only_once_it_has_the_model_of_its_best_run(workspace: SweepWorkspace):
    command = workspace.command("head.dropout=0.0,0.5", *BARE)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        next(line for line in process.stdout if "tracking.resume_run_id=" in line)
        process.send_signal(signal.SIGINT)
        output = process.stdout.read()
    assert process.returncode == 130, output
    (parent,), children = workspace.runs()
    assert parent.info.status == "KILLED"
    assert {run.info.status for run in children} == {"FINISHED"}

    workspace.sweep("head.dropout=0.0,0.5", *BARE)
    (parent,), again = workspace.runs()
    assert parent.info.status == "FINISHED"
    assert len(again) == len(children) == 2


def some_time_after(workspace: SweepWorkspace, runs: int, seconds: float) -> Callable[[], bool]:
    """Return a condition that holds this number of seconds after this number of runs have started: the pace of a sweep
    depends on the load of the machine."""
    reached: list[float] = []

    def when() -> bool:
        if not reached and workspace.started() >= runs:
            reached.append(time.monotonic())
        return bool(reached) and time.monotonic() > reached[0] + seconds

    return when


@pytest.mark.soak
def test_sweeps_killed_at_random_moments_finish_all_runs_and_compute_no_feature_twice(workspace: SweepWorkspace):
    swept = ("optimizer.learning_rate=1e-4,1e-3,1e-2", "head.dropout=0.0,0.5", "head=linear,mlp", "seed=0,1")
    random, started = np.random.default_rng(0), time.monotonic()
    SweepWorkspace(workspace.folder / "undisturbed", workspace.data).sweep(*swept)
    seconds = time.monotonic() - started
    for repetition in range(10):
        again = SweepWorkspace(workspace.folder / str(repetition), workspace.data)
        again.kill(some_time_after(again, random.integers(24), random.uniform(0, seconds / 24)), *swept)
        before = [run.info.status for run in again.runs()[1]]
        again.sweep(*swept)

        (parent,), children = again.runs()
        assert parent.info.status == "FINISHED"
        finished = [run for run in children if run.info.status == "FINISHED"]
        assert len(finished) == len({run.data.tags["ndsc.key"] for run in finished}) == 24
        others = [run.info.status for run in children if run not in finished]
        assert others in ([], ["KILLED"])
        assert set(Counter(computed(again.folder / "cache")).values()) == {1}
        print(f"{repetition}: killed with {before.count('FINISHED')} finished, {len(others)} died", flush=True)
