import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow import MlflowClient

from ndsc.tracking.history import History
from ndsc.tracking.quantized_networks import fetch_quantized_network, log_quantized_network
from ndsc.tracking.run import start_run


def write_network(folder: Path, content: str) -> str:
    """Write a network as the cache holds it; gives its digest."""
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


LINE = "before:conv_pw_11"


def test_a_quantized_network_is_logged_once_for_an_experiment(tracking, client, network, tmp_path: Path):
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


def test_other_networks_and_other_experiments_have_their_own_files(tracking, client, network, tmp_path: Path):
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


def test_a_run_without_a_quantized_network_has_none(tracking, tmp_path: Path):
    with start_run(tracking, "float", {}) as run:
        pass
    assert fetch_quantized_network(History(tracking), str(run.id), "all", tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_network_is_not_used(tracking, client, network, tmp_path: Path, caplog: pytest.LogCaptureFixture):
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


def test_a_network_that_the_store_did_not_take_is_buffered(tracking, network, monkeypatch: pytest.MonkeyPatch):
    folder, digest = network

    def fail(*_arguments: object) -> None:
        raise ConnectionError("gone")

    with start_run(tracking, "outage", {}) as run:
        monkeypatch.setattr(MlflowClient, "log_artifact", fail)
        log_quantized_network(run, folder, digest, "all")
    assert run.offline_folder is not None
    assert (run.offline_folder / "artifacts" / "quantized_networks" / digest / "network.bin").exists()
