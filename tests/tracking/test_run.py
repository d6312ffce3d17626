import os
import signal
import subprocess
import sys
import threading
from dataclasses import asdict, replace
from pathlib import Path

import mlflow
import pytest

from ndsc.errors import UserError
from ndsc.tracking.run import start_run
from ndsc.tracking.signals import Terminated
from ndsc.tracking.stale_runs import HOST, process_tags
from ndsc.tracking.tracked_run import UntrackedRun

# A process that prints the id of its run, then works for a long time.
WORKER = """
import os, sys, time
from ndsc.config.schema import TrackingConfig
from ndsc.tracking.run import start_run

settings = TrackingConfig(
    kind="local", root=sys.argv[1], experiment="processes", model="none", figures=False, system_metrics_interval=0.2
)
with start_run(settings, "worker", {}) as run:
    print(run.id, os.environ["MLFLOW_DISABLE_TELEMETRY"], flush=True)
    time.sleep(60)
"""

SLEEPER = """
import sys, time
from ndsc.config.schema import TrackingConfig
from ndsc.tracking.run import start_run

with start_run(TrackingConfig(**eval(sys.argv[1])), "worker", {}):
    print("at work", flush=True)
    time.sleep(600)
"""


def status_of(client, run):
    return client.get_run(run.id).info.status


def test_a_run_is_running_within_the_block_and_finished_after_it(tracking, client):
    with start_run(tracking, "plain", {"color": "grey"}) as run:
        assert status_of(client, run) == "RUNNING"

    recorded = client.get_run(run.id)
    assert recorded.info.status == "FINISHED"
    assert recorded.info.run_name == "plain"
    assert recorded.data.tags["color"] == "grey"
    assert run.offline_folder is None


def test_the_name_in_the_settings_overrides_the_default_name(tracking, client):
    tracking.run_name = "mine"
    with start_run(tracking, "computed", {}) as run:
        pass
    assert client.get_run(run.id).info.run_name == "mine"


def test_a_finished_run_is_not_resumed(tracking, client):
    with start_run(tracking, "finished", {}) as run:
        pass
    before = client.get_run(run.id).to_dictionary()
    again = replace(tracking, resume_run_id=run.id)
    with pytest.raises(UserError, match=f"Received: {run.id}. Leave it out"), start_run(again, "again", {}):
        pytest.fail("the run started")
    assert client.get_run(run.id).to_dictionary() == before


def test_an_exception_ends_the_run_failed_with_its_traceback_and_passes_through(tracking, client, tmp_path):
    with pytest.raises(RuntimeError, match="broken"), start_run(tracking, "broken", {}) as run:
        raise RuntimeError("broken")

    assert status_of(client, run) == "FAILED"
    text = Path(client.download_artifacts(run.id, "error/traceback.txt", str(tmp_path))).read_text()
    assert "RuntimeError: broken" in text
    assert "test_run.py" in text


@pytest.mark.parametrize(("number", "exception"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)])
def test_ctrl_c_and_sigterm_end_the_run_killed_without_a_traceback(tracking, client, number, exception):
    with pytest.raises(exception), start_run(tracking, "stopped", {}) as run:
        signal.raise_signal(number)

    assert status_of(client, run) == "KILLED"
    assert client.list_artifacts(run.id) == []


