import json
import math
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import keras
import mlflow
import pandas as pd
import pytest
from matplotlib.figure import Figure
from mlflow.entities import Metric, Param, RunTag

from ndsc.tracking.logged_model import log_classifier, log_head
from ndsc.tracking.offline_buffer import buffer_lines
from ndsc.tracking.run import start_run
from ndsc.tracking.tracked_run import Run, UntrackedRun, table_digest


@pytest.fixture
def recorded(tracking, client, tmp_path):
    """Records a run, and returns it as the store has it, with the folder of its artifacts."""

    def record(work):
        with start_run(tracking, "recorded", {}) as run:
            work(run)
        folder = tmp_path / "artifacts"
        folder.mkdir()
        if client.list_artifacts(run.id):
            client.download_artifacts(run.id, "", str(folder))
        return client.get_run(run.id), folder

    return record


def test_250_params_are_logged_at_once(recorded):
    run, _ = recorded(lambda run: run.log_params({f"head.{number}.units": number for number in range(250)}))
    assert run.data.params == {f"head.{number}.units": str(number) for number in range(250)}


def test_params_are_written_as_on_the_command_line(recorded):
    values = {"a": None, "b": True, "c": 0.001, "d": [1, 2], "e": "all", "f": 32}
    run, _ = recorded(lambda run: run.log_params(values))
    assert run.data.params == {"a": "null", "b": "true", "c": "0.001", "d": "[1, 2]", "e": "all", "f": "32"}


def test_a_param_too_long_for_mlflow_is_stored_as_an_artifact(recorded):
    run, folder = recorded(lambda run: run.log_params({"fits": "x" * 6000, "long": "y" * 6001}))
    assert run.data.params["fits"] == "x" * 6000
    assert run.data.params["long"] == "6001 characters, see the artifact params/long.txt"
    assert (folder / "params" / "long.txt").read_text() == "y" * 6001


def test_a_param_that_changes_or_has_brackets_raises_an_exception(tracking):
    with start_run(tracking, "mistakes", {}) as run:
        run.log_params({"seed": 0})
        with pytest.raises(mlflow.MlflowException, match="seed"):
            run.log_params({"seed": 1})
        with pytest.raises(mlflow.MlflowException, match="head"):
            run.log_params({"head[0]": 1})
        assert run.offline_folder is None


def test_metrics_have_a_step_and_may_be_undefined(recorded):
    def work(run):
        run.log_metrics({"val/loss": 1.0}, step=3)
        run.log_metrics({"val/loss": math.nan}, step=4)
        run.log_metrics({"test/accuracy": 0.5})

    run, _ = recorded(work)
    assert math.isnan(run.data.metrics["val/loss"])
    assert run.data.metrics["test/accuracy"] == 0.5


def test_a_history_is_one_request_with_one_step_per_epoch(tracking, client, monkeypatch):
    first, second = [0.5, 0.4, 0.3], [0.25, 0.2]
    with start_run(tracking, "history", {}) as run:
        requests = []
        send = run._client.log_batch
        monkeypatch.setattr(run._client, "log_batch", lambda *a, **k: (requests.append(k), send(*a, **k)))
        run.log_history({"train/loss": first, "val/loss": [2 * loss for loss in first]})
        assert len([request for request in requests if request["metrics"][0].key == "train/loss"]) == 1
        run.log_history({"train/loss": second}, first_step=len(first) + 1)

    points = sorted((point.step, point.value) for point in client.get_metric_history(run.id, "train/loss"))
    assert points == [(1, 0.5), (2, 0.4), (3, 0.3), (4, 0.25), (5, 0.2)]
    assert len(client.get_metric_history(run.id, "val/loss")) == 3


def test_a_history_can_be_longer_than_a_request_of_mlflow(recorded, client):
    run, _ = recorded(lambda run: run.log_history({"train/loss": [1 / (step + 1) for step in range(2500)]}))
    history = client.get_metric_history(run.info.run_id, "train/loss")
    assert sorted(point.step for point in history) == list(range(1, 2501))


