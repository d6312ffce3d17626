import functools
import hashlib

import pandas as pd
import pytest
from mlflow import MlflowClient

from ndsc.errors import UserError
from ndsc.tracking.history import History, SweepRuns
from ndsc.tracking.run import start_run

CONFIG = """
split:
  validation: 0.2
  by: null
augmentation:
  layers:
    zoom:
      height_factor: [-0.1, 0.1]
callbacks:
  checkpoint:
    filepath: outputs/best.weights.h5
tracking:
  root: mlruns
  parent: null
data:
  extra: sellers.csv
rerun: false
"""


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
    history.client.search_runs = functools.partial(history.client.search_runs, max_results=2)
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
    # A run that is named twice is returned once.
    assert {run.id for run in history.find([str(alone.id), str(sweep.id), str(children[0])])} == {*children, alone.id}
    assert len(history.find([str(children[0]), str(sweep.id)])) == 2


def test_a_sweeps_id_also_gives_the_runs_that_it_reused(tracking):
    with start_run(tracking, "earlier", {}) as earlier:
        pass
    with start_run(tracking, "sweep", {"ndsc.kind": "sweep"}) as sweep:
        with start_run(tracking, "child", {"mlflow.parentRunId": str(sweep.id)}) as child:
            pass
        sweep.log_table(pd.DataFrame({"name": list("abc"), "run": [earlier.id, child.id, None]}), "sweep/runs.csv")
    assert [run.id for run in History(tracking).find([str(sweep.id)])] == [child.id, earlier.id]


def test_a_run_that_logged_some_settings_gets_the_others_from_its_configuration(tracking):
    with start_run(tracking, "some", {}) as some:
        some.log_params({"head": "linear", "split.validation": 0.2, "backbone.float32": "none"})
        some.log_text(CONFIG, "config/config.yaml")
    with start_run(tracking, "foreign", {}) as foreign:
        foreign.log_params({"rate": 0.1})
    params = {run.id: run.params for run in History(tracking).find([tracking.experiment])}
    assert params[str(some.id)] == {
        "head": "linear",
        "split.validation": "0.2",
        "split.by": "null",
        "backbone.float32_until": "none",
        "augmentation.layers.zoom.height_factor": "[-0.1, 0.1]",
    }
    assert params[str(foreign.id)] == {"rate": "0.1"}


def test_runs_with_different_configuration_files_have_different_params(tracking):
    edited = CONFIG.replace("0.2", "0.3")
    ids = []
    for config in (CONFIG, edited):
        with start_run(tracking, "run", {}) as run:
            run.log_params({"head": "mlp", "seed": 0})
            run.log_text(config, "config/config.yaml")
        ids.append(str(run.id))
    params = {run.id: run.params.get("split.validation") for run in History(tracking).find([tracking.experiment])}
    assert [params[run_id] for run_id in ids] == ["0.2", "0.3"]


def test_a_setting_that_a_later_version_added_has_its_default(tracking):
    with start_run(tracking, "older", {}) as older:
        older.log_params({"cache.dtype": "float16"})
    with start_run(tracking, "newer", {}) as newer:
        newer.log_params(
            {
                "cache.dtype": "float16",
                "training.label_smoothing": 0.1,
                "optimizer.weight_decay": 0.1,
                "training.finetune.epochs": 2,
            }
        )
    params = {run.id: run.params for run in History(tracking).find([tracking.experiment])}
    # Nothing is added to a library object, or to a section that is null by default.
    assert params[str(older.id)] == {"cache.dtype": "float16", "training.label_smoothing": "0.0"}
    assert params[str(newer.id)]["training.label_smoothing"] == "0.1"


def test_the_configuration_of_a_run_that_logged_all_settings_is_not_read(tracking, monkeypatch: pytest.MonkeyPatch):
    with start_run(tracking, "run", {}) as run:
        run.log_params({"cache.dtype": "float16", "seed": 0})
    history = History(tracking)
    monkeypatch.setattr(history, "config", lambda _run_id: pytest.fail("read"))
    assert [run.seed for run in history.find([tracking.experiment])] == ["0"]


def test_an_artifact_is_read_as_text_and_a_missing_one_is_none(tracking):
    with start_run(tracking, "run", {}) as run:
        run.log_text("Straße\n", "notes/a.txt")
    history = History(tracking)
    assert history.text(str(run.id), "notes/a.txt") == "Straße\n"
    assert history.text(str(run.id), "notes/b.txt") is None
    assert history.text(str(run.id), "nowhere/a.txt") is None


def test_failed_and_deleted_runs_have_their_status(tracking, client: MlflowClient):
    with pytest.raises(ZeroDivisionError), start_run(tracking, "failing", {}) as failed:
        _ = 1 / 0
    with start_run(tracking, "deleted", {}) as deleted:
        pass
    client.delete_run(str(deleted.id))
    history = History(tracking)
    assert [run.status for run in history.find([str(failed.id), str(deleted.id)])] == ["FAILED", "DELETED"]
    assert [run.id for run in history.find([tracking.experiment])] == [failed.id]


def test_the_error_for_an_unknown_experiment_names_the_existing_ones(tracking):
    with start_run(tracking, "run", {}):
        pass
    with pytest.raises(UserError, match=rf"Received: nonsense\. The experiments there are: .*{tracking.experiment}"):
        History(tracking).find(["nonsense"])
    with pytest.raises(UserError, match="Received: " + "0" * 32):
        History(tracking).find(["0" * 32])


def test_a_server_that_does_not_answer_is_an_error(settings, tmp_path, monkeypatch: pytest.MonkeyPatch):
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


def test_a_run_that_ended_without_its_metrics_is_not_finished_for_a_sweep(tracking):
    with start_run(tracking, "whole", {"ndsc.key": "a"}) as whole:
        whole.log_metrics({"best/val_accuracy": 0.9})
    # Like a run whose store failed halfway and was available again at its end.
    for key in ("a", "b"):
        with start_run(tracking, "without", {"ndsc.key": key, "ndsc.unsent": "mlruns/unsent/1"}):
            pass
    with SweepRuns.opened(tracking) as runs:
        assert {key: run.id for key, run in runs.finished(["a", "b"]).items()} == {"a": whole.id}


def test_a_sweep_is_found_by_its_key_and_can_be_closed(tracking):
    with start_run(tracking, "sweep", {"ndsc.kind": "sweep", "ndsc.sweep": "k"}, end_status="RUNNING") as run:
        pass
    with SweepRuns.opened(tracking) as runs:
        assert runs.sweep("other") is None
        runs.close(str(run.id), {"best.run": "x"}, {"sweep/finished": 2.0}, "FINISHED")
        found = runs.sweep("k")
        assert found is not None
        assert (found.status, found.tags["best.run"], found.metrics["sweep/finished"]) == ("FINISHED", "x", 2.0)
