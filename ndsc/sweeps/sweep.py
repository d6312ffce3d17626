"""A sweep: runs below one parent run. Finished runs are not repeated, and a failed run does not stop the others."""

import logging
import shlex
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from matplotlib.figure import Figure
from omegaconf import DictConfig

from ndsc.comparison.figures import all_curves, parallel_coordinates
from ndsc.errors import JobPruned, UserError, redacted
from ndsc.model.weights import RANDOM_FALLBACK, locate_weights
from ndsc.process import usable_cores
from ndsc.sweeps.composing import Job
from ndsc.terminal import print_table
from ndsc.tracking.history import METRIC, SWEEP, RecordedRun, SweepRuns
from ndsc.tracking.run import KIND, ending_status, start_run
from ndsc.tracking.signals import defer_signals, signals_raise
from ndsc.tracking.stale_runs import HOST, host
from ndsc.tracking.tracked_run import Run, UntrackedRun

log = logging.getLogger(__name__)

# Figures and whole models of a hundred runs would be nearly the same. At the end, the best run gets them.
CHILD_DEFAULTS = {"tracking.model": "head", "tracking.figures": "false"}
METRICS = (
    METRIC,
    "best/val_accuracy_low",
    "best/val_accuracy_high",
    "best/train_accuracy",
    "test/accuracy",
    "best/epoch",
    "time/total_seconds",
)


@dataclass(frozen=True)
class JobResult:
    """The validation accuracy of a job, which is None if its run failed or was pruned."""

    accuracy: float | None
    pruned: bool = False

    @classmethod
    def of(cls, returned: JobReturn) -> "JobResult":
        """Return the result of a job that a launcher has run."""
        if returned.status is JobStatus.COMPLETED:
            return cls(returned.return_value)
        return cls(None, pruned=isinstance(returned._return_value, JobPruned))