def test_texts_tables_plain_data_files_and_folders_are_stored_as_artifacts(recorded, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "inner.txt").write_text("inner")

    def work(run):
        run.log_text("straße", "notes/a.txt")
        run.log_json({"accuracy": 0.5}, "top.json")
        run.log_table(pd.DataFrame({"label": ["mobile"], "share": [0.25]}), "report/classes.csv")
        run.log_file(tmp_path / "folder" / "inner.txt")
        run.log_file(tmp_path / "folder", "deep/er")
        with pytest.raises(FileNotFoundError, match=r"missing\.txt"):
            run.log_file(tmp_path / "missing.txt")

    run, folder = recorded(work)
    assert (folder / "notes" / "a.txt").read_text(encoding="utf-8") == "straße"
    assert json.loads((folder / "top.json").read_text()) == {"accuracy": 0.5}
    assert (folder / "report" / "classes.csv").read_text() == "label,share\nmobile,0.25\n"
    assert (folder / "inner.txt").read_text() == "inner"
    assert (folder / "deep" / "er" / "folder" / "inner.txt").read_text() == "inner"
    assert run.info.status == "FINISHED"


def test_a_figure_is_stored(recorded):
    _, folder = recorded(lambda run: run.log_figure(Figure(), "figures/curves.png"))
    assert (folder / "figures" / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_no_password_is_stored(recorded):
    address = "postgresql://ann:s3cret@host/db?password=s3cret"

    def work(run):
        run.log_params({"callbacks.pruning.storage": address, "list": [address]})
        run.set_tags({"command": f"python -m ndsc.train hydra.sweeper.storage={address}"})
        run.log_json({"storage": address}, "config/invocation.json")
        run.log_table(pd.DataFrame({"url": ["https://host/@user/a.jpg"]}), "table.csv")

    run, folder = recorded(work)
    shown = "postgresql://***@host/db?password=***"
    assert run.data.params["callbacks.pruning.storage"] == shown
    assert run.data.tags["command"].endswith(f"storage={shown}")
    assert "s3cret" not in f"{run.to_dictionary()} {(folder / 'config' / 'invocation.json').read_text()}"
    assert "https://host/@user/a.jpg" in (folder / "table.csv").read_text()


def test_tags_can_be_changed(recorded):
    def work(run):
        run.set_tags({"weights": "imagenet", "seed": 1})
        run.set_tags({"weights": "random"})

    run, _ = recorded(work)
    assert (run.data.tags["weights"], run.data.tags["seed"]) == ("random", "1")


def test_each_split_is_a_dataset_with_a_context(recorded):
    def work(run):
        for context in ("training", "validation"):
            run.log_dataset(pd.DataFrame({"path": [context], "label": [1]}), "ndsc", "data/photos", context)

    run, _ = recorded(work)
    inputs = run.inputs.dataset_inputs
    assert sorted(each.tags[0].value for each in inputs) == ["training", "validation"]
    assert {each.dataset.name for each in inputs} == {"ndsc"}
    assert len({each.dataset.digest for each in inputs}) == 2
    assert mlflow.data.get_source(inputs[0].dataset).uri == "data/photos"


def artifacts_of(client, run) -> Path:
    return Path(client.get_run(run.id).info.artifact_uri)


@pytest.fixture
def blocked():
    """Return a function that makes it impossible to write to the artifacts of a run, and one that ends this."""

    def block(folder: Path) -> None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.write_text("a file where the folder would be")

    return block, Path.unlink


def test_artifacts_that_the_store_does_not_take_cost_no_params_and_metrics_and_are_sent_by_the_next_run(
    tracking, client, caplog, blocked
):
    block, unblock = blocked
    with start_run(tracking, "first", {}) as run:
        block(artifacts_of(client, run))
        run.log_text("early", "notes/a.txt")
        run.log_params({"seed": 0})
        run.log_metrics({"val/loss": 0.5})
        run.log_dataset(pd.DataFrame({"path": ["a"]}), "ndsc", "data/photos", "training")
        run.log_table(pd.DataFrame({"label": ["mobile"]}), "classes.csv")
        log_classifier(run, keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]), ("one", "two"))
        log_head(run, keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]), ("one", "two"))
    recorded = client.get_run(run.id)
    assert (recorded.info.status, recorded.data.params) == ("FINISHED", {"seed": "0"})
    assert recorded.data.metrics["val/loss"] == 0.5
    assert "system/peak_memory_megabytes" in recorded.data.metrics
    assert len(recorded.inputs.dataset_inputs) == 1
    assert recorded.data.tags["ndsc.unsent"] == str(run.offline_folder)
    assert "did not take notes/a.txt" in caplog.text
    assert f"The rest is in {run.offline_folder}" in caplog.text

    unblock(artifacts_of(client, run))
    with start_run(tracking, "second", {}):
        pass
    assert not run.offline_folder.exists()
    folder = artifacts_of(client, run)
    assert (folder / "notes" / "a.txt").read_text() == "early"
    assert (folder / "classes.csv").read_text() == "label\nmobile\n"
    assert (folder / "head" / "head.keras").is_file()
    assert "ndsc.unsent" not in client.get_run(run.id).data.tags
    assert client.get_run(run.id).info.end_time == recorded.info.end_time


