"""A sweep's life: what is done is not done again, what fails does not stop the rest, and one run tells of them all."""

import hashlib
import logging
import os
import shlex
from collections.abc import Sequence
from dataclasses import replace

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig

from ndsc.config import TrackingConfig
from ndsc.errors import UserError
from ndsc.evaluation.recorded_run import RecordedRun
from ndsc.sweeps.job import Job
from ndsc.sweeps.summary import figures, table
from ndsc.terminal import closing_table
from ndsc.tracking.run import NoRun, Run, start_run
from ndsc.tracking.sweep_runs import KIND, SWEEP, SweepRuns

log = logging.getLogger(__name__)

# A child says what its figures and its whole model would repeat a hundred times over; the best one's are made once.
CHILD_DEFAULTS = {"tracking.model": "head", "tracking.figures": "false"}
METRIC = "best/val_accuracy"


class Sweep:
    """The jobs of one sweep under one parent run; the same command goes on with the same parent."""

    def __init__(self, launcher: Launcher, config: DictConfig, arguments: Sequence[str]) -> None:
        self._launcher, self._config = launcher, config
        self._launched = 0
        self._said = {argument.lstrip("+").partition("=")[0] for argument in arguments}
        self._command = shlex.join(["python", "-m", "ndsc.train", "-m", *arguments])
        self._name = str(config.tracking.run_name or "")

    def run(self, jobs: Sequence[Job]) -> list[Job]:
        """Run what is missing and summarize everything; returns the jobs that failed.

        Raises:
            UserError: tracking itself is swept, the store cannot be opened, or the same sweep is running now.
        """
        tracking = _shared_tracking(jobs)
        if tracking.kind == "off":
            return self._untracked(jobs)
        with SweepRuns.opened(tracking) as runs:
            sweep_key = hashlib.blake2b(
                " ".join(sorted({job.key for job in jobs})).encode(), digest_size=16
            ).hexdigest()
            again = jobs[0].config.rerun
            parent_id = None if again else self._unfinished(runs, sweep_key)
            done = {} if again else runs.finished(job.key for job in jobs)
            with start_run(
                replace(tracking, into=parent_id, run_name=None),
                self._name or _parent_name(jobs),
                {KIND: "sweep", SWEEP: sweep_key, "command": self._command},
            ) as parent:
                missing = list({job.key: job for job in jobs if job.key not in done}.values())
                log.info("a sweep of %d runs: %d are done, %d to do", len(jobs), len(jobs) - len(missing), len(missing))
                self._launch(missing, parent)
                done = runs.finished(job.key for job in jobs)
                self._summarize(jobs, done, runs, parent)
            failed = [job for job in jobs if job.key not in done]
            self._close(jobs, done, failed, runs, parent)
        return failed

    def _unfinished(self, runs: SweepRuns, sweep_key: str) -> str | None:
        """The run of the same sweep that was started before."""
        before = runs.sweep(sweep_key)
        if before is None:
            return None
        if before.status == "RUNNING":
            raise UserError(
                f"A sweep that is not running yet was expected. Received: the sweep of run {before.id}, which another "
                "process is working at. Wait for it, or stop it; then this command goes on with what is missing."
            )
        return before.id

    def _launch(self, jobs: Sequence[Job], parent: Run) -> Sequence[JobReturn]:
        if not jobs:
            return []
        said = CHILD_DEFAULTS | {"threads": self._threads(len(jobs))}
        defaults = [f"{key}={value}" for key, value in said.items() if key not in self._said]
        batch = [
            [*job.overrides, *defaults, f"tracking.parent={parent.id or 'null'}", f"tracking.run_name={_quoted(job.name)}"]
            for job in jobs
        ]
        results = self._launcher.launch(batch, initial_job_idx=self._launched)
        self._launched += len(batch)
        return results

    def _threads(self, jobs: int) -> str:
        """Workers on one machine share its cores out among them."""
        workers = self._config.hydra.launcher.get("n_jobs")
        if workers is None:
            return "null"
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return str(max(1, cores // min(cores if workers < 0 else workers, jobs)))

    def _summarize(self, jobs: Sequence[Job], done: dict[str, RecordedRun], runs: SweepRuns, parent: Run) -> None:
        """The table of all children, and the pictures."""
        summary = table(jobs, done)
        parent.log_table(summary, "sweep/runs.csv")
        curves = {job.name: runs.curve(done[job.key], "val/accuracy") for job in jobs if job.key in done}
        for path, figure in figures(summary, list(jobs[0].differs), curves):
            parent.log_figure(figure, path)

    def _close(
        self,
        jobs: Sequence[Job],
        done: dict[str, RecordedRun],
        failed: Sequence[Job],
        runs: SweepRuns,
        parent: Run,
    ) -> None:
        """Give the parent the best child's model and figures, then its end; tell the person."""
        assert parent.id is not None
        rows = {"runs": f"{len(jobs) - len(failed)} of {len(jobs)} finished", "sweep": parent.id}
        tags: dict[str, str] = {}
        metrics = {"sweep/finished": float(len(jobs) - len(failed)), "sweep/failed": float(len(failed))}
        if finished := [job for job in jobs if job.key in done]:
            best = max(finished, key=lambda job: done[job.key].metrics[METRIC])
            found = done[best.key]
            tags |= {"best.run": found.id, "best.name": best.name, "command": self._command}
            rows |= {"best": best.name, "validation accuracy": f"{found.metrics[METRIC]:.2%}", "best run": found.id}
            self._make_best_whole(best, parent)
        runs.close(parent.id, tags, metrics, "FAILED" if failed else "FINISHED")
        if failed:
            rows["failed"] = ", ".join(job.name for job in failed)
        closing_table(rows)

    def _make_best_whole(self, best: Job, parent: Run) -> None:
        """Run the best job once more, out of the cache, into the parent: with its figures and its whole model."""
        overrides = [*best.overrides, f"tracking.into={parent.id}"]
        (result,) = self._launcher.launch([overrides], initial_job_idx=self._launched)
        self._launched += 1
        _ = result.return_value  # raises what the job raised

    def _untracked(self, jobs: Sequence[Job]) -> list[Job]:
        """Run all jobs; the closing table is all that is left of them."""
        results = self._launch(jobs, NoRun())
        done = [result.status is JobStatus.COMPLETED for result in results]
        closing_table(
            {
                job.name: f"{result.return_value:.2%}" if well else "failed"
                for job, result, well in zip(jobs, results, done, strict=True)
            }
        )
        return [job for job, well in zip(jobs, done, strict=True) if not well]


def _shared_tracking(jobs: Sequence[Job]) -> TrackingConfig:
    tracking = jobs[0].config.tracking
    if any(job.config.tracking != tracking for job in jobs):
        raise UserError(
            "The runs of a sweep are expected to be recorded in one place. Received: a sweep over tracking. Start a "
            "sweep for each."
        )
    return tracking


def _parent_name(jobs: Sequence[Job]) -> str:
    swept = ", ".join(key.rpartition(".")[2] for key in jobs[0].differs)
    return f"{len(jobs)} runs: {swept}" if swept else "sweep of one run"


def _quoted(text: str) -> str:
    """A text as Hydra's command line takes it."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
