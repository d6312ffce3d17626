import json
from pathlib import Path

import keras
import pytest
from mlflow import MlflowClient

from ndsc.errors import UserError
from ndsc.tracking.downloads import fetch_classifier
from ndsc.tracking.history import find_run
from ndsc.tracking.logged_model import log_head
from ndsc.tracking.run import start_run
from ndsc.tracking.store_address import earlier_runs_uri
from tests.conftest import TrainedRun


def test_the_classifier_of_a_local_run_is_used_in_place_with_its_classes_beside_it(
    trained_run: TrainedRun, settings, tmp_path: Path
):
    found = fetch_classifier(trained_run.id, settings(trained_run.tracking_root), tmp_path)
    assert found.is_relative_to(trained_run.tracking_root)
    assert found.name == "classifier.keras"
    assert json.loads((found.parent / "classes.json").read_text()) == ["beauty", "fashion", "mobile"]
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_logged_only_its_head_is_rejected(tracking, tmp_path: Path):
    with start_run(tracking, "head only", {}) as run:
        log_head(run, keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]), ("one", "two"))
    with pytest.raises(UserError, match=r"head only, FINISHED\), which logged none.*tracking\.model=head or none"):
        fetch_classifier(run.id, tracking, tmp_path)


def test_a_model_of_another_project_is_rejected(tracking, tmp_path: Path, client: MlflowClient):
    import mlflow

    with start_run(tracking, "foreign", {}) as run:
        mlflow.log_text("x", "other.txt")
        mlflow.initialize_logged_model(name="model", source_run_id=run.id)
    with pytest.raises(UserError, match="which logged none"):
        fetch_classifier(run.id, tracking, tmp_path)


@pytest.mark.parametrize("run_id", ["0" * 32, "nonsense", "../../etc"])
def test_the_error_for_an_unknown_run_says_where_to_find_ids(tracking, tmp_path: Path, run_id: str):
    with pytest.raises(UserError, match=rf"32 letters and digits.*make ui.*Received: {run_id}\."):
        fetch_classifier(run_id, tracking, tmp_path)


def test_a_missing_store_is_an_error_and_not_created(settings, tmp_path: Path):
    with pytest.raises(UserError, match=r"tracking\.root\. Received: .*/nowhere, which has none"):
        fetch_classifier("0" * 32, settings(tmp_path / "nowhere"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_does_not_answer_is_an_error(settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(UserError, match=r"store that answers was expected\. Received from http://127"):
        fetch_classifier("0" * 32, settings(tmp_path, kind="server"), tmp_path)


def test_without_tracking_the_store_is_the_one_of_the_environment_or_the_local_one(
    settings, store_root: Path, monkeypatch: pytest.MonkeyPatch
):
    untracked = settings(store_root, kind="off")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert earlier_runs_uri(untracked) == f"sqlite:///{store_root}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://elsewhere")
    assert earlier_runs_uri(untracked) == "http://elsewhere"
    assert earlier_runs_uri(settings(store_root)) == f"sqlite:///{store_root}/mlflow.db"


def test_a_run_is_found_by_its_id(trained_run: TrainedRun):
    run = find_run(MlflowClient(trained_run.uri), trained_run.id, trained_run.uri)
    assert run.info.status == "FINISHED"