def test_an_artifact_that_the_store_does_not_take_for_a_moment_is_sent_at_the_end_of_the_run(recorded, caplog):
    runs = []

    def work(run):
        folder = Path(mlflow.get_artifact_uri())
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.write_text("a file where the folder would be")
        run.log_text("first", "a.txt")
        folder.unlink()
        run.log_text("second", "deep/b.txt")
        runs.append(run)

    run, folder = recorded(work)
    assert (folder / "a.txt").read_text() == "first"
    assert (folder / "deep" / "b.txt").read_text() == "second"
    assert runs[0].offline_folder is None
    assert "ndsc.unsent" not in run.data.tags
    assert "MLflow did not take a.txt" in caplog.text


def test_a_full_temporary_folder_costs_no_run_and_no_artifact(recorded, monkeypatch, tmp_path):
    def work(run):
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "full"))
        run.log_text("text", "a.txt")
        log_head(run, keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]), ("one", "two"))
        monkeypatch.setattr(tempfile, "tempdir", None)

    run, folder = recorded(work)
    assert run.info.status == "FINISHED"
    assert (folder / "a.txt").read_text() == "text"
    assert (folder / "head" / "head.keras").is_file()


def test_what_neither_the_store_nor_the_folder_takes_is_named_and_costs_no_metrics(tracking, client, caplog, blocked):
    block, unblock = blocked
    with start_run(tracking, "nowhere", {}) as run:
        block(artifacts_of(client, run))
        block(run._root / "unsent" / run.id)
        run.log_text("text", "notes/a.txt")
        run.log_metrics({"val/loss": 0.5})
    unblock(run._root / "unsent" / run.id)
    assert f"notes/a.txt of run {run.id} is lost" in caplog.text
    assert client.get_run(run.id).data.metrics["val/loss"] == 0.5
    assert client.get_run(run.id).info.status == "FINISHED"


def test_values_that_a_killed_process_buffered_are_sent_by_a_later_run(tracking, client):
    with start_run(tracking, "killed", {}) as run:
        folder = run._root / "unsent" / run.id
        folder.mkdir(parents=True)
    buffer_lines(folder, "params", [dict(Param("seed", "1"))])
    buffer_lines(folder, "metrics", map(dict, [Metric("val/loss", math.nan, 5, 1), Metric("val/loss", 0.25, 6, 2)]))
    buffer_lines(folder, "tags", [dict(RunTag("weights", "random"))])
    with start_run(tracking, "later", {}):
        pass
    data = client.get_run(run.id).data
    assert (data.params, data.metrics["val/loss"]) == ({"seed": "1"}, 0.25)
    assert data.tags["weights"] == "random"
    assert len(client.get_metric_history(run.id, "val/loss")) == 2
    assert not folder.exists()


def test_what_a_running_process_buffers_is_left_to_it(tracking):
    with start_run(tracking, "at work", {}) as run:
        folder = run._root / "unsent" / run.id
        folder.mkdir(parents=True)
        buffer_lines(folder, "params", [dict(Param("seed", "1"))])
        with start_run(tracking, "another", {}):
            pass
        assert (folder / "params.jsonl").exists()
    shutil.rmtree(folder)


