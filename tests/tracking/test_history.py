import functools
import hashlib

import pandas as pd
import pytest
from mlflow import MlflowClient

from ndsc.errors import UserError
from ndsc.tracking.history import History
from ndsc.tracking.run import start_run

CONFIG = "split:\n  validation: 0.2\n  by: null\naugmentation:\n  layers:\n    flip: {}\n"


def test_an_experiment_gives_all_its_runs_in_plain_values(tracking):
    with start_run(tracking, "first", {"manifest": "abc"}) as first:
        first.log_params({"seed": 0, "head": "linear", "split.by": None})
        first.log_history({"best/val_accuracy": [0.5, 0.75]})
    with start_run(tracking, "second", {}) as second:
        pass
    found = {run.id: run for run in History(tracking).find([tracking.experiment])}
    assert found.keys() == {first.id, second.id}
    run = found[str(first.id)]
    assert (run.name, run.status, run.manifest, run.seed) == ("first", "FINISHED", "abc", "0")
    assert run.params == {"seed": "0", "head": "linear", "split.by": "null"}
    assert run.metrics["best/val_accuracy"] == 0.75


def test_more_runs_than_a_page_are_all_found(tracking, client: MlflowClient):
    experiment = client.create_experiment(tracking.experiment)
    ids = {client.create_run(experiment).info.run_id for _ in range(5)}
    history = History(tracking)
    history._client.search_runs = functools.partial(history._client.search_runs, max_results=2)
    assert {run.id for run in history.find([tracking.experiment])} == ids


def test_a_runs_id_gives_that_run_and_a_sweeps_id_the_runs_below_it(tracking):
    with start_run(tracking, "sweep", {"ndsc.kind": "sweep"}) as sweep:
        pass
    children = []
    for name in ("one", "two"):
        with start_run(tracking, name, {"mlflow.parentRunId": str(sweep.id)}) as child:
            children.append(child.id)
    with start_run(tracking, "alone", {}) as alone:
        pass
    history = History(tracking)
    assert {run.id for run in history.find([str(sweep.id)])} == set(children)
    # What is named twice counts once.
    assert {run.id for run in history.find([str(alone.id), str(sweep.id), str(children[0])])} == {*children, alone.id}
    assert len(history.find([str(children[0]), str(sweep.id)])) == 2


def test_what_a_sweep_found_done_belongs_to_it(tracking):
    with start_run(tracking, "earlier", {}) as earlier:
        pass
    with start_run(tracking, "sweep", {"ndsc.kind": "sweep"}) as sweep:
        with start_run(tracking, "child", {"mlflow.parentRunId": str(sweep.id)}) as child:
            pass
        sweep.log_table(pd.DataFrame({"name": list("abc"), "run": [earlier.id, child.id, None]}), "sweep/runs.csv")
    assert [run.id for run in History(tracking).find([str(sweep.id)])] == [child.id, earlier.id]


def test_a_param_that_only_others_logged_is_completed_from_the_runs_own_configuration(tracking):
    with start_run(tracking, "overridden", {}) as overridden:
        keys = ("split.validation", "split.by", "augmentation.layers.flip", "augmentation.layers.turn.factor")
        overridden.log_params(dict.fromkeys(keys, "typed"))
    with start_run(tracking, "default", {}) as default:
        default.log_text(CONFIG, "config/config.yaml")
    with start_run(tracking, "foreign", {}) as foreign:
        pass
    params = {run.id: run.params for run in History(tracking).find([tracking.experiment])}
    # Layers are no value, and what the run did not have stays absent.
    assert params[str(default.id)] == {"split.validation": "0.2", "split.by": "null"}
    assert params[str(foreign.id)] == {}
    assert params[str(overridden.id)]["split.validation"] == "typed"


def test_what_runs_of_equal_params_differ_in_becomes_a_param_of_all(tracking):
    edited = CONFIG.replace("0.2", "0.3")
    ids = []
    for head, config in (("mlp", CONFIG), ("mlp", edited), ("linear", CONFIG)):
        with start_run(tracking, "run", {}) as run:
            run.log_params({"head": head, "seed": 0})
            run.log_text(config, "config/config.yaml")
        ids.append(str(run.id))
    params = {run.id: run.params.get("split.validation") for run in History(tracking).find([tracking.experiment])}
    assert [params[run_id] for run_id in ids] == ["0.2", "0.3", "0.2"]


def test_an_artefact_is_read_as_text_and_a_missing_one_is_none(tracking):
    with start_run(tracking, "run", {}) as run:
        run.log_text("Straße\n", "notes/a.txt")
    history = History(tracking)
    assert history.text(str(run.id), "notes/a.txt") == "Straße\n"
    assert history.text(str(run.id), "notes/b.txt") is None
    assert history.text(str(run.id), "nowhere/a.txt") is None


def test_failed_and_deleted_runs_are_known_as_such(tracking, client: MlflowClient):
    with pytest.raises(ZeroDivisionError), start_run(tracking, "failing", {}) as failed:
        _ = 1 / 0
    with start_run(tracking, "deleted", {}) as deleted:
        pass
    client.delete_run(str(deleted.id))
    history = History(tracking)
    assert [run.status for run in history.find([str(failed.id), str(deleted.id)])] == ["FAILED", "DELETED"]
    assert [run.id for run in history.find([tracking.experiment])] == [failed.id]


def test_an_unknown_experiment_is_told_with_those_there_are(tracking):
    with start_run(tracking, "run", {}):
        pass
    with pytest.raises(UserError, match=rf"Received: nonsense\. The experiments there are: .*{tracking.experiment}"):
        History(tracking).find(["nonsense"])
    with pytest.raises(UserError, match="Received: " + "0" * 32):
        History(tracking).find(["0" * 32])


def test_a_server_that_does_not_answer_is_told(settings, tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(UserError, match=r"store that answers was expected\. Received from http://127"):
        History(settings(tmp_path, kind="server")).find(["ndsc"])


def test_a_run_is_found_by_its_id_with_its_experiment_its_curves_and_its_files(tracking):
    with start_run(tracking, "sweep", {"ndsc.kind": "sweep"}) as run:
        run.log_history({"val/loss": [0.5, 0.25]})
        run.log_text("a", "notes/a.txt")
    history = History(tracking)
    assert history.run(str(run.id)).name == "sweep"
    assert history.experiment(str(run.id)) == tracking.experiment
    assert history.curve(str(run.id), "val/loss") == [0.5, 0.25]
    with history.file(str(run.id), "notes/a.txt") as found, history.file(str(run.id), "notes/b.txt") as missing:
        assert found is not None
        assert found.read_text() == "a"
        assert missing is None


def test_the_store_is_not_changed(tracking, store_root):
    with start_run(tracking, "run", {}) as run:
        run.log_text("a", "a.txt")
    before = hashlib.sha256((store_root / "mlflow.db").read_bytes()).digest()
    history = History(tracking)
    assert len(history.find([tracking.experiment])) == 1
    assert history.text(str(run.id), "a.txt") == "a"
    assert hashlib.sha256((store_root / "mlflow.db").read_bytes()).digest() == before