def test_processes_that_receive_a_signal_leave_no_run_running(client, store_root):
    workers = {
        number: subprocess.Popen(
            [sys.executable, "-c", WORKER, str(store_root)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    ends = {}
    for number, worker in workers.items():
        assert worker.stdout is not None
        run_id, telemetry_disabled = worker.stdout.readline().split()
        worker.send_signal(number)
        _, errors = worker.communicate(timeout=30)
        ends[number] = (worker.returncode, client.get_run(run_id).info.status)
        assert telemetry_disabled == "true"
        assert "INFO" not in errors
    # After Ctrl-C, a Python process ends with the signal itself.
    assert ends == {
        signal.SIGINT: (-signal.SIGINT, "KILLED"),
        signal.SIGTERM: (143, "KILLED"),
        signal.SIGHUP: (129, "KILLED"),
    }


def test_a_signal_while_the_run_is_created_ends_it_killed(tracking, client, monkeypatch):
    create = mlflow.start_run

    def create_and_be_interrupted(**arguments):
        active = create(**arguments)
        os.kill(os.getpid(), signal.SIGINT)
        return active

    monkeypatch.setattr(mlflow, "start_run", create_and_be_interrupted)
    with pytest.raises(KeyboardInterrupt), start_run(tracking, "early", {}):
        pytest.fail("the work began")

    (run,) = client.search_runs([client.get_experiment_by_name(tracking.experiment).experiment_id])
    assert run.info.status == "KILLED"


def test_a_second_ctrl_c_waits_until_the_run_is_closed(tracking, client, monkeypatch):
    end = mlflow.end_run

    def be_interrupted_and_end(status):
        os.kill(os.getpid(), signal.SIGINT)
        end(status)

    monkeypatch.setattr(mlflow, "end_run", be_interrupted_and_end)
    with pytest.raises(KeyboardInterrupt), start_run(tracking, "impatient user", {}) as run:
        raise KeyboardInterrupt
    assert status_of(client, run) == "KILLED"


def test_a_run_restores_the_environment_and_the_signal_handlers(tracking, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://somewhere.example")
    before = dict(os.environ), signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    for _ in range(2):
        with start_run(tracking, "job of a sweep", {}) as run:
            active = mlflow.active_run()
            assert active is not None
            assert active.info.run_id == run.id
            assert mlflow.get_tracking_uri().startswith("sqlite:///")

        assert mlflow.active_run() is None
        assert mlflow.get_tracking_uri() == "http://somewhere.example"
        assert (dict(os.environ), signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
    assert not [thread for thread in threading.enumerate() if thread.name == "hardware"]


def test_values_that_a_callback_logs_through_mlflow_are_in_the_run(tracking, client):
    with start_run(tracking, "callback", {}) as run:
        mlflow.log_metric("from_callback", 7)
    assert client.get_run(run.id).data.metrics["from_callback"] == 7


def test_a_run_in_another_thread_works_without_signal_handlers(tracking, client):
    ids = []

    def work():
        with start_run(tracking, "thread", {}) as run:
            ids.append(run.id)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert client.get_run(ids[0]).info.status == "FINISHED"


def test_jobs_of_a_sweep_are_children_of_its_run(tracking, client):
    with start_run(tracking, "sweep", {}) as parent:
        with start_run(replace(tracking, parent_run_id=parent.id), "job", {}) as child:
            pass
        assert status_of(client, parent) == "RUNNING"
    assert client.get_run(child.id).data.tags["mlflow.parentRunId"] == parent.id


def test_a_short_run_has_system_metrics_with_a_mean_and_a_peak(tracking, client):
    with start_run(tracking, "short", {}) as run:
        sum(number * number for number in range(3_000_000))

    metrics = client.get_run(run.id).data.metrics
    assert 0 < metrics["system/mean_cpu_utilization_percentage"] < metrics["system/peak_cpu_utilization_percentage"] + 1
    assert 50 < metrics["system/mean_memory_megabytes"] < metrics["system/peak_memory_megabytes"] + 1
    for name in ("cpu_utilization_percentage", "system_memory_usage_megabytes", "disk_usage_percentage"):
        assert client.get_metric_history(run.id, f"system/{name}")[0].step == 0


def test_tracking_off_records_nothing(settings, tmp_path):
    with start_run(settings(tmp_path / "mlruns", kind="off"), "none", {}) as run:
        assert isinstance(run, UntrackedRun)
    assert list(tmp_path.iterdir()) == []


def start_worker(tracking) -> subprocess.Popen:
    process = subprocess.Popen(
        [sys.executable, "-c", SLEEPER, repr(asdict(tracking))], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "at work\n"
    return process


def statuses(client, tracking) -> list[str]:
    experiment = client.get_experiment_by_name(tracking.experiment)
    return sorted(run.info.status for run in client.search_runs([experiment.experiment_id]))


def test_the_next_start_marks_a_run_without_a_process_killed_and_leaves_running_ones(tracking, client):
    with start_worker(tracking) as killed, start_worker(tracking) as running:
        try:
            killed.send_signal(signal.SIGKILL)
            killed.wait()
            assert statuses(client, tracking) == ["RUNNING", "RUNNING"]
            with start_run(tracking, "next", {}):
                assert statuses(client, tracking) == ["KILLED", "RUNNING", "RUNNING"]
        finally:
            running.kill()


def test_runs_of_other_hosts_stay_running(tracking, client):
    tags = process_tags() | {"process.id": str(2**22 + 1)}  # larger than any process id
    with start_run(tracking, "first", {}) as first:
        client.set_tag(first.id, HOST, "another host")
        client.set_tag(first.id, "process.id", tags["process.id"])
        with start_run(tracking, "second", {}):
            assert statuses(client, tracking) == ["RUNNING", "RUNNING"]
        client.set_tag(first.id, HOST, tags[HOST])
        with start_run(tracking, "third", {}):
            assert statuses(client, tracking) == ["FINISHED", "KILLED", "RUNNING"]


def test_a_process_that_started_later_with_the_same_id_is_not_the_process_of_the_run(tracking, client):
    with start_run(tracking, "first", {}) as first:
        client.set_tag(first.id, "process.id", "1")
        with start_run(tracking, "second", {}):
            assert statuses(client, tracking) == ["KILLED", "RUNNING"]