def test_a_run_that_fails_during_an_outage_ends_failed_with_its_traceback(tracking, client):
    def fail():
        raise ConnectionError

    def work(run):
        run.attempt("a model", fail, lambda _folder: None)
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError), start_run(tracking, "gap", {}) as run:
        work(run)
    assert client.get_run(run.id).info.status == "FAILED"
    assert "RuntimeError: broken" in (artifacts_of(client, run) / "error" / "traceback.txt").read_text()


def test_a_mistake_in_the_sending_code_is_raised(tracking):
    with pytest.raises(TypeError), start_run(tracking, "mistake", {}) as run:
        run.attempt("a model", lambda: len(3), lambda _folder: pytest.fail("buffered"))
    assert run.offline_folder is None


def test_a_dataset_has_columns_rows_and_a_source(recorded):
    frame = pd.DataFrame({"path": ["a", "b"], "size": [1, 2], "share": [0.5, None], "rejected": [True, False]})
    run, _ = recorded(lambda run: run.log_dataset(frame, "ndsc", "data/photos", "training"))
    (dataset,) = (each.dataset for each in run.inputs.dataset_inputs)
    columns = json.loads(dataset.schema)["mlflow_colspec"]
    assert [(column["name"], column["type"]) for column in columns] == [
        ("path", "string"),
        ("size", "long"),
        ("share", "double"),
        ("rejected", "boolean"),
    ]
    assert json.loads(dataset.profile) == {"num_rows": 2, "num_elements": 8}
    assert json.loads(dataset.source) == {"uri": "data/photos"}
    assert dataset.digest == table_digest(frame)


@pytest.mark.parametrize(
    "source", ["rendered sample", "s3://bucket/photos", "https://host.example/photos", "/a /b.csv"]
)
def test_a_dataset_can_have_any_source(recorded, source: str):
    frame = pd.DataFrame({"path": ["a"], "size": pd.array([None], dtype="Int64"), "by": [None]})
    run, _ = recorded(lambda run: run.log_dataset(frame, "ndsc", source, "training"))
    (dataset,) = (each.dataset for each in run.inputs.dataset_inputs)
    assert source in dataset.source


def test_the_digest_of_a_dataset_covers_every_row_and_cell():
    frame = pd.DataFrame({"path": [f"{number}.jpg" for number in range(10_002)]})
    changed = frame.copy()
    changed.loc[10_001, "path"] = "other.jpg"
    assert table_digest(frame) == table_digest(frame.copy())
    assert table_digest(frame) != table_digest(changed)
    assert len(table_digest(frame)) <= 36


# Warning filters belong to the process: threads of one process undo each other's.
@pytest.mark.filterwarnings("ignore:.*(multiple ways|integer column):UserWarning")
def test_runs_that_log_the_same_dataset_at_the_same_moment_all_have_it(tracking, client):
    with start_run(tracking, "creates the experiment", {}) as run:
        root = run._root
    experiment = client.get_experiment_by_name(tracking.experiment).experiment_id
    together = Barrier(4)

    def log(name: str) -> str:
        run = Run(client.create_run(experiment).info.run_id, client, root)
        together.wait()
        run.log_dataset(pd.DataFrame({"path": [name]}), name, "data/photos", "training")
        assert run.offline_folder is None
        return str(run.id)

    with ThreadPoolExecutor(4) as threads:
        for number in range(10):
            for run_id in list(threads.map(log, [f"photos {number}"] * 4)):
                assert len(client.get_run(run_id).inputs.dataset_inputs) == 1


def test_an_untracked_run_accepts_everything_and_stores_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = UntrackedRun()
    run.log_params({"seed": 0, "long": "x" * 6001})
    run.log_metrics({"val/loss": 0.5}, step=1)
    run.log_history({"val/loss": [0.5]})
    run.log_bytes(b"", "a.bin")
    run.log_text("", "a.txt")
    run.log_json({}, "a.json")
    run.log_table(pd.DataFrame(), "a.csv")
    run.log_file(tmp_path)
    run.log_figure(Figure(), "a.png")
    run.log_dataset(pd.DataFrame({"path": ["a"]}), "name", "source", "training")
    run.set_tags({"weights": "random"})
    run.attempt("nothing", lambda: pytest.fail("sent"), lambda folder: pytest.fail(f"buffered in {folder}"))

    assert (run.id, run.offline_folder) == (None, None)
    assert list(tmp_path.iterdir()) == []
