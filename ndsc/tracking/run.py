"""The start and the end of a run.

A run starts before the work, and ends with it, also after an exception or a signal. If its process was killed (kill -9,
a power cut), MLflow leaves it RUNNING for ever; the next start on the same host marks it KILLED.
"""

import logging
import traceback
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

import mlflow
from mlflow import MlflowClient

from ndsc.config.schema import TrackingConfig
from ndsc.errors import JobPruned, UserError, redacted
from ndsc.tracking.offline_buffer import send_earlier
from ndsc.tracking.signals import defer_signals, reraise_signals, signals_raise
from ndsc.tracking.stale_runs import end_stale_runs, process_tags, stopped_with
from ndsc.tracking.store import local_root, open_store, store_errors
from ndsc.tracking.system_metrics import SystemMetricsMonitor
from ndsc.tracking.tracked_run import Run, UntrackedRun

KIND = "ndsc.kind"  # the tag of a sweep's own run

logger = logging.getLogger(__name__)


@contextmanager
def start_run(
    tracking: TrackingConfig, name: str, tags: Mapping[str, str], end_status: str = "FINISHED"
) -> Iterator[Run]:
    """Record what happens in the block as one MLflow run, with the utilisation of the hardware.

    The run ends with `end_status` (RUNNING: another process ends it); after an exception FAILED, with
    `error/traceback.txt`; after a signal (see `ndsc.tracking.signals`), or when a search pruned it, KILLED. Exceptions
    pass through. Within the block the run is MLflow's active one, so that `mlflow.log_…` of a callback logs to it.
    Afterwards MLflow is as it was before.

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
    # All runs of a sweep end with its own run, which is the one that is left RUNNING here.
    sweep_id = None if end_status == "RUNNING" else tracking.parent_run_id or tracking.resume_run_id
    with signals_raise(), open_store(tracking) as experiment_id, stopped_with(sweep_id), ExitStack() as ending:
        send_earlier(MlflowClient(), local_root(tracking))
        end_stale_runs(experiment_id)
        # A signal between the creation of the run and the next lines would leave it RUNNING.
        with defer_signals(), store_errors(mlflow.get_tracking_uri()):
            # The best run of a sweep is done again into the sweep's own run: that stays the one of its process.
            own = process_tags() if sweep_id is None or tracking.parent_run_id else {}
            run = _create_run(experiment_id, tracking, tracking.run_name or name, {**tags, **own})
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
        tags={key: redacted(value) for key, value in tags.items()},
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
    return "KILLED" if isinstance(error, (KeyboardInterrupt, SystemExit, JobPruned)) else "FAILED"
