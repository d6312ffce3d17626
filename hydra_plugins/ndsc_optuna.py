"""A search by Optuna: `hydra/sweeper=optuna 'optimizer.learning_rate=tag(log,interval(1e-4,1e-1))'`.

Hydra takes sweepers from the package `hydra_plugins` only, and imports all that lies in it at every start.
"""

import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ndsc.caching.digests import content_hash
from ndsc.errors import UserError, shown_to_user
from ndsc.sweeps.composing import ComposingSweeper, fixed
from ndsc.sweeps.job import Job

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

    from ndsc.sweeps.sweep import Sweep


class OptunaSweeper(ComposingSweeper):
    """Asks Optuna what to try next, and tells it what came of that.

    Args:
        n_trials: in all, those of an earlier start of the same command included.
        n_jobs: at a time.
        seed: of the sampler.
        storage: a file for SQLite, or a database's address.
    """

    def __init__(
        self, n_trials: int, n_jobs: int, seed: int, storage: str, params: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(params)
        self._n_trials, self._n_jobs, self._seed = n_trials, n_jobs, seed
        self._storage = storage if "://" in storage else f"sqlite:///{Path(storage).absolute()}"

    def sweep(self, arguments: list[str]) -> None:
        """Search until there are `n_trials`; exit code 1 when a run failed."""
        with shown_to_user():
            if importlib.util.find_spec("optuna") is None:
                raise UserError(
                    "hydra/sweeper=optuna expects the package optuna. Received: an environment without it. Install "
                    "it: make .venv/sweeps"
                )
            from ndsc.sweeps.search import distribution

            overrides = self._overrides(arguments)
            space = {key: distribution(one) for key, one in overrides.items() if one.is_sweep_override()}
            if not space:
                raise UserError(
                    "A search expects something to choose: key=interval(low,high) or key=a,b,c. Received: "
                    f"{' '.join(arguments)}."
                )
            self._same = [fixed(override) for key, override in overrides.items() if key not in space]
            first = self._job(self._same, {}, {})
            described = f"{first.key} {space} {self._seed}"
            key = content_hash(described)
            from ndsc.sweeps.sweep import Sweep  # it imports MLflow, which takes seconds

            sweep = Sweep(self._launcher, self.config, arguments)
            swept = ", ".join(name.rpartition(".")[2] for name in space)
            with sweep.tracked(key, f"search over {swept}", first):
                self._search(sweep, key, space)
        if sweep.failed:
            sys.exit(1)

    def _search(self, sweep: "Sweep", name: str, space: "dict[str, BaseDistribution]") -> None:
        from ndsc.sweeps.search import finished, open_study, tell, was_pruned

        study = open_study(self._storage, name, self._seed)
        before = [(self._chosen_job(trial.params), was_pruned(trial)) for trial in finished(study)]
        sweep.given_up_before([job for job, pruned in before if pruned])
        # What failed is tried again, but reports to nobody: its trial has ended.
        sweep.launch([job for job, pruned in before if not pruned])
        while (left := self._n_trials - len(finished(study))) > 0:
            trials = [study.ask(space) for _ in range(min(left, self._n_jobs))]
            jobs = [self._reporting(self._chosen_job(trial.params), trial.number, name) for trial in trials]
            for trial, outcome in zip(trials, sweep.launch(jobs), strict=True):
                tell(study, trial, outcome)

    def _chosen_job(self, chosen: Mapping[str, Any]) -> Job:
        """The job of what a trial chose."""
        written = {key: _written(value) for key, value in chosen.items()}
        return self._job(self._same, written, {key.lstrip("+"): value for key, value in written.items()})

    def _reporting(self, job: Job, number: int, study: str) -> Job:
        """The same job, which reports to its trial at some epochs."""
        callback = {
            "_target_": "ndsc.training.callbacks.PruneTrial",
            "storage": f"'{self._storage}'",
            "study": f"'{study}'",
            "trial": number,
        }
        described = ",".join(f"{key}:{value}" for key, value in callback.items())
        return replace(job, once=[f"+callbacks.pruning={{{described}}}"])


def _written(value: object) -> str:
    """As one would type it: four digits are as good as sixteen, and can be read."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
