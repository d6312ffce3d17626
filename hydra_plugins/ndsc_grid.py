"""The grid sweeper: all combinations, `python -m ndsc.train -m optimizer.learning_rate=1e-3,1e-4`.

Hydra takes sweepers from the package `hydra_plugins` only, and imports all of its modules at every start.
"""

import itertools
import re
import sys
from collections.abc import Sequence

from hydra.core.override_parser.types import Override

from ndsc.caching.digests import content_hash
from ndsc.errors import UserError, report_errors
from ndsc.sweeps.composing import ComposingSweeper, Job, last_parts


class GridSweeper(ComposingSweeper):
    """Runs every combination under one parent run."""

    def sweep(self, arguments: list[str]) -> None:
        """Run all combinations; exit with code 1 if a run failed."""
        with report_errors():
            jobs = self._jobs(arguments)
            from ndsc.sweeps.sweep import Sweep  # it imports MLflow, which takes seconds

            sweep = Sweep(self._launcher, self.config, arguments)
            swept = last_parts(jobs[0].swept)
            name = f"{len(jobs)} runs: {swept}" if swept else "a sweep of one run"
            with sweep.recorded(content_hash(" ".join(sorted({job.key for job in jobs}))), name, jobs[0]):
                sweep.launch(jobs)
        if sweep.failed_jobs:
            sys.exit(1)

    def _jobs(self, arguments: Sequence[str]) -> list[Job]:
        """Compose the job of each combination."""
        shared, swept = self._overrides(arguments)
        jobs = []
        for values in itertools.product(*map(_values, swept.values())):
            chosen = dict(zip(swept, values, strict=True))
            # Hydra escapes colons and the like with a backslash.
            written = {key.lstrip("+"): re.sub(r"\\(.)", r"\1", value) for key, value in chosen.items()}
            jobs.append(self._job(shared, chosen, written))
        if any(job.tracking != jobs[0].tracking for job in jobs):
            raise UserError(
                "All runs of a sweep must be recorded in one location. Received: a sweep over tracking. Start one "
                "sweep for each location."
            )
        return jobs


def _values(override: Override) -> list[str]:
    """Return the values of a swept override."""
    if not override.is_discrete_sweep():
        raise UserError(
            "A sweep over all combinations expects values to choose from (a,b,c, choice(…), range(…), glob(*)). "
            f"Received: {override.input_line}. For an interval use the search: hydra/sweeper=optuna."
        )
    return list(override.sweep_string_iterator())
