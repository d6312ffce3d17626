"""A sweep's life: what is done is not done again, what fails does not stop the rest, and one run tells of them all."""

import logging
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from hydra.core.utils import JobStatus
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig

from ndsc.config.schema import TrackingConfig
from ndsc.errors import JobPruned, UserError
from ndsc.model.weights import RANDOM_FALLBACK, locate_weights
from ndsc.process import usable_cores
from ndsc.sweeps.job import Job
from ndsc.sweeps.summary import figures, table
from ndsc.terminal import closing_table
from ndsc.tracking.history import KIND, METRIC, SWEEP, RecordedRun, SweepRuns
from ndsc.tracking.run import ending_status, start_run
from ndsc.tracking.signals import defer_signals, sigterm_raises
from ndsc.tracking.stale_runs import HOST, host
from ndsc.tracking.tracked_run import Run, UntrackedRun

log = logging.getLogger(__name__)

# A child says what its figures and its whole model would repeat a hundred times over; the best one's are made once.
CHILD_DEFAULTS = {"tracking.model": "head", "tracking.figures": "false"}


@dataclass(frozen=True)
class Outcome:
    """What became of a job: its validation accuracy if it finished, and else whether it was given up as hopeless."""

    accuracy: float | None
    pruned: bool = False


class Sweep:
    """The jobs of one sweep under one parent run; the same command goes on with the same parent."""

    def __init__(self, launcher: Launcher, config: DictConfig, arguments: Sequence[str]) -> None:
        self._launcher, self._config = launcher, config
        self._launched = 0
        self._said = {argument.lstrip("+").partition("=")[0] for argument in arguments}
        self._command = shlex.join(["python", "-m", "ndsc.train", "-m", *arguments])
        self._jobs: dict[str, Job] = {}  # by key, as the outcomes: two jobs of one configuration are one
        self._outcomes: dict[str, Outcome] = {}
        self._parent: Run = UntrackedRun()
        self._runs: SweepRuns | None = None
        self._rerun = False
        self._origins: dict[str, str] = {}  # of weights that could not be had before, by the backbone's name

    @property
    def failed(self) -> list[Job]:
        """The jobs that neither finished nor were given up."""
        outcomes = self._outcomes.items()
        return [self._jobs[key] for key, outcome in outcomes if outcome.accuracy is None and not outcome.pruned]

    @contextmanager
    def tracked(self, key: str, name: str, first: Job) -> Iterator[None]:
        """Record what is launched in the block below one run, and summarize it there at the end.

        Args:
            key: what makes two sweeps the same.
            name: of the run, unless `tracking.run_name` gives one.
            first: a job, for what all jobs have in common.

        Raises:
            UserError: the store cannot be opened, or the same sweep is running now.
        """
        tracking, self._rerun = first.config.tracking, first.config.rerun_finished
        if tracking.kind == "off":
            yield
            self._tell_all()
            return
        with sigterm_raises(), SweepRuns.opened(tracking) as self._runs:
            into = None if self._rerun else _goes_on(self._runs.sweep(key))
            tags = {KIND: "sweep", SWEEP: key, "command": self._command}
            named = replace(tracking, resume_run_id=into, run_name=None)
            # FINISHED only once the best run's model is in it, which another run makes.
            with start_run(named, tracking.run_name or name, tags, end_status="RUNNING") as self._parent:
                yield
                finished = self._runs.finished(self._jobs)
                self._summarize(finished, self._runs)
            try:
                self._close(finished, self._runs)
            except BaseException as error:
                with defer_signals():
                    self._runs.close(str(self._parent.id), {}, {}, ending_status(error))
                raise

    def launch(self, jobs: Sequence[Job]) -> list[Outcome]:
        """Run these jobs, without those that are FINISHED already; gives what became of each."""
        for job in jobs:
            self._jobs.setdefault(job.key, job)
        if self._runs is not None and not self._rerun:
            done = self._runs.finished(job.key for job in jobs)
            done = {key: run for key, run in done.items() if self._would_be(run, self._jobs[key])}
            self._outcomes |= {key: Outcome(run.metrics[METRIC]) for key, run in done.items()}
        missing = [key for key in dict.fromkeys(job.key for job in jobs) if key not in self._outcomes]
        log.info("a sweep of %d runs: %d are done, %d to do", len(jobs), len(jobs) - len(missing), len(missing))
        self._outcomes |= zip(missing, self._launch([self._jobs[key] for key in missing]), strict=True)
        return [self._outcomes[job.key] for job in jobs]

    def _would_be(self, run: RecordedRun, job: Job) -> bool:
        """Whether the job would come to this run again: one on random weights, for want of ImageNet's, is done only as
        long as those still cannot be had."""
        if run.tags.get("weights") != RANDOM_FALLBACK:
            return True
        backbone = job.config.backbone
        if backbone.name not in self._origins:  # to find out may take as long as a network stays silent
            found = locate_weights(backbone, random_allowed=True, fetch_classifier=Path, threads=job.config.threads)
            self._origins[backbone.name] = found.origin
        return self._origins[backbone.name] == RANDOM_FALLBACK

    def given_up_before(self, jobs: Sequence[Job]) -> None:
        """Count these in, which an earlier start of the same command pruned."""
        for job in jobs:
            self._jobs.setdefault(job.key, job)
            self._outcomes.setdefault(job.key, Outcome(None, pruned=True))

    def _launch(self, jobs: Sequence[Job]) -> list[Outcome]:
        if not jobs:
            return []
        said = CHILD_DEFAULTS | {
            "threads": self._threads(len(jobs)),
            "tracking.parent_run_id": self._parent.id or "null",
        }
        defaults = [f"{key}={value}" for key, value in said.items() if key not in self._said]
        batch = [[*job.overrides, *job.once, *defaults, f"tracking.run_name={_quoted(job.name)}"] for job in jobs]
        results = self._launcher.launch(batch, initial_job_idx=self._launched)
        self._launched += len(batch)
        return [
            Outcome(result.return_value)
            if result.status is JobStatus.COMPLETED
            else Outcome(None, pruned=isinstance(result._return_value, JobPruned))
            for result in results
        ]

    def _threads(self, jobs: int) -> str:
        """Workers on one machine share its cores out among them."""
        workers = self._config.hydra.launcher.get("n_jobs")
        if workers is None:
            return "null"
        cores = usable_cores()
        return str(max(1, cores // min(cores if workers < 0 else workers, jobs)))

    def _summarize(self, done: dict[str, RecordedRun], runs: SweepRuns) -> None:
        """The table of all children, and the pictures."""
        jobs = list(self._jobs.values())
        pruned = {key for key, outcome in self._outcomes.items() if outcome.pruned}
        summary = table(jobs, done, pruned)
        self._parent.log_table(summary, "sweep/runs.csv")
        curves = {job.name: runs.curve(done[job.key].id, "val/accuracy") for job in jobs if job.key in done}
        for path, figure in figures(summary, list(jobs[0].differs), curves):
            self._parent.log_figure(figure, path)

    def _close(self, finished: dict[str, RecordedRun], runs: SweepRuns) -> None:
        """Give the parent the best child's model and figures, then its end; tell the person."""
        assert self._parent.id is not None
        pruned = sum(outcome.pruned for outcome in self._outcomes.values())
        counted = {"finished": len(finished), "pruned": pruned, "failed": len(self.failed)}
        rows = {"runs": ", ".join(f"{count} {state}" for state, count in counted.items() if count)}
        tags: dict[str, str] = {}
        if finished:
            found = max(finished.values(), key=lambda run: run.metrics[METRIC])
            best = next(self._jobs[key] for key, run in finished.items() if run is found)
            tags |= {"best.run": found.id, "best.name": best.name, "command": self._command}
            rows |= {"best": best.name, "validation accuracy": f"{found.metrics[METRIC]:.2%}", "best run": found.id}
            self._make_best_whole(best)
        metrics = {f"sweep/{state}": float(count) for state, count in counted.items()}
        runs.close(self._parent.id, tags, metrics, "FAILED" if self.failed else "FINISHED")
        if self.failed:
            rows["failed"] = ", ".join(job.name for job in self.failed)
        closing_table(rows | {"sweep": self._parent.id})

    def _make_best_whole(self, best: Job) -> None:
        """Run the best job once more, out of the cache, into the parent: with its figures and its whole model."""
        overrides = [*best.overrides, f"tracking.resume_run_id={self._parent.id}"]
        (result,) = self._launcher.launch([overrides], initial_job_idx=self._launched)
        self._launched += 1
        _ = result.return_value  # raises what the job raised

    def _tell_all(self) -> None:
        """Without tracking, the closing table is all that is left of a sweep."""
        told = {
            self._jobs[key].name: "failed" if outcome.accuracy is None else f"{outcome.accuracy:.2%}"
            for key, outcome in self._outcomes.items()
        }
        closing_table(told)


def _goes_on(before: RecordedRun | None) -> str | None:
    """The run of the same sweep that was started before; None where there is none, or none that can be gone on with:
    whether a process of another host lives, nobody here can tell."""
    if before is None:
        return None
    if before.status != "RUNNING":
        return before.id
    if (there := before.tags.get(HOST)) != host():
        log.warning(
            "the same sweep is, or was, at work on another host (%s): run %s. A new one is started here, which leaves "
            "out what is FINISHED; if the other is still at work, stop one of them",
            there,
            before.id,
        )
        return None
    raise UserError(
        f"A sweep that is not running yet was expected. Received: the sweep of run {before.id}, which another "
        "process is working at. Wait for it, or stop it; then this command goes on with what is missing."
    )


def shared_tracking(jobs: Sequence[Job]) -> TrackingConfig:
    """Where all these jobs are recorded.

    Raises:
        UserError: not all in one place.
    """
    tracking = jobs[0].config.tracking
    if any(job.config.tracking != tracking for job in jobs):
        raise UserError(
            "The runs of a sweep are expected to be recorded in one place. Received: a sweep over tracking. Start a "
            "sweep for each."
        )
    return tracking


def _quoted(text: str) -> str:
    """A text as Hydra's command line takes it."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
