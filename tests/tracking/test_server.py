import json
import logging
import os
import sys

import keras
import pandas as pd
import pytest
from mlflow import MlflowClient

from ndsc.tracking.downloads import fetch_classifier
from ndsc.tracking.logged_model import log_classifier
from ndsc.tracking.run import start_run
from tests.servers import QUIET, free_port, kill, serving


@pytest.fixture
def server(tmp_path, store_root, monkeypatch):
    """A tracking server at the address in MLFLOW_TRACKING_URI; yields its process."""
    (tmp_path / "mlflow.db").write_bytes((store_root / "mlflow.db").read_bytes())
    address = f"http://127.0.0.1:{(port := free_port())}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    locations = [f"sqlite:///{tmp_path}/mlflow.db", "--artifacts-destination", str(tmp_path / "served")]
    with serving([*command, "--backend-store-uri", *locations], address, tmp_path / "server.log", QUIET) as process:
        yield process


def small_classifier():
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])


# One test, because a server takes seconds to start.
def test_a_server_stores_whole_runs_and_a_run_continues_if_the_server_is_killed(server, settings, tmp_path, caplog):
    root = tmp_path / "mlruns"
    tracking = settings(root, kind="server", experiment="served")
    client = MlflowClient(os.environ["MLFLOW_TRACKING_URI"])
    with start_run(tracking, "whole", {}) as whole:
        whole.log_params({"seed": 0})
        whole.log_text("sent", "notes/a.txt")
        log_classifier(whole, small_classifier(), ("one", "two"))
    classifier = fetch_classifier(whole.id, tracking, tmp_path / "cache")
    assert classifier.is_relative_to(tmp_path / "cache")
    assert json.loads((classifier.parent / "classes.json").read_text()) == ["one", "two"]
    modified = classifier.stat().st_mtime_ns
    assert fetch_classifier(whole.id, tracking, tmp_path / "cache").stat().st_mtime_ns == modified
    assert [path.name for path in (tmp_path / "cache" / "classifiers").iterdir()] == [classifier.parent.name]
    recorded = client.get_run(whole.id)
    assert (recorded.info.status, recorded.data.params) == ("FINISHED", {"seed": "0"})
    assert "system/peak_memory_megabytes" in recorded.data.metrics
    assert [file.path for file in client.list_artifacts(whole.id, "notes")] == ["notes/a.txt"]
    assert not root.exists()

    (tmp_path / "photo.jpg").write_bytes(b"photo")
    with caplog.at_level(logging.WARNING), start_run(tracking, "offline", {}) as offline:
        offline.log_params({"seed": 1})
        kill(server)
        offline.log_history({"val/loss": [0.5, 0.25]})
        offline.log_text("buffered", "notes/b.txt")
        offline.log_table(pd.DataFrame({"label": ["mobile"]}), "classes.csv")
        offline.log_file(tmp_path / "photo.jpg", "photos")
        offline.log_file(tmp_path / "server.log", "")
        offline.log_dataset(pd.DataFrame({"label": ["mobile"]}), "ndsc", "data", "training")
        offline.set_tags({"weights": "random"})
        offline.attempt(
            "the model", lambda: pytest.fail("sent"), lambda folder: (folder / "model.keras").write_bytes(b"m")
        )

    folder = root / "unsent" / offline.id
    assert offline.offline_folder == folder
    points = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    losses = [(point["step"], point["value"]) for point in points if point["key"] == "val/loss"]
    assert losses == [(1, 0.5), (2, 0.25)]
    assert "system/peak_memory_megabytes" in {point["key"] for point in points}
    assert (folder / "artifacts" / "notes" / "b.txt").read_text() == "buffered"
    assert (folder / "artifacts" / "photos" / "photo.jpg").read_bytes() == b"photo"
    assert (folder / "artifacts" / "server.log").exists()
    assert json.loads((folder / "tags.jsonl").read_text()) == {"key": "weights", "value": "random"}
    assert json.loads((folder / "datasets.jsonl").read_text())["context"] == "training"
    assert (folder / "model.keras").read_bytes() == b"m"
    assert (folder / "status.txt").read_text() == "FINISHED\n"
    assert (root / ".gitignore").exists()
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("ndsc")]
    assert len([message for message in ours if "MLflow did not take" in message]) == 1
    assert "still does not take everything" in ours[-1]
    assert str(folder) in ours[-1]
