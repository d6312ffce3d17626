"""Runs whose processes are killed, with real processes."""

import signal
import subprocess
import sys
from dataclasses import asdict

from ndsc.tracking.run import start_run
from ndsc.tracking.stale_runs import HOST, process_tags

WORKER = """
import sys, time
from ndsc.config.schema import TrackingConfig
from ndsc.tracking.run import start_run

with start_run(TrackingConfig(**eval(sys.argv[1])), "worker", {}):
    print("at work", flush=True)
    time.sleep(600)
"""


def start_worker(tracking) -> subprocess.Popen:
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, repr(asdict(tracking))], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "at work\n"
    return process


def statuses(client, tracking) -> list[str]:
    experiment = client.get_experiment_by_name(tracking.experiment)
    return sorted(run.info.status for run in client.search_runs([experiment.experiment_id]))


def test_a_run_that_died_is_killed_at_the_next_start_and_one_that_lives_is_left_alone(tracking, client):
    with start_worker(tracking) as dying, start_worker(tracking) as living:
        try:
            dying.send_signal(signal.SIGKILL)
            dying.wait()
            assert statuses(client, tracking) == ["RUNNING", "RUNNING"]
            with start_run(tracking, "next", {}):
                assert statuses(client, tracking) == ["KILLED", "RUNNING", "RUNNING"]
        finally:
            living.kill()


def test_runs_of_other_hosts_are_left_alone(tracking, client):
    tags = process_tags() | {"process.id": str(2**22 + 1)}  # larger than any process number
    with start_run(tracking, "first", {}) as first:
        client.set_tag(first.id, HOST, "another host")
        client.set_tag(first.id, "process.id", tags["process.id"])
        with start_run(tracking, "second", {}):
            assert statuses(client, tracking) == ["RUNNING", "RUNNING"]
        client.set_tag(first.id, HOST, tags[HOST])
        with start_run(tracking, "third", {}):
            assert statuses(client, tracking) == ["FINISHED", "KILLED", "RUNNING"]


def test_a_number_that_was_given_to_a_later_process_is_not_the_process_that_died(tracking, client):
    with start_run(tracking, "first", {}) as first:
        client.set_tag(first.id, "process.id", "1")
        with start_run(tracking, "second", {}):
            assert statuses(client, tracking) == ["KILLED", "RUNNING"]
