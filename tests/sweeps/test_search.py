from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from hydra_plugins.ndsc_optuna import OptunaSweeper
from ndsc.config.schema import Config
from ndsc.sweeps.job import Job
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


class Failing:
    """A sweep whose jobs all fail; keeps what it was to launch."""

    def __init__(self) -> None:
        self.launched: list[Job] = []

    def given_up_before(self, jobs: list[Job]) -> None:
        assert jobs == []

    def launch(self, jobs: list[Job]) -> list[Outcome]:
        self.launched += jobs
        return [Outcome(None)] * len(jobs)


def test_a_failed_trial_is_tried_again_without_reporting_to_the_trial_that_has_ended(
    configured: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    sweeper = OptunaSweeper(n_trials=1, n_jobs=1, seed=0, storage=str(tmp_path / "searches.db"))
    sweeper._same = []
    monkeypatch.setattr(sweeper, "_job", lambda _, written, differs: Job([*written], differs, configured(), "key"))
    first, again = Failing(), Failing()
    sweeper._search(first, "search", SPACE)
    sweeper._search(again, "search", SPACE)
    (reporting,), (silent,) = first.launched, again.launched
    assert "ndsc.training.callbacks.PruneTrial" in str(reporting.once)
    assert silent == replace(reporting, once=())


def test_a_study_s_folder_is_made_where_no_store_made_it_and_git_ignores_it(tmp_path: Path):
    open_study(f"sqlite:///{tmp_path / 'mlruns' / 'searches.db'}", "search", seed=0)
    assert {path.name for path in (tmp_path / "mlruns").iterdir()} == {".gitignore", "searches.db"}
    open_study(f"sqlite:///{tmp_path / 'searches.db'}", "search", seed=0)
    assert not (tmp_path / ".gitignore").exists()  # a person's own folder
