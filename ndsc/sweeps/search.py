"""A search with Optuna: the space, the study, and the trials."""

import logging
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import optuna
from hydra.core.override_parser.types import IntervalSweep, Override, Quote, QuotedString, RangeSweep
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from ndsc.errors import UserError
from ndsc.sweeps.composing import Job
from ndsc.sweeps.sweep import JobResult, Sweep
from ndsc.tracking.addresses import database_folder
from ndsc.tracking.store import create_folder

log = logging.getLogger(__name__)

# The value of a run that failed: the search then avoids what made it fail.
WORST = 0.0
# Before any run is pruned, so many trials show what can be expected at which epoch.
TRIALS_BEFORE_PRUNING = 5


@dataclass(frozen=True)
class Search:
    """A search that the same command continues.

    Attributes:
        storage: the address of Optuna's database.
        name: of the study.
        space: what to choose, by key.
        seed: of the sampler.
        compose: returns the job of chosen values.
    """

    storage: str
    name: str
    space: Mapping[str, BaseDistribution]
    seed: int
    compose: Callable[[Mapping[str, Any]], Job]

    def run(self, sweep: Sweep, n_trials: int, n_jobs: int) -> None:
        """Launch jobs until `n_trials` are finished or pruned, `n_jobs` at a time."""
        study = open_study(self.storage, self.name, self.seed)
        earlier = [(self.compose(trial.params), trial.state) for trial in finished_trials(study)]
        sweep.add_pruned([job for job, state in earlier if state is TrialState.PRUNED])
        # Failed jobs are launched again, but without reports: their trials have ended.
        sweep.launch([job for job, state in earlier if state is TrialState.COMPLETE])
        while (left := n_trials - len(finished_trials(study))) > 0:
            trials = [study.ask(dict(self.space)) for _ in range(min(left, n_jobs))]
            jobs = [self._with_reports(self.compose(trial.params), trial.number) for trial in trials]
            for trial, result in zip(trials, sweep.launch(jobs), strict=True):
                report_result(study, trial, result)

    def _with_reports(self, job: Job, trial: int) -> Job:
        """Return the same job with a callback that reports to the trial and may prune the run."""
        target = "_target_:ndsc.training.callbacks.PruneTrial"
        storage = QuotedString(self.storage, Quote.single).with_quotes()
        callback = f"{target},storage:{storage},study:'{self.name}',trial:{trial}"
        return replace(job, extra_overrides=[f"+callbacks.pruning={{{callback}}}"])


def distribution(override: Override) -> BaseDistribution:
    """Return Optuna's distribution for Hydra's `interval(…)`, `range(…)` or list of values.

    `tag(log, …)` is a logarithmic scale, and `int(interval(…))` takes whole numbers only.

    Raises:
        UserError: a kind of sweep that cannot be searched.
    """
    swept = override.value()
    if isinstance(swept, IntervalSweep):
        whole = isinstance(swept.start, int) and isinstance(swept.end, int)
        kind = IntDistribution if whole else FloatDistribution
        return kind(swept.start, swept.end, log="log" in swept.tags)
    if isinstance(swept, RangeSweep):
        values = list(swept.range())
        if all(isinstance(value, int) for value in values):
            return IntDistribution(values[0], values[-1], step=values[1] - values[0] if len(values) > 1 else 1)
        return CategoricalDistribution([float(value) for value in values])
    if override.is_discrete_sweep():
        return CategoricalDistribution(list(override.sweep_string_iterator()))
    raise UserError(
        f"A search expects key=interval(low,high), key=range(first,last,step) or key=a,b,c. Received: "
        f"{override.input_line}."
    )


def open_study(storage: str, name: str, seed: int) -> optuna.Study:
    """Create or continue the study of this name. Trials that a killed process did not finish are queued again."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if storage.startswith("sqlite") and not (folder := database_folder(storage)).exists():
        create_folder(folder)  # usually the local store's, which exists with tracking=local only
    engine = optuna.storages.RDBStorage(storage)
    pruner = optuna.pruners.MedianPruner(n_startup_trials=TRIALS_BEFORE_PRUNING, n_min_trials=TRIALS_BEFORE_PRUNING)
    study = optuna.create_study(
        storage=engine, study_name=name, direction="maximize", pruner=pruner, load_if_exists=True
    )
    # With the same seed, the sampler of a continued study would suggest the first trials again.
    study.sampler = optuna.samplers.TPESampler(seed=seed + len(study.trials), constant_liar=True)
    for trial in study.get_trials(states=[TrialState.RUNNING]):
        log.info("trial %d did not finish; it is queued again", trial.number)
        study.tell(trial.number, state=TrialState.FAIL)
        study.enqueue_trial(trial.params)
    return study


def finished_trials(study: optuna.Study) -> list[FrozenTrial]:
    """Return the trials that have a value, pruned ones included."""
    return study.get_trials(deepcopy=False, states=[TrialState.COMPLETE, TrialState.PRUNED])


def report_result(study: optuna.Study, trial: optuna.Trial, result: JobResult) -> None:
    """Report the result of a trial to the study."""
    if result.pruned:
        with warnings.catch_warnings():
            # Optuna takes the last value that was reported, and warns that it does.
            warnings.simplefilter("ignore", UserWarning)
            study.tell(trial, state=TrialState.PRUNED)
    else:
        study.tell(trial, WORST if result.accuracy is None else result.accuracy)
