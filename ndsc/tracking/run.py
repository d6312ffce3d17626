"""A run's life: it starts before the work, and whatever ends the work ends it too."""

import logging
import traceback
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from ndsc.config.schema import TrackingConfig
from ndsc.errors import JobPruned
from ndsc.tracking.mlflow_run import MlflowRun
from ndsc.tracking.run_interface import NoRun, Run
from ndsc.tracking.signals import Terminated, signals_come_first, signals_held_off, sigterm_raises
from ndsc.tracking.stale_runs import end_dead_runs, process_tags
from ndsc.tracking.store import Store, local_root, open_store
from ndsc.tracking.system_metrics import SystemMetricsMonitor

__all__ = ["NoRun", "Run", "start_run"]

logger = logging.getLogger(__name__)


@contextmanager
def start_run(tracking: TrackingConfig, name: str, tags: Mapping[str, str], left: str = "FINISHED") -> Iterator[Run]:
    """Record what happens in the block as one MLflow run, with the hardware's utilisation.

    The run ends FINISHED, or is `left` RUNNING for what goes on with it; after an exception FAILED, with
    `error/traceback.txt`; after Ctrl-C or SIGTERM, or when a search gave it up, KILLED (SIGTERM leaves the process with
    exit code 143). Exceptions pass through. Within the block the run is MLflow's active one, so that `mlflow.log_…` of
    a callback lands in it; afterwards MLflow is as it was before.

    `tracking.run_name` comes before `name`. `tracking.parent_run_id` is the run of a sweep that this one belongs to,
    and `tracking.resume_run_id` a run that is there already and goes on. Runs of this experiment that died on this host
    are marked KILLED. Raises `UserError` where the store cannot be opened; a store that fails later fails no run (see
    `Run.unsent`).
    """
    if tracking.kind == "off":
        with signals_come_first():
            yield NoRun()
        return
    with sigterm_raises(), open_store(tracking) as store, ExitStack() as ending:
        end_dead_runs(store.client, store.experiment_id)
        # A signal between the creation of the run and the promise to end it would leave it RUNNING.
        with signals_held_off():
            run = _create(store, tracking, tracking.run_name or name, tags)
            hardware = SystemMetricsMonitor(tracking.system_metrics_interval, run.log_points)
            ending.push(lambda _kind, error, _trace: _close(run, hardware, error, left))
        hardware.start()
        with signals_come_first():
            yield run


def _create(store: Store, tracking: TrackingConfig, name: str, tags: Mapping[str, str]) -> MlflowRun:
    import mlflow

    active = mlflow.start_run(
        run_id=tracking.resume_run_id,
        experiment_id=store.experiment_id,
        run_name=None if tracking.resume_run_id else name,
        # A sweep's own run may be active in this process.
        nested=True,
        parent_run_id=tracking.parent_run_id,
        tags={**tags, **process_tags()},
        # MLflow's monitor first logs after its first interval, and shows every GPU of the host: ours replaces it.
        log_system_metrics=False,
    )
    logger.info("MLflow run %s in %s", active.info.run_id, store.uri)
    return MlflowRun(store.client, active.info.run_id, local_root(tracking))


def _close(run: MlflowRun, hardware: SystemMetricsMonitor, error: BaseException | None, left: str) -> None:
    status = left if error is None else ending_status(error)
    with signals_held_off():
        try:
            if error is not None and status == "FAILED":
                run.log_text("".join(traceback.format_exception(error)), "error/traceback.txt")
            run.log_metrics(hardware.stop())
        finally:
            run.end(status)


def ending_status(error: BaseException) -> str:
    """What a run is that ends with this exception."""
    return "KILLED" if isinstance(error, (KeyboardInterrupt, Terminated, JobPruned)) else "FAILED"
