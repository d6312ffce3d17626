"""Which process a run belongs to, also when the clock is set, and by tags of version 0.2."""

import subprocess
import sys
from collections.abc import Callable

import psutil
import pytest

from ndsc.tracking.run import start_run
from ndsc.tracking.stale_runs import STARTED, end_stale_runs, process_tags


@pytest.fixture
def status_after(tracking, client) -> Callable[..., str]:
    """Return the status of a RUNNING run with these tags after stale runs were ended."""

    def with_tags(**tags: str) -> str:
        with start_run(tracking, "run", {}) as run:
            for name, value in tags.items():
                client.set_tag(run.id, name.replace("_", "."), value)
            end_stale_runs(client.get_experiment_by_name(tracking.experiment).experiment_id)
            return client.get_run(run.id).info.status

    return with_tags


def test_a_clock_that_is_set_ends_no_run(status_after, monkeypatch):
    created = psutil.Process.create_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: created(self) + 3600)
    assert status_after() == "RUNNING"


def test_an_earlier_process_of_the_same_number_is_not_the_process_of_the_run(status_after):
    boot, ticks = process_tags()[STARTED].split()
    assert status_after(process_started=f"{boot} {ticks}") == "RUNNING"
    assert status_after(process_started=f"{boot} {int(ticks) - 1}") == "KILLED"
    assert status_after(process_started=f"another-boot {ticks}") == "KILLED"


def test_runs_of_version_0_2_are_understood(status_after):
    started = psutil.Process().create_time()
    assert status_after(process_started=f"{started:.2f}") == "RUNNING"
    assert status_after(process_started=f"{started - 60:.2f}") == "KILLED"


def test_a_process_that_has_ended_and_whose_parent_has_not_noticed_does_not_exist(status_after):
    with subprocess.Popen([sys.executable, "-c", "pass"]) as child:
        while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
            pass
        started = psutil.Process(child.pid).create_time()
        assert status_after(process_id=str(child.pid), process_started=f"{started:.2f}") == "KILLED"
