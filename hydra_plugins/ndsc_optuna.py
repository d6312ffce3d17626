"""The search sweeper: Optuna, `hydra/sweeper=optuna 'optimizer.learning_rate=tag(log,interval(1e-4,1e-1))'`.

It is our own: Hydra's needs an Optuna below version 3 and does not prune.
Hydra takes sweepers from the package `hydra_plugins` only, and imports all of its modules at every start.
"""

import importlib.util
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override

from ndsc.caching.digests import content_hash
from ndsc.errors import UserError, report_errors
from ndsc.sweeps.composing import ComposingSweeper, Job, last_parts


class OptunaSweeper(ComposingSweeper):
    """Asks Optuna which values to try next, and reports their results to it.

    Args:
        n_trials: in all, those of an earlier start of the same command included.
        n_jobs: trials at a time.
        seed: of the sampler.
        storage: a file for SQLite, or the address of a database.
    """

    def __init__(
        self, n_trials: int, n_jobs: int, seed: int, storage: str, params: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(params)
        self._n_trials, self._n_jobs, self._seed = n_trials, n_jobs, seed
        self._storage = storage

    def sweep(self, arguments: list[str]) -> None:
        """Search until there are `n_trials`; exit with code 1 if a run failed."""
        with report_errors():
            if importlib.util.find_spec("optuna") is None:
                raise UserError(
                    "hydra/sweeper=optuna expects the package optuna. Received: an environment without it. Install "
                    "it: make .venv/sweeps"
                )
            shared, swept = self._overrides(arguments)
            if not swept:
                raise UserError(
                    "A search expects something to choose: key=interval(low,high) or key=a,b,c. Received: "
                    f"{' '.join(arguments)}."
                )
            first = self._job(shared, {}, {})
            from ndsc.sweeps.search import Search, distribution  # it imports MLflow, which takes seconds
            from ndsc.sweeps.sweep import Sweep
            from ndsc.tracking.addresses import sqlite_uri

            space = {key: distribution(override) for key, override in swept.items()}
            self._check_values(shared, swept)
            key = content_hash(f"{first.key} {space} {self._seed}")
            storage = (
                self._storage if "://" in self._storage else sqlite_uri(Path(self._storage).expanduser().absolute())
            )
            search = Search(storage, key, space, self._seed, partial(self._chosen_job, shared, first))
            sweep = Sweep(self._launcher, self.config, arguments)
            with sweep.recorded(key, f"search over {last_parts(space)}", first):
                search.run(sweep, self._n_trials, self._n_jobs)
        if sweep.failed_jobs:
            sys.exit(1)

    def _check_values(self, shared: Sequence[str], swept: Mapping[str, Override]) -> None:
        """Compose every value to choose from, and the ends of every interval: a typo costs no trials."""
        values = {
            key: list(override.sweep_string_iterator())
            if override.is_discrete_sweep()
            else [override.value().start, override.value().end]
            for key, override in swept.items()
        }
        first = {key: choices[0] for key, choices in values.items()}
        for key, choices in values.items():
            for value in choices:
                self._composed(shared, [f"{name}={chosen}" for name, chosen in (first | {key: value}).items()])

    def _chosen_job(self, shared: Sequence[str], first: Job, params: Mapping[str, Any]) -> Job:
        """Compose the job of chosen values. Four significant digits are as good as sixteen, and can be read."""
        chosen = {key: f"{value:.4g}" if isinstance(value, float) else str(value) for key, value in params.items()}
        written = {key.lstrip("+"): value for key, value in chosen.items()}
        try:
            return self._job(shared, chosen, written)
        except UserError as error:
            return replace(first, swept=written, key=content_hash(f"{first.key} {chosen}"), fault=str(error))
