"""Sweeps that are stopped from outside: no run stays RUNNING, and no worker trains on."""

import os
import signal
import subprocess
import time

import psutil
import pytest

from tests.sweeps.conftest import BARE, SweepWorkspace

# Runs that would take hours.
ENDLESS = ("training.epochs=100000", "callbacks=none", "seed=0,1", *BARE)
LONGEST = 10.0  # seconds
OTHERS = (signal.SIGINT, signal.SIGHUP)
JOBLIB = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
RAY = ("hydra/launcher=ray", "+hydra.launcher.ray.init.num_cpus=2")


def stopped(workspace: SweepWorkspace, number: int, runs: int, *overrides: str) -> tuple[int, list[str]]:
    """Start an endless sweep and send its main process a signal when this number of runs have started; return its exit
    code, and the statuses of all runs after ten seconds, the sweep's own first."""
    environment = os.environ | {"RAY_USAGE_STATS_ENABLED": "0"}
    with (workspace.folder / "log.txt").open("w") as log:
        command = workspace.command(*ENDLESS, *overrides)
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, env=environment)
    try:
        while workspace.started() < runs:
            assert process.poll() is None, (workspace.folder / "log.txt").read_text()[-3000:]
            time.sleep(0.1)
        time.sleep(1)
        sent = time.monotonic()
        process.send_signal(number)
        while "RUNNING" in statuses(workspace)[1:] and time.monotonic() < sent + LONGEST:
            time.sleep(0.2)
        ended = statuses(workspace)
        return process.wait(60), ended
    finally:
        # None of them is left when the code is right.
        for started in {process.pid, *(int(run.data.tags["process.id"]) for run in workspace.runs()[1])}:
            if psutil.pid_exists(started):
                os.kill(started, signal.SIGKILL)


def statuses(workspace: SweepWorkspace) -> list[str]:
    parents, children = workspace.runs()
    return [run.info.status for run in (*parents, *children)]


@pytest.mark.parametrize("number", [signal.SIGTERM, *(pytest.param(n, marks=pytest.mark.soak) for n in OTHERS)])
def test_a_signal_to_the_main_process_ends_all_runs_killed(workspace: SweepWorkspace, number: signal.Signals):
    assert stopped(workspace, number, 2, *JOBLIB) == (128 + number, ["KILLED"] * 3)


@pytest.mark.soak
@pytest.mark.parametrize("number", [signal.SIGTERM, *OTHERS])
@pytest.mark.parametrize(("runs", "launcher"), [(1, ()), (2, RAY), (2, ("hydra/launcher=submitit_local",))])
def test_every_launcher_ends_all_runs_killed(workspace: SweepWorkspace, number, runs: int, launcher: tuple[str, ...]):
    code, ended = stopped(workspace, number, runs, *launcher)
    assert code != 0
    assert ended == ["KILLED"] * (runs + 1)


@pytest.mark.soak
def test_workers_end_when_the_main_process_is_killed(workspace: SweepWorkspace):
    # The next start marks its own run.
    assert stopped(workspace, signal.SIGKILL, 2, *JOBLIB) == (-signal.SIGKILL, ["RUNNING", "KILLED", "KILLED"])
