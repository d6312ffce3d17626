"""A whole search by the real command line, killed and continued."""

from collections import Counter

from optuna.trial import TrialState

from ndsc.sweeps.search import finished_trials, open_study
from tests.sweeps.conftest import BARE, SweepWorkspace

TRIALS = 9
SEARCH = (
    "hydra/sweeper=optuna",
    f"hydra.sweeper.n_trials={TRIALS}",
    # So wide that most trials are bad.
    "optimizer.learning_rate=tag(log,interval(1e-9,1e-1))",
    "head=linear,mlp",
    "training.epochs=4",
    *BARE,
)


def test_a_killed_search_is_continued_and_reports_all_its_trials(workspace: SweepWorkspace):
    workspace.kill(lambda: workspace.started() == TRIALS - 1, *SEARCH)
    before = {run.info.run_id for run in workspace.runs()[1] if run.info.status != "RUNNING"}

    workspace.sweep(*SEARCH)
    (parent,), children = workspace.runs()
    storage = f"sqlite:///{workspace.folder / 'mlruns' / 'searches.db'}"
    trials = finished_trials(open_study(storage, parent.data.tags["ndsc.sweep"], seed=0))
    assert len(trials) == TRIALS
    finished = [trial for trial in trials if trial.state is TrialState.COMPLETE]
    pruned = TRIALS - len(finished)
    assert 0 < pruned < TRIALS

    # The trial that was killed from outside was tried again.
    assert len(before) == TRIALS - 2
    assert Counter(run.info.status for run in children) == {"FINISHED": TRIALS - pruned, "KILLED": pruned + 1}
    assert (parent.info.status, parent.data.metrics["sweep/pruned"]) == ("FINISHED", pruned)
    table = workspace.table(parent)
    assert Counter(table["ended"]) == {"finished": TRIALS - pruned, "pruned": pruned}
    assert set(table["run"].dropna()) == {run.info.run_id for run in children if run.info.status == "FINISHED"}
    assert table.loc[table["ended"] == "pruned", "best/val_accuracy"].isna().all()
    assert parent.data.metrics["best/val_accuracy"] == max(trial.value for trial in finished)


def test_invalid_values_that_are_drawn_are_failed_trials_and_the_search_continues(workspace: SweepWorkspace):
    # With the seed 0, the second of four values is above 1.
    search = ("hydra/sweeper=optuna", "training.label_smoothing=interval(0.4,1.3)", *BARE)
    output = workspace.sweep(*search, "hydra.sweeper.n_trials=3", code=1)
    assert "training.label_smoothing must be at least 0 and below 1. Received: training.label_smoothing=1.0" in output
    workspace.sweep(*search, "hydra.sweeper.n_trials=4", code=1)
    (parent,), children = workspace.runs()
    ended = Counter(workspace.table(parent)["ended"])
    assert sum(ended.values()) == 4
    assert 0 < ended["failed"] < 4
    assert len(children) == ended["finished"]
    assert {run.info.status for run in children} == {"FINISHED"}
