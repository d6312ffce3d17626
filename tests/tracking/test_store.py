import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import keras
import pytest
from mlflow import MlflowClient
from mlflow.tracking._tracking_service.utils import _artifact_repos_cache

from ndsc.errors import UserError
from ndsc.tracking.downloads import fetch_classifier
from ndsc.tracking.history import History
from ndsc.tracking.logged_model import log_classifier
from ndsc.tracking.run import start_run
from ndsc.tracking.store import IGNORE_RULES, create_store, earlier_runs_uri, store_uri

STORE = ("mlflow.db", "artifacts", ".gitignore", ".creating.lock")

RECORDER = """
from ndsc.config.schema import TrackingConfig
from ndsc.tracking.run import start_run

settings = TrackingConfig(
    kind="local", root="mlruns", experiment="together", model="none", figures=False, system_metrics_interval=0.2
)
with start_run(settings, "process", {}) as run:
    run.log_params({f"key.{number}": number for number in range(20)})
    run.log_text("made here", "note.txt")
"""

CREATOR = """
import sys
from ndsc.config.schema import TrackingConfig
from ndsc.tracking.store import create_store

create_store(
    TrackingConfig(
        kind="local", root=sys.argv[1], experiment="ndsc", model="none", figures=False, system_metrics_interval=1.0
    )
)
"""


@pytest.fixture(scope="module")
def crowded_checkout(tmp_path_factory):
    """A git checkout with a space in its name, in which four processes have recorded runs at the same time."""
    checkout = tmp_path_factory.mktemp("a checkout")
    subprocess.run(["git", "init", "--quiet"], cwd=checkout, check=True)
    environment = os.environ | {"PYTHONPATH": str(IGNORE_RULES.parents[2])}
    command = [sys.executable, "-c", RECORDER]
    processes = [
        subprocess.Popen(command, cwd=checkout, env=environment, stderr=subprocess.PIPE, text=True) for _ in range(4)
    ]
    errors = [process.communicate(timeout=120)[1] for process in processes]
    assert [(process.returncode, error) for process, error in zip(processes, errors, strict=True)] == [(0, "")] * 4
    return checkout


def test_four_processes_that_start_together_on_a_fresh_store_all_finish(crowded_checkout):
    client = MlflowClient(f"sqlite:///{crowded_checkout}/mlruns/mlflow.db")
    experiment = client.get_experiment_by_name("together")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    assert [run.info.status for run in runs] == ["FINISHED"] * 4
    assert all(len(run.data.params) == 20 for run in runs)
    assert all(f"{crowded_checkout}/mlruns/artifacts/" in str(run.info.artifact_uri) for run in runs)
    assert all(client.list_artifacts(run.info.run_id)[0].path == "note.txt" for run in runs)


def test_git_status_is_clean_after_runs(crowded_checkout):
    rules = crowded_checkout / "mlruns" / ".gitignore"
    assert rules.read_text() == IGNORE_RULES.read_text()
    status = subprocess.run(["git", "status", "--porcelain"], cwd=crowded_checkout, capture_output=True, check=True)
    assert status.stdout == b""
    assert [path.name for path in crowded_checkout.iterdir() if path.name != ".git"] == ["mlruns"]


def test_a_process_killed_while_it_creates_the_store_leaves_no_broken_store(settings, tmp_path):
    creator = subprocess.Popen([sys.executable, "-c", CREATOR, str(tmp_path)])
    while not any(path.stat().st_size > 0 for path in tmp_path.glob(".mlflow.db.*.tmp")):
        assert creator.poll() is None
        time.sleep(0.01)
    creator.send_signal(signal.SIGKILL)
    creator.wait()
    assert not (tmp_path / "mlflow.db").exists()

    tracking = settings(tmp_path)
    create_store(tracking)
    with start_run(tracking, "after the kill", {}) as run:
        pass
    assert MlflowClient(store_uri(tracking)).get_run(run.id).info.status == "FINISHED"


def test_existing_ignore_rules_are_not_overwritten(settings, tmp_path, store_root):
    (tmp_path / ".gitignore").write_text("# mine\n")
    (tmp_path / "mlflow.db").write_bytes((store_root / "mlflow.db").read_bytes())
    create_store(settings(tmp_path))
    assert (tmp_path / ".gitignore").read_text() == "# mine\n"


