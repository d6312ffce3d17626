from pathlib import Path

import optuna
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from ndsc.sweeps.search import distribution, finished, open_study, tell, was_pruned
from ndsc.sweeps.sweep import Outcome

SPACE = {"optimizer.learning_rate": FloatDistribution(1e-4, 1e-1, log=True)}


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("x=interval(0,0.5)", FloatDistribution(0, 0.5)),
        ("x=tag(log,interval(1e-4,1e-1))", FloatDistribution(1e-4, 1e-1, log=True)),
        ("x=int(interval(8,64))", IntDistribution(8, 64)),
        ("x=range(1,9,2)", IntDistribution(1, 7, step=2)),
        ("x=linear,mlp", CategoricalDistribution(["linear", "mlp"])),
    ],
)
def test_hydra_s_sweeps_mean_what_they_say(override: str, expected: BaseDistribution):
    assert distribution(OverridesParser.create().parse_override(override)) == expected


@pytest.fixture
def storage(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'searches.db'}"


def test_a_study_goes_on_and_tries_again_what_was_not_finished(storage: str):
    study = open_study(storage, "search", seed=0)
    told, pruned, failed = (study.ask(SPACE) for _ in range(3))
    tell(study, told, Outcome(0.9))
    pruned.report(0.2, 1)
    tell(study, pruned, Outcome(None, pruned=True))
    tell(study, failed, Outcome(None))
    killed = study.ask(SPACE)

    again = open_study(storage, "search", seed=0)
    states = [trial.state for trial in again.get_trials()]
    assert states == [
        TrialState.COMPLETE,
        TrialState.PRUNED,
        TrialState.COMPLETE,
        TrialState.FAIL,
        TrialState.WAITING,
    ]
    assert [(trial.value, was_pruned(trial)) for trial in finished(again)] == [(0.9, False), (0.2, True), (0.0, False)]
    assert again.ask(SPACE).params == killed.params


def test_the_same_seed_suggests_the_same_trials(tmp_path: Path):
    suggested = []
    for name in ("a", "b"):
        study: optuna.Study = open_study(f"sqlite:///{tmp_path / name}.db", "search", seed=3)
        suggested.append([study.ask(SPACE).params for _ in range(3)])
    assert suggested[0] == suggested[1]
