"""The start and the end of a run.

A run starts before the work, and ends with it, also after an exception or a signal. If its process was killed (kill -9,
a power cut), MLflow leaves it RUNNING for ever; the next start on the same host marks it KILLED.
"""

import logging
import os
import platform
import traceback
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import mlflow
import psutil
from mlflow import MlflowClient

from ndsc.config.schema import TrackingConfig
from ndsc.errors import JobPruned, UserError, redacted
from ndsc.tracking.offline_buffer import send_earlier
from ndsc.tracking.signals import Terminated, defer_signals, reraise_signals, sigterm_raises
from ndsc.tracking.store import local_root, open_store, store_errors
from ndsc.tracking.system_metrics import SystemMetricsMonitor
from ndsc.tracking.tracked_run import Run, UntrackedRun

KIND = "ndsc.kind"  # the tag of a sweep's own run
HOST, PROCESS, STARTED = "process.host", "process.id", "process.started"
# The start of a process has a resolution of 0.01 s, but counts from a boot time that moves when the clock is set.
CLOCK_SECONDS = 2.0

logger = logging.getLogger(__name__)


@contextmanager
def start_run(
    tracking: TrackingConfig, name: str, tags: Mapping[str, str], end_status: str = "FINISHED"
) -> Iterator[Run]:
    """Record what happens in the block as one MLflow run, with the utilisation of the hardware.

    The run ends with `end_status` (RUNNING: another process ends it); after an exception FAILED, with
    `error/traceback.txt`; after Ctrl-C or SIGTERM, or when a search pruned it, KILLED (SIGTERM ends the process with
    exit code 143). Exceptions pass through. Within the block the run is MLflow's active one, so that `mlflow.log_…` of
    a callback logs to it. Afterwards MLflow is as it was before.

    Args:
        tracking: `run_name` overrides `name`. `parent_run_id` is the run of the sweep that this one belongs to, and
            `resume_run_id` an existing run that continues.

    Raises:
        UserError: the store cannot be opened. A store that fails later fails no run (see `Run`).
    """
    if tracking.kind == "off":
        with reraise_signals():
            yield UntrackedRun()
        return
    with sigterm_raises(), open_store(tracking) as experiment_id, ExitStack() as ending:
        send_earlier(MlflowClient(), local_root(tracking))
        end_stale_runs(experiment_id)
        # A signal between the creation of the run and the next lines would leave it RUNNING.
        with defer_signals(), store_errors(mlflow.get_tracking_uri()):
            run = _create_run(experiment_id, tracking, tracking.run_name or name, tags)
            monitor = SystemMetricsMonitor(tracking.system_metrics_interval, run.log_points)
            ending.push(lambda _kind, error, _trace: _close_run(run, monitor, error, end_status))
        monitor.start()
        with reraise_signals():
            yield run


def _create_run(experiment_id: str, tracking: TrackingConfig, name: str, tags: Mapping[str, str]) -> Run:
    resumed = tracking.resume_run_id and MlflowClient().get_run(tracking.resume_run_id)
    if resumed and resumed.data.tags.get(KIND) != "sweep":
        raise UserError(
            "tracking.resume_run_id is set by sweeps, to the run of the sweep: no other run is written to again. "
            f"Received: {tracking.resume_run_id}. Leave it out."
        )
    active = mlflow.start_run(
        run_id=tracking.resume_run_id,
        experiment_id=experiment_id,
        run_name=None if tracking.resume_run_id else redacted(name),
        # A sweep's own run may be active in this process.
        nested=True,
        parent_run_id=tracking.parent_run_id,
        tags={key: redacted(value) for key, value in {**tags, **process_tags()}.items()},
        log_system_metrics=False,  # ours replaces them, see system_metrics.py
    )
    logger.info("MLflow run %s in %s", active.info.run_id, mlflow.get_tracking_uri())
    return Run(active.info.run_id, MlflowClient(), local_root(tracking))


def _close_run(run: Run, monitor: SystemMetricsMonitor, error: BaseException | None, end_status: str) -> None:
    status = end_status if error is None else ending_status(error)
    with defer_signals():
        try:
            if error is not None and status == "FAILED":
                run.log_text("".join(traceback.format_exception(error)), "error/traceback.txt")
            run.log_metrics(monitor.stop())
        finally:
            run.end(status)


def ending_status(error: BaseException) -> str:
    """Return the end status of a run that this exception ends."""
    return "KILLED" if isinstance(error, (KeyboardInterrupt, Terminated, JobPruned)) else "FAILED"


def process_tags() -> dict[str, str]:
    """Return the tags that identify the process of a run."""
    return {HOST: host(), PROCESS: str(os.getpid()), STARTED: f"{psutil.Process().create_time():.2f}"}


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


def _alive(tags: Mapping[str, str]) -> bool:
    try:
        started = psutil.Process(int(tags[PROCESS])).create_time()
    except psutil.NoSuchProcess:
        return False
    return abs(started - float(tags[STARTED])) < CLOCK_SECONDS