def test_a_folder_that_cannot_be_written_is_an_error(settings, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(UserError, match=r"tracking.root expects a folder.*Received: .*/file/mlruns.*tracking=off"):
        create_store(settings(tmp_path / "file" / "mlruns"))


def test_a_deleted_experiment_is_an_error_that_says_how_to_restore_it(tracking, client):
    with start_run(tracking, "first", {}):
        pass
    client.delete_experiment(client.get_experiment_by_name(tracking.experiment).experiment_id)
    with pytest.raises(UserError, match=r"was deleted\. Restore it"), start_run(tracking, "second", {}):
        pytest.fail("the run started")


def test_a_moved_store_is_a_warning_with_the_path_where_files_go(settings, tmp_path, store_root, tracking, caplog):
    with start_run(tracking, "first", {}):
        pass
    assert "was the store moved" not in caplog.text
    (tmp_path / "moved").mkdir()
    (tmp_path / "moved" / "mlflow.db").write_bytes((store_root / "mlflow.db").read_bytes())
    with start_run(settings(tmp_path / "moved", experiment=tracking.experiment), "second", {}):
        pass
    assert f"go to {store_root}/artifacts, not into {tmp_path}/moved: was the store moved?" in caplog.text


def record(tracking, name: str) -> str:
    """Record a run with a text, a head and a whole classifier; return its id."""
    classifier = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    with start_run(tracking, name, {}) as run:
        run.log_text(name, "notes/a.txt")
        log_classifier(run, classifier, ("one", "two"))
        assert run.offline_folder is None
    return str(run.id)


@pytest.mark.parametrize("name", ["My%20Project", "50% what?#;'\"\\[x] é\n日本"])
def test_the_store_may_be_in_a_folder_of_any_name(settings, tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    tracking = settings(folder / "mlruns")
    run_id = record(tracking, "odd")
    assert History(tracking).text(run_id, "notes/a.txt") == "odd"
    assert fetch_classifier(run_id, tracking, tmp_path / "cache").is_relative_to(folder / "mlruns" / "artifacts")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert [path.name for path in folder.iterdir()] == ["mlruns"]
    assert not [path for path in (folder / "mlruns").iterdir() if path.name not in STORE]


def test_artifacts_are_found_after_the_store_was_renamed_and_new_ones_go_into_it(settings, tmp_path, caplog):
    before, after = tmp_path / "before" / "mlruns", tmp_path / "after" / "mlruns"
    first = record(settings(before), "first")
    (tmp_path / "before").rename(tmp_path / "after")
    _artifact_repos_cache.clear()  # another process does not have it
    tracking = settings(after)
    assert History(tracking).text(first, "notes/a.txt") == "first"
    assert fetch_classifier(first, tracking, tmp_path / "cache").is_relative_to(after)
    second = record(tracking, "second")
    assert History(tracking).text(second, "notes/a.txt") == "second"
    assert fetch_classifier(second, tracking, tmp_path / "cache").is_relative_to(after)
    assert (after / "artifacts" / second / "artifacts" / "notes" / "a.txt").is_file()
    assert not (tmp_path / "before").exists()
    assert f"this store was {before}" in caplog.text
    assert f"ln -s {after} {before}" in caplog.text


def test_a_store_that_was_moved_without_its_artifacts_says_so(settings, tmp_path, caplog):
    before, after = tmp_path / "before", tmp_path / "after"
    run_id = record(settings(before), "first")
    after.mkdir()
    (before / "mlflow.db").rename(after / "mlflow.db")
    (before / "artifacts").rename(tmp_path / "left behind")
    before.rename(tmp_path / "rest")
    _artifact_repos_cache.clear()
    tracking = settings(after)
    with pytest.raises(UserError, match="If the store was moved without its folder artifacts, move that too"):
        fetch_classifier(run_id, tracking, tmp_path / "cache")
    assert History(tracking).text(run_id, "notes/a.txt") is None
    assert f"the artifacts of run {run_id} are not found, because there is no folder {after}/artifacts" in caplog.text
    (tmp_path / "left behind").rename(after / "artifacts")
    _artifact_repos_cache.clear()
    assert History(tracking).text(run_id, "notes/a.txt") == "first"


def test_a_server_needs_an_address(settings, tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(UserError, match=r"Received: nothing\. Set it"):
        store_uri(settings(tmp_path, kind="server"))


def test_a_server_that_does_not_answer_is_an_error_before_any_work(settings, tmp_path, monkeypatch):
    # Port 9 refuses connections at once.
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    expected = r"MLflow store that answers was expected. Received from http://127.0.0.1:9"
    with pytest.raises(UserError, match=expected), start_run(settings(tmp_path, kind="server"), "nowhere", {}):
        pytest.fail("the run started")
    assert os.environ["MLFLOW_TRACKING_URI"] == "http://127.0.0.1:9"


def damaged(root: Path, store_root: Path, how: str) -> None:
    """Make a store that cannot be opened."""
    database = root / "mlflow.db"
    if how == "no database":
        database.write_text("not a database " * 100)
        return
    database.write_bytes((store_root / "mlflow.db").read_bytes())
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'another'")
        connection.commit()


@pytest.mark.parametrize(
    ("how", "advice"), [("schema", r"mlflow db upgrade sqlite:////\S+/mlflow\.db "), ("no database", "from a backup")]
)
def test_a_store_that_cannot_be_opened_is_one_paragraph_with_what_helps(settings, tmp_path, store_root, how, advice):
    damaged(tmp_path, store_root, how)
    before = (tmp_path / "mlflow.db").read_bytes()
    tracking = settings(tmp_path)
    expected = rf"^An MLflow store that answers was expected\. Received from sqlite:.*{advice}.*[^\n]*$"
    with pytest.raises(UserError, match=expected), start_run(tracking, "nowhere", {}):
        pytest.fail("the run started")
    with pytest.raises(UserError, match=expected):
        History(tracking)
    with pytest.raises(UserError, match=expected):
        fetch_classifier("0" * 32, tracking, tmp_path)
    assert (tmp_path / "mlflow.db").read_bytes() == before


@pytest.mark.parametrize("lock", ["EXCLUSIVE", "IMMEDIATE"])
def test_a_store_that_another_process_locks_is_one_paragraph(settings, tmp_path, store_root, tracking, lock, caplog):
    with start_run(tracking, "creates the experiment", {}):
        pass
    (tmp_path / "mlflow.db").write_bytes((store_root / "mlflow.db").read_bytes())
    locked = settings(tmp_path, experiment=tracking.experiment)
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as connection:
        connection.execute(f"BEGIN {lock}")
        expected = r"database is locked\. Another process writes to it: wait"
        with pytest.raises(UserError, match=expected), start_run(locked, "nowhere", {}):
            pytest.fail("the run started")
    assert "Traceback" not in caplog.text


def test_an_artifact_store_whose_package_is_missing_is_an_error_before_any_work(tracking, client):
    client.create_experiment(tracking.experiment, artifact_location="gs://bucket/artifacts")
    expected = "python -m pip install google-cloud-storage"
    with pytest.raises(UserError, match=expected), start_run(tracking, "nowhere", {}):
        pytest.fail("the run started")


def test_workspaces_of_a_server_do_not_reach_a_local_store(tracking, client, monkeypatch, caplog):
    monkeypatch.setenv("MLFLOW_ENABLE_WORKSPACES", "true")
    monkeypatch.setenv("MLFLOW_WORKSPACE", "team")
    with start_run(tracking, "local", {}) as run:
        pass
    assert client.get_run(run.id).info.status == "FINISHED"
    assert "MLFLOW_ENABLE_WORKSPACES=true, MLFLOW_WORKSPACE=team" in caplog.text


def test_an_empty_file_is_no_store(settings, tmp_path):
    (tmp_path / "mlflow.db").touch()
    with pytest.raises(UserError, match="which has none"):
        History(settings(tmp_path))
    assert (tmp_path / "mlflow.db").stat().st_size == 0
    with start_run(settings(tmp_path), "first", {}) as run:
        pass
    assert History(settings(tmp_path)).run(str(run.id)).status == "FINISHED"


SHOWN = """
import ndsc.tracking, mlflow, os
print(os.environ["MLFLOW_TRACKING_URI"], os.environ["MLFLOW_TRACKING_USERNAME"], os.environ["MLFLOW_TRACKING_PASSWORD"])
"""


def test_user_and_password_of_a_server_are_no_part_of_its_address():
    environment = os.environ | {"MLFLOW_TRACKING_URI": "https://ann:s3%40cret@host:5000/path"}
    done = subprocess.run([sys.executable, "-c", SHOWN], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "https://host:5000/path ann s3@cret\n"


def test_the_address_of_a_local_store_is_absolute(settings, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert store_uri(settings("mlruns")) == f"sqlite:///{tmp_path}/mlruns/mlflow.db"


def test_without_tracking_the_store_is_the_one_of_the_environment_or_the_local_one(settings, store_root, monkeypatch):
    untracked = settings(store_root, kind="off")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert earlier_runs_uri(untracked) == f"sqlite:///{store_root}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://elsewhere")
    assert earlier_runs_uri(untracked) == "http://elsewhere"
    assert earlier_runs_uri(settings(store_root)) == f"sqlite:///{store_root}/mlflow.db"
