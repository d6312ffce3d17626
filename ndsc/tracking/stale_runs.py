"""Runs whose process, or whose sweep, has ended: nothing stays RUNNING and nothing trains on.

A process is identified by what no clock can move: on Linux by the boot and the clock ticks from it to the start of the
process.
"""

import logging
import os
import platform
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from ndsc.errors import UserError

HOST, PROCESS, STARTED = "process.host", "process.id", "process.started"
BOOT = Path("/proc/sys/kernel/random/boot_id")
# Version 0.2 recorded the time of the start, which psutil counts from a boot time that moves when the clock is set.
CLOCK_SECONDS = 2.0
# Between two looks at the sweep of a run.
LOOK_SECONDS = 2.0

logger = logging.getLogger(__name__)


def process_tags() -> dict[str, str]:
    """Return the tags that identify the process of a run."""
    return {HOST: host(), PROCESS: str(os.getpid()), STARTED: _started(os.getpid())}


def host() -> str:
    """Return the name of this machine; in a container also its namespace of process ids."""
    namespace = Path("/proc/self/ns/pid")
    return f"{platform.node()} {os.readlink(namespace)}" if namespace.is_symlink() else platform.node()


def end_stale_runs(experiment_id: str) -> None:
    """Mark RUNNING runs of an experiment of the open store KILLED if their process on this host no longer exists."""
    client = MlflowClient()
    query = f"attributes.status = 'RUNNING' AND tags.`{HOST}` = '{host()}'"
    for run in client.search_runs([experiment_id], query):
        if not _alive(run.data.tags):
            logger.warning("run %s (%s): process no longer exists; marked KILLED", run.info.run_id, run.info.run_name)
            client.set_terminated(run.info.run_id, "KILLED")


def send_signal(tags: Mapping[str, str], number: int) -> None:
    """Send the process of a run a signal, if it is another one of this host and exists."""
    if tags.get(HOST) == host() and tags[PROCESS] != str(os.getpid()) and _alive(tags):
        os.kill(int(tags[PROCESS]), number)


@contextmanager
def stopped_with(sweep_id: str | None) -> Iterator[None]:
    """Send this process SIGTERM within the block when the sweep of its run has ended: not every launcher stops its
    workers, and nothing stops them when the process of the sweep is killed.

    Args:
        sweep_id: the id of the sweep's own run; None: the run belongs to no sweep.

    Raises:
        UserError: the sweep has ended already; its scheduler starts a job that waited.
    """
    client, done = MlflowClient(), threading.Event()

    def watch() -> None:
        while not done.wait(LOOK_SECONDS):
            try:
                ended = _has_ended(client, str(sweep_id))
            except MlflowException:  # a store that does not answer ends no run
                continue
            if ended and not done.is_set():
                logger.warning("the sweep of this run has ended: the run is stopped")
                os.kill(os.getpid(), signal.SIGTERM)
                return

    if sweep_id is not None and not process_tags().items() <= client.get_run(sweep_id).data.tags.items():
        if _has_ended(client, sweep_id):
            raise UserError(f"A sweep that is running was expected. Received: that of run {sweep_id}, which has ended.")
        threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        done.set()


def _has_ended(client: MlflowClient, sweep_id: str) -> bool:
    sweep = client.get_run(sweep_id)
    tags = sweep.data.tags
    return sweep.info.status != "RUNNING" or (tags.get(HOST) == host() and not _alive(tags))


def _alive(tags: Mapping[str, str]) -> bool:
    """Return whether the process of a run on this host exists. One that has ended, and that its parent has not asked
    about, does not."""
    pid, recorded = int(tags[PROCESS]), tags[STARTED]
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        if " " in recorded:
            return recorded == _started(pid)
        return abs(process.create_time() - float(recorded)) < CLOCK_SECONDS
    except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
        return False


def _started(pid: int) -> str:
    """Return the boot and the clock ticks until this process started; on macOS the time when it started."""
    if not BOOT.exists():
        return f"{psutil.Process(pid).create_time():.2f}"
    fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    return f"{BOOT.read_text().strip()} {int(fields[19])}"
