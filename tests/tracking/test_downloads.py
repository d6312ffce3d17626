import hashlib
import json
from dataclasses import replace
from pathlib import Path

import keras
import mlflow
import pytest
from mlflow import MlflowClient

from ndsc.errors import UserError
from ndsc.tracking.downloads import fetch_classifier, fetch_quantized_network
from ndsc.tracking.history import History, find_run
from ndsc.tracking.logged_model import log_head, log_quantized_network
from ndsc.tracking.run import start_run
from tests.conftest import TrainedRun

LINE = "before:conv_pw_11"


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
    with start_run(tracking, "foreign", {}) as run:
        mlflow.log_text("x", "other.txt")
        mlflow.initialize_logged_model(name="model", source_run_id=run.id)
    with pytest.raises(UserError, match="which logged none"):
        fetch_classifier(run.id, tracking, tmp_path)


@pytest.mark.parametrize("run_id", ["0" * 32, "nonsense", "../../etc"])
def test_the_error_for_an_unknown_run_explains_where_to_find_ids(tracking, tmp_path: Path, run_id: str):
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


def test_a_run_is_found_by_its_id(trained_run: TrainedRun):
    run = find_run(MlflowClient(trained_run.uri), trained_run.id, trained_run.uri)
    assert run.info.status == "FINISHED"


def write_network(folder: Path, content: str) -> str:
    """Write a network in the format of the cache; return its digest."""
    folder.mkdir()
    digest = hashlib.blake2b(digest_size=16)
    for name in ("network.xml", "network.bin"):
        (folder / name).write_text(f"{content} {name}")
        digest.update((folder / name).read_bytes())
    (folder / "network.json").write_text(json.dumps({"digest": digest.hexdigest(), "notes": {"photos": []}}))
    return digest.hexdigest()


@pytest.fixture
def network(tmp_path: Path) -> tuple[Path, str]:
    """The folder of a small stand-in for a quantized network, and its digest."""
    return tmp_path / "network", write_network(tmp_path / "network", "small")


def test_two_runs_of_an_experiment_share_the_files_of_a_network(tracking, client, network, tmp_path: Path):
    folder, digest = network
    runs = []
    for name in ("first", "second"):
        with start_run(tracking, name, {}) as run:
            log_quantized_network(run, folder, digest, LINE)
            runs.append(run.id)
    stored = [file.path for file in client.list_artifacts(runs[0], f"quantized_networks/{digest}")]
    assert sorted(Path(path).name for path in stored) == ["network.bin", "network.json", "network.xml"]
    assert client.list_artifacts(runs[1]) == []
    assert client.get_run(runs[1]).data.tags[f"quantized_network.{LINE}"] == f"{runs[0]}/{digest}"
    for run_id in runs:
        fetched = fetch_quantized_network(History(tracking), run_id, LINE, tmp_path / run_id)
        assert fetched is not None
        assert fetched.is_relative_to(tmp_path / run_id)
        assert {file.name: file.read_bytes() for file in fetched.iterdir()} == {
            file.name: file.read_bytes() for file in folder.iterdir()
        }


def test_each_network_is_logged_once_in_each_experiment(tracking, client, network, tmp_path: Path):
    folder, digest = network
    other = write_network(tmp_path / "other", "other")
    with start_run(tracking, "first", {}) as run:
        log_quantized_network(run, folder, digest, "all")
        log_quantized_network(run, tmp_path / "other", other, LINE)
    assert len(client.list_artifacts(run.id, "quantized_networks")) == 2
    with start_run(replace(tracking, experiment=f"{tracking.experiment} 2"), "elsewhere", {}) as elsewhere:
        log_quantized_network(elsewhere, folder, digest, "all")
    assert len(client.list_artifacts(elsewhere.id, f"quantized_networks/{digest}")) == 3


def test_a_network_whose_owner_was_deleted_is_logged_again(tracking, client, network):
    folder, digest = network
    ids = []
    for _ in range(2):
        with start_run(tracking, "run", {}) as run:
            log_quantized_network(run, folder, digest, "all")
        ids.append(run.id)
    client.delete_run(ids[0])
    with start_run(tracking, "third", {}) as third:
        log_quantized_network(third, folder, digest, "all")
    assert len(client.list_artifacts(third.id, f"quantized_networks/{digest}")) == 3


def test_of_a_run_without_a_quantized_network_nothing_is_fetched(tracking, tmp_path: Path):
    with start_run(tracking, "float", {}) as run:
        pass
    assert fetch_quantized_network(History(tracking), str(run.id), "all", tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_network_is_fetched_again(
    tracking, client, network, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    folder, digest = network
    with start_run(tracking, "run", {}) as run:
        log_quantized_network(run, folder, digest, "all")
    history = History(tracking)
    cache = tmp_path / "cache"
    fetched = fetch_quantized_network(history, str(run.id), "all", cache)
    assert fetched is not None
    (fetched / "network.bin").write_text("damaged in the cache")
    assert fetch_quantized_network(history, str(run.id), "all", cache) == fetched
    assert (fetched / "network.bin").read_bytes() == (folder / "network.bin").read_bytes()

    (Path(client.get_run(run.id).info.artifact_uri) / "quantized_networks" / digest / "network.bin").write_text(
        "damaged"
    )
    assert fetch_quantized_network(history, str(run.id), "all", tmp_path / "new") is None
    assert "its files are damaged" in caplog.text
    assert list((tmp_path / "new" / "networks").iterdir()) == []


def test_a_network_that_the_store_did_not_take_is_sent_later(tracking, network, client, tmp_path: Path):
    folder, digest = network
    with start_run(tracking, "outage", {}) as run:
        artifacts = Path(client.get_run(run.id).info.artifact_uri)
        artifacts.parent.mkdir(parents=True)
        artifacts.write_text("a file where the folder would be")
        log_quantized_network(run, folder, digest, "all")
    assert run.offline_folder is not None
    assert (run.offline_folder / "artifacts" / "quantized_networks" / digest / "network.bin").exists()
    artifacts.unlink()
    with start_run(tracking, "next", {}):
        pass
    assert fetch_quantized_network(History(tracking), str(run.id), "all", tmp_path / "cache") is not None
