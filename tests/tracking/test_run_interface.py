import inspect
from pathlib import Path

import pandas as pd
import pytest
from matplotlib import pyplot

from ndsc.tracking.mlflow_run import MlflowRun
from ndsc.tracking.run_interface import NoRun, Run


@pytest.mark.parametrize("kind", [MlflowRun, NoRun])
def test_every_kind_of_run_answers_to_every_call_in_the_same_way(kind):
    methods = {name: method for name, method in vars(Run).items() if inspect.isfunction(method)}
    assert {"log_params", "log_metrics", "log_history", "log_figure", "attempt"} <= methods.keys()
    for name, method in methods.items():
        assert inspect.signature(getattr(kind, name)) == inspect.signature(method), name


def test_no_run_takes_everything_and_keeps_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = NoRun()
    figure, _ = pyplot.subplots()
    run.log_params({"seed": 0})
    run.log_metrics({"val/loss": 0.5}, step=1)
    run.log_history({"val/loss": [0.5]})
    run.log_bytes(b"", "a.bin")
    run.log_text("", "a.txt")
    run.log_json({}, "a.json")
    run.log_table(pd.DataFrame(), "a.csv")
    run.log_file(Path("missing"))
    run.log_figure(figure, "a.png")
    run.log_dataset(pd.DataFrame(), "name", "source", "training")
    run.set_tags({"weights": "random"})
    run.attempt("nothing", lambda: pytest.fail("sent"), lambda folder: pytest.fail(f"kept in {folder}"))

    assert (run.id, run.unsent) == (None, None)
    assert not pyplot.fignum_exists(figure.number)
    assert list(tmp_path.iterdir()) == []