class Sweep:
    """The jobs of one sweep below one parent run. The same command continues the same parent."""

    def __init__(self, launcher: Launcher, config: DictConfig, arguments: Sequence[str]) -> None:
        self._launcher, self._config = launcher, config
        self._launched = 0
        self._overridden = {argument.lstrip("+").partition("=")[0] for argument in arguments}
        self._command = redacted(shlex.join(["python", "-m", "ndsc.train", "-m", *arguments]))
        # By run key: two jobs of one configuration are one.
        self._jobs: dict[str, Job] = {}
        self._results: dict[str, JobResult] = {}
        self._parent: Run = UntrackedRun()
        self._runs: SweepRuns | None = None
        self._origins: dict[str, str] = {}  # of weights that could not be downloaded before, by backbone

    @property
    def failed_jobs(self) -> list[Job]:
        """The jobs that neither finished nor were pruned."""
        results = self._results.items()
        return [self._jobs[key] for key, result in results if result.accuracy is None and not result.pruned]

    @contextmanager
    def recorded(self, key: str, name: str, first: Job) -> Iterator[None]:
        """Record the jobs that are launched within the block below one run, and summarize them there at the end.

        Args:
            key: equal for starts of the same sweep.
            name: of the run, unless `tracking.run_name` gives one.
            first: a job, for what all jobs have in common.

        Raises:
            UserError: the store cannot be opened, or the same sweep is running.
        """
        tracking = first.tracking
        if tracking.kind == "off":
            yield
            results = {self._jobs[key].name: result.accuracy for key, result in self._results.items()}
            print_table({name: "failed" if value is None else f"{value:.2%}" for name, value in results.items()})
            return
        with signals_raise(), SweepRuns.opened(tracking) as self._runs:
            resumed = None if first.rerun_finished else resumable_run_id(self._runs.sweep(key))
            tags = {KIND: "sweep", SWEEP: key, "command": self._command}
            own = replace(tracking, resume_run_id=resumed, run_name=None)
            try:
                # It is FINISHED only once it has the model of the best run, which another run logs.
                with start_run(own, tracking.run_name or name, tags, end_status="RUNNING") as self._parent:
                    yield
                    finished = self._runs.finished(self._jobs)
                    self._summarize(finished, self._runs)
                self._close(finished, self._runs)
            except BaseException as error:
                if self._parent.id is not None:
                    with defer_signals():
                        self._runs.abort(self._parent.id, ending_status(error))
                raise

    def launch(self, jobs: Sequence[Job]) -> list[JobResult]:
        """Run these jobs, except those whose runs are finished; return the results of all."""
        for job in jobs:
            self._jobs.setdefault(job.key, job)
            if job.fault is not None:
                log.error("%s failed: %s", job.name, job.fault)
                self._results[job.key] = JobResult(None)
        if self._runs is not None:
            done = self._runs.finished(job.key for job in jobs if not job.rerun_finished)
            done = {key: run for key, run in done.items() if self._is_up_to_date(run, self._jobs[key])}
            self._results |= {key: JobResult(run.metrics[METRIC]) for key, run in done.items()}
        missing = [key for key in dict.fromkeys(job.key for job in jobs) if key not in self._results]
        log.info("a sweep of %d runs: %d are done, %d to do", len(jobs), len(jobs) - len(missing), len(missing))
        self._results |= zip(missing, self._launch([self._jobs[key] for key in missing]), strict=True)
        return [self._results[job.key] for job in jobs]

    def add_pruned(self, jobs: Sequence[Job]) -> None:
        """Add jobs that an earlier start of the same command pruned."""
        for job in jobs:
            self._jobs.setdefault(job.key, job)
            self._results.setdefault(job.key, JobResult(None, pruned=True))

    def _is_up_to_date(self, run: RecordedRun, job: Job) -> bool:
        """Return whether the job would give this run again. A run on random weights, because ImageNet's could not be
        downloaded, counts only as long as they still cannot."""
        if run.tags.get("weights") != RANDOM_FALLBACK:
            return True
        name = job.backbone.name
        if name not in self._origins:  # a silent network may take long to answer
            weights = locate_weights(job.backbone, random_allowed=True, fetch_classifier=Path, threads=job.threads)
            self._origins[name] = weights.origin
        return self._origins[name] == RANDOM_FALLBACK

    def _launch(self, jobs: Sequence[Job]) -> list[JobResult]:
        if not jobs:
            return []
        own = CHILD_DEFAULTS | {
            "threads": self._threads(len(jobs)),
            "tracking.parent_run_id": self._parent.id or "null",
        }
        defaults = [f"{key}={value}" for key, value in own.items() if key not in self._overridden]
        names = [QuotedString(job.name, Quote.single).with_quotes() for job in jobs]
        batch = [
            [*job.overrides, *job.extra_overrides, *defaults, f"tracking.run_name={name}"]
            for job, name in zip(jobs, names, strict=True)
        ]
        return [JobResult.of(returned) for returned in self._launch_batch(batch)]

    def _launch_batch(self, batch: Sequence[Sequence[str]]) -> Sequence[JobReturn]:
        returned = self._launcher.launch(batch, initial_job_idx=self._launched)
        self._launched += len(batch)
        return returned

    def _threads(self, jobs: int) -> str:
        """Return the threads of each job: workers on one machine share its cores."""
        workers = self._config.hydra.launcher.get("n_jobs")
        if workers is None:
            return "null"
        cores = usable_cores()
        return str(max(1, cores // min(cores if workers < 0 else workers, jobs)))

    def _summarize(self, finished: Mapping[str, RecordedRun], runs: SweepRuns) -> None:
        """Log the table of all jobs, and its figures."""
        jobs = list(self._jobs.values())
        pruned = {key for key, result in self._results.items() if result.pruned}
        table = summary_table(jobs, finished, pruned)
        self._parent.log_table(table, "sweep/runs.csv")
        curves = {job.name: runs.curve(finished[job.key].id, "val/accuracy") for job in jobs if job.key in finished}
        for path, figure in summary_figures(table, list(jobs[0].swept), curves):
            self._parent.log_figure(figure, path)

    def _close(self, finished: Mapping[str, RecordedRun], runs: SweepRuns) -> None:
        """Give the parent the model and figures of the best run, end it, and print the closing table."""
        assert self._parent.id is not None
        pruned = sum(result.pruned for result in self._results.values())
        counts = {"finished": len(finished), "pruned": pruned, "failed": len(self.failed_jobs)}
        rows = {"runs": ", ".join(f"{count} {status}" for status, count in counts.items() if count)}
        tags: dict[str, str] = {}
        if finished:
            key, run = max(finished.items(), key=lambda item: item[1].metrics[METRIC])
            best = self._jobs[key]
            tags |= {"best.run": run.id, "best.name": best.name, "command": self._command}
            rows |= {"best": best.name, "validation accuracy": f"{run.metrics[METRIC]:.2%}", "best run": run.id}
            # Run the best job again, from the cache, into the parent: with figures and the whole model.
            (returned,) = self._launch_batch([[*best.overrides, f"tracking.resume_run_id={self._parent.id}"]])
            _ = returned.return_value  # raises what the job raised
        metrics = {f"sweep/{status}": float(count) for status, count in counts.items()}
        runs.close(self._parent.id, tags, metrics, "FAILED" if self.failed_jobs else "FINISHED")
        if self.failed_jobs:
            rows["failed"] = ", ".join(job.name for job in self.failed_jobs)
        print_table(rows | {"sweep": self._parent.id})


def summary_table(jobs: Sequence[Job], finished: Mapping[str, RecordedRun], pruned: Container[str]) -> pd.DataFrame:
    """Return one row for each job, in the order of the command: its name, how it ended, the swept values, metrics
    (missing if it did not finish), and its run.

    Args:
        finished, pruned: by the keys of the jobs; the others failed.
    """
    rows = []
    for job in jobs:
        run = finished.get(job.key)
        ended = "finished" if run else "pruned" if job.key in pruned else "failed"
        metrics = {name: run.metrics.get(name) if run else None for name in METRICS}
        rows.append({"name": job.name, "ended": ended, **job.swept, **metrics, "run": run.id if run else None})
    return pd.DataFrame(rows)


def summary_figures(
    table: pd.DataFrame, swept: Sequence[str], curves: Mapping[str, Sequence[float]]
) -> Iterator[tuple[str, Figure]]:
    """Yield figures with their artifact paths; none if no run finished.

    Args:
        table: as `summary_table` returns it.
        swept: its columns that were swept.
        curves: validation accuracy by epoch, by the name of the job.
    """
    finished = table.dropna(subset=[METRIC])
    if finished.empty:
        return
    if swept:
        yield "sweep/parallel_coordinates.png", parallel_coordinates(finished, swept, METRIC)
    results = dict(zip(finished["name"], finished[METRIC], strict=True))
    yield "sweep/curves.png", all_curves(curves, results)


def resumable_run_id(previous: RecordedRun | None) -> str | None:
    """Return the id of the run that an earlier start of the same sweep left. None if there is none, or none that can be
    resumed: this host cannot find out whether a process of another host is alive.

    Raises:
        UserError: a process of this host is working at the same sweep.
    """
    if previous is None:
        return None
    if previous.status != "RUNNING":
        return previous.id
    if (other := previous.tags.get(HOST)) != host():
        log.warning(
            "the same sweep is running, or was, on another host (%s): run %s. A new sweep starts here and skips the "
            "FINISHED runs; if the other sweep is still running, stop one of them",
            other,
            previous.id,
        )
        return None
    raise UserError(
        f"A sweep that is not running was expected. Received: the sweep of run {previous.id}, which another process is "
        "running. Wait for it, or stop it; then this command continues it."
    )
