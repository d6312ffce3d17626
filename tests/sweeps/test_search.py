from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from ndsc.config.schema import Config
from ndsc.sweeps.composing import Job
from ndsc.sweeps.search import Search, distribution, finished_trials, open_study, report_result
from ndsc.sweeps.sweep import JobResult
from tests.sweeps.conftest import job_of

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
def test_hydra_s_sweeps_become_distributions(override: str, expected: BaseDistribution):
    assert distribution(OverridesParser.create().parse_override(override)) == expected


@pytest.fixture
def storage(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'searches.db'}"


def test_a_study_is_continued_and_unfinished_trials_are_queued_again(storage: str):
    study = open_study(storage, "search", seed=0)
    finished, pruned, failed = (study.ask(SPACE) for _ in range(3))
    report_result(study, finished, JobResult(0.9))
    pruned.report(0.2, 1)
    report_result(study, pruned, JobResult(None, pruned=True))
    report_result(study, failed, JobResult(None))
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
    assert [(trial.value, trial.state) for trial in finished_trials(again)] == [
        (0.9, TrialState.COMPLETE),
        (0.2, TrialState.PRUNED),
        (0.0, TrialState.COMPLETE),
    ]
    assert again.ask(SPACE).params == killed.params


def test_the_same_seed_suggests_the_same_trials(tmp_path: Path):
    suggested = []
    for name in ("a", "b"):
        study: optuna.Study = open_study(f"sqlite:///{tmp_path / name}.db", "search", seed=3)
        suggested.append([study.ask(SPACE).params for _ in range(3)])
    assert suggested[0] == suggested[1]


class Failing:
    """A sweep whose jobs all fail. It records the jobs that it launched."""

    def __init__(self) -> None:
        self.launched: list[Job] = []

    def add_pruned(self, jobs: list[Job]) -> None:
        assert jobs == []

    def launch(self, jobs: list[Job]) -> list[JobResult]:
        self.launched += jobs
        return [JobResult(None)] * len(jobs)


def test_a_failed_trial_is_launched_again_without_reports(configured: Callable[..., Config], storage: str):
    config = configured()
    search = Search(
        storage,
        "search",
        SPACE,
        0,
        lambda params: job_of(config, "key", overrides=[f"{key}={params[key]}" for key in params]),
    )
    first, again = Failing(), Failing()
    search.run(first, n_trials=1, n_jobs=1)
    search.run(again, n_trials=1, n_jobs=1)
    (reporting,), (silent,) = first.launched, again.launched
    assert "ndsc.training.callbacks.PruneTrial" in str(reporting.extra_overrides)
    assert silent == replace(reporting, extra_overrides=())


def test_the_folder_of_a_study_is_created_if_missing_and_ignored_by_git(tmp_path: Path):
    open_study(f"sqlite:///{tmp_path / 'mlruns' / 'searches.db'}", "search", seed=0)
    assert {path.name for path in (tmp_path / "mlruns").iterdir()} == {".gitignore", "searches.db"}
    open_study(f"sqlite:///{tmp_path / 'searches.db'}", "search", seed=0)
    assert not (tmp_path / ".gitignore").exists()  # a folder that existed before
