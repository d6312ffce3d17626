"""Optuna's side of a search: the space, the study, and what trials came to."""

import logging
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from ndsc.errors import UserError
from ndsc.tracking.store_address import create_folder

if TYPE_CHECKING:
    from ndsc.sweeps.sweep import Outcome

log = logging.getLogger(__name__)

SQLITE = "sqlite:///"
# What a run that failed is worth: the search then keeps away from what made it fail.
WORST = 0.0
# Before anything is given up, so many trials show what can be expected at which epoch.
TRIALS_BEFORE_PRUNING = 5


def distribution(override: Override) -> BaseDistribution:
    """What Hydra's `interval(…)`, `range(…)` and lists of values mean to Optuna; `tag(log, …)` is a logarithmic scale,
    and `int(interval(…))` takes whole numbers only.

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
    """The study of this name, created or gone on with. Trials that a killed process left unfinished are tried again."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    folder = Path(storage.removeprefix(SQLITE)).parent
    if storage.startswith(SQLITE) and not folder.exists():
        create_folder(folder)  # usually the local store's, which is there only with tracking=local
    engine = optuna.storages.RDBStorage(storage)
    pruner = optuna.pruners.MedianPruner(n_startup_trials=TRIALS_BEFORE_PRUNING, n_min_trials=TRIALS_BEFORE_PRUNING)
    study = optuna.create_study(
        storage=engine, study_name=name, direction="maximize", pruner=pruner, load_if_exists=True
    )
    # Counted on, since the sampler would otherwise suggest the first trials once more.
    study.sampler = optuna.samplers.TPESampler(seed=seed + len(study.trials), constant_liar=True)
    for trial in study.get_trials(states=[TrialState.RUNNING]):
        log.info("trial %d was not finished; it is tried again", trial.number)
        study.tell(trial.number, state=TrialState.FAIL)
        study.enqueue_trial(trial.params)
    return study


def finished(study: optuna.Study) -> list[FrozenTrial]:
    """The trials that came to something, pruned ones included."""
    return study.get_trials(deepcopy=False, states=[TrialState.COMPLETE, TrialState.PRUNED])


def was_pruned(trial: FrozenTrial) -> bool:
    """Whether a trial was given up as hopeless."""
    return trial.state is TrialState.PRUNED


def tell(study: optuna.Study, trial: optuna.Trial, outcome: "Outcome") -> None:
    """Pass on what became of a trial."""
    if outcome.pruned:
        with warnings.catch_warnings():
            # Optuna takes the last value that was reported, and warns that it does.
            warnings.simplefilter("ignore", UserWarning)
            study.tell(trial, state=TrialState.PRUNED)
    else:
        study.tell(trial, WORST if outcome.accuracy is None else outcome.accuracy)
