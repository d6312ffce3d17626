"""The life of a run: it starts before the work, and whatever ends the work ends it too."""

import logging
import traceback
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

import mlflow

from ndsc.config.schema import TrackingConfig
from ndsc.errors import JobPruned
from ndsc.tracking.signals import Terminated, defer_signals, reraise_signals, sigterm_raises
from ndsc.tracking.stale_runs import end_stale_runs, process_tags
from ndsc.tracking.store import Store, open_store
from ndsc.tracking.store_address import local_root
from ndsc.tracking.system_metrics import SystemMetricsMonitor
from ndsc.tracking.tracked_run import Run, UntrackedRun

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
        tracking: `run_name` comes before `name`. `parent_run_id` is the run of the sweep that this one belongs to, and
            `resume_run_id` an existing run that continues.

    Raises:
        UserError: the store cannot be opened. A store that fails later fails no run (see `Run`).
    """
    if tracking.kind == "off":
        with reraise_signals():
            yield UntrackedRun()
        return
    with sigterm_raises(), open_store(tracking) as store, ExitStack() as ending:
        end_stale_runs(store.client, store.experiment_id)
        # A signal between the creation of the run and the next lines would leave it RUNNING.
        with defer_signals():
            run = _create_run(store, tracking, tracking.run_name or name, tags)
            monitor = SystemMetricsMonitor(tracking.system_metrics_interval, run.log_points)
            ending.push(lambda _kind, error, _trace: _close_run(run, monitor, error, end_status))
        monitor.start()
        with reraise_signals():
            yield run


def _create_run(store: Store, tracking: TrackingConfig, name: str, tags: Mapping[str, str]) -> Run:
    active = mlflow.start_run(
        run_id=tracking.resume_run_id,
        experiment_id=store.experiment_id,
        run_name=None if tracking.resume_run_id else name,
        # A sweep's own run may be active in this process.
        nested=True,
        parent_run_id=tracking.parent_run_id,
        tags={**tags, **process_tags()},
        log_system_metrics=False,  # ours replaces them, see system_metrics.py
    )
    logger.info("MLflow run %s in %s", active.info.run_id, store.uri)
    return Run(active.info.run_id, store.client, local_root(tracking))


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
