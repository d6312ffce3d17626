"""All combinations of what is swept: Hydra's multirun, `python -m ndsc.train -m optimizer.learning_rate=1e-3,1e-4`.

Hydra takes sweepers from the package `hydra_plugins` only, and imports all that lies in it at every start.
"""

import itertools
import re
import sys
from collections.abc import Sequence

from hydra.core.override_parser.types import Override

from ndsc.caching.digests import content_hash
from ndsc.errors import UserError, shown_to_user
from ndsc.sweeps.composing import ComposingSweeper, fixed
from ndsc.sweeps.job import Job


class GridSweeper(ComposingSweeper):
    """Runs every combination under one parent run."""

    def sweep(self, arguments: list[str]) -> None:
        """Run what the command line asks for; exit code 1 when a run failed."""
        with shown_to_user():
            # MLflow takes seconds to import, and a mistake in the configuration is told before that.
            jobs = self._jobs(arguments)
            from ndsc.sweeps.sweep import Sweep, shared_tracking

            shared_tracking(jobs)
            sweep = Sweep(self._launcher, self.config, arguments)
            key = content_hash(" ".join(sorted({job.key for job in jobs})))
            with sweep.tracked(key, _name(jobs), jobs[0]):
                sweep.launch(jobs)
        if sweep.failed:
            sys.exit(1)

    def _jobs(self, arguments: Sequence[str]) -> list[Job]:
        overrides = self._overrides(arguments)
        swept = [key for key, override in overrides.items() if override.is_sweep_override()]
        same = [fixed(override) for key, override in overrides.items() if key not in swept]
        jobs = []
        for values in itertools.product(*(_values(overrides[key]) for key in swept)):
            chosen = dict(zip(swept, values, strict=True))
            differs = {key.lstrip("+"): _unescaped(value) for key, value in chosen.items()}
            jobs.append(self._job(same, chosen, differs))
        return jobs


def _values(override: Override) -> list[str]:
    """The values to choose from."""
    if not override.is_discrete_sweep():
        raise UserError(
            "A sweep over all combinations expects values to choose from (a,b,c, choice(…), range(…), glob(*)). "
            f"Received: {override.input_line}. For an interval use the search: hydra/sweeper=optuna."
        )
    return list(override.sweep_string_iterator())


def _unescaped(value: str) -> str:
    """A value as a person writes it: Hydra puts a backslash before colons and the like."""
    return re.sub(r"\\(.)", r"\1", value)


def _name(jobs: Sequence[Job]) -> str:
    swept = ", ".join(key.rpartition(".")[2] for key in jobs[0].differs)
    return f"{len(jobs)} runs: {swept}" if swept else "a sweep of one run"
