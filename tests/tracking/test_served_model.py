"""The model of a real run as MLflow loads and serves it."""

import base64
import io
import json
import os
import subprocess
import sys
import tarfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import HTTPError

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from PIL import Image

from ndsc.config.schema import TrackingConfig
from ndsc.model.photo_classifier import PhotoClassifier
from ndsc.run_reporter import serve_command
from ndsc.tracking.logged_model import NOT_SERVED
from tests.conftest import TrainedRun
from tests.servers import free_port, serving

if TYPE_CHECKING:
    from mlflow.pyfunc import PyFuncModel

# MLflow raises this warning about its own code when it is imported.
pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning")

COLUMNS = ["label", "p_beauty", "p_fashion", "p_mobile"]


@pytest.fixture(scope="module")
def model(trained_run: TrainedRun) -> Path:
    (file,) = trained_run.tracking_root.glob("artifacts/models/*/artifacts/MLmodel")
    return file.parent


@pytest.fixture(scope="module")
def photos(trained_run: TrainedRun) -> list[bytes]:
    """Twelve rendered JPEGs, and a PNG."""
    png = io.BytesIO()
    Image.new("RGB", (70, 50), "teal").save(png, "PNG")
    found = [png.getvalue()]
    for name in ("beauty", "fashion", "mobile"):
        with tarfile.open(trained_run.data / f"{name}_image.tar") as archive:
            members = [member for member in archive.getmembers() if member.isfile()]
            found += [archive.extractfile(member).read() for member in members[:4]]
    return found


@pytest.fixture(scope="module")
def loaded(model: Path) -> "PyFuncModel":
    import mlflow.pyfunc

    return mlflow.pyfunc.load_model(str(model))


@pytest.fixture(scope="module")
def expected(model: Path, photos: list[bytes]) -> pd.DataFrame:
    classifier = PhotoClassifier(model / "artifacts" / "classifier.keras")
    probabilities = classifier.probabilities([classifier.prepare(photo) for photo in photos])
    assert len(np.unique(probabilities.round(4), axis=0)) == len(photos)
    table = pd.DataFrame(probabilities, columns=COLUMNS[1:])
    table.insert(0, "label", np.array(classifier.classes)[probabilities.argmax(axis=1)])
    return table


def test_a_table_of_photos_gets_labels_and_probabilities(
    loaded: "PyFuncModel", photos: list[bytes], expected: pd.DataFrame
):
    found = loaded.predict(pd.DataFrame({"image": photos}))
    assert found.columns.tolist() == COLUMNS
    pd.testing.assert_frame_equal(found, expected, check_dtype=False, rtol=1e-4)


def test_the_signature_has_one_binary_input_column_and_all_output_columns(loaded: "PyFuncModel"):
    assert [(column.name, column.type.name) for column in loaded.metadata.signature.inputs] == [("image", "binary")]
    assert loaded.metadata.signature.outputs.input_names() == COLUMNS


ELSEWHERE = """
import json, sys
import mlflow.pyfunc, pandas

loaded = mlflow.pyfunc.load_model(sys.argv[1])
import ndsc
label = loaded.predict(pandas.DataFrame({"image": [open(sys.argv[2], "rb").read()]}))["label"][0]
print(json.dumps([ndsc.__file__, label]))
"""


def test_the_model_is_loaded_with_its_own_code_outside_the_checkout(
    model: Path, photos: list[bytes], expected: pd.DataFrame, tmp_path: Path
):
    (tmp_path / "photo.jpg").write_bytes(photos[1])
    # -I: neither the working directory nor PYTHONPATH is searched for packages.
    command = [sys.executable, "-I", "-c", ELSEWHERE, str(model), str(tmp_path / "photo.jpg")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    package, label = json.loads(done.stdout.splitlines()[-1])
    assert Path(package).is_relative_to(model)
    assert label == expected["label"][1]


def test_the_model_contains_only_the_code_that_serving_needs(model: Path):
    files = [file.relative_to(model).as_posix() for file in model.rglob("*.py")]
    assert "code/ndsc/tracking/served_model.py" in files
    assert not [file for file in files if file.startswith(tuple(f"code/ndsc/{room}/" for room in NOT_SERVED))]


def test_mlflow_finds_the_model_by_its_accuracy_on_the_validation_photos(trained_run: TrainedRun):
    client = MlflowClient(trained_run.uri)
    run = client.get_run(trained_run.id)
    order = {"field_name": "metrics.best/val_accuracy", "dataset_name": "validation", "ascending": False}
    (model,) = client.search_logged_models([run.info.experiment_id], order_by=[order])
    (accuracy,) = [metric for metric in model.metrics or () if metric.key == "best/val_accuracy"]
    digests = {one.dataset.name: one.dataset.digest for one in run.inputs.dataset_inputs}
    assert (accuracy.value, accuracy.run_id) == (run.data.metrics["best/val_accuracy"], trained_run.id)
    assert (accuracy.dataset_name, accuracy.dataset_digest) == ("validation", digests["validation"])
    assert {metric.dataset_name for metric in model.metrics or () if metric.key.startswith("test/")} == {"test"}
    assert len(client.get_metric_history(trained_run.id, "best/val_accuracy")) == 1


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"image": [b"no photo"]}, "Received in row 0: not an image."),
        ({"image": ["good", b""]}, "Received in row 1: empty file."),
        ({"image": ["text"]}, "Received in row 0: str."),
        ({"image": []}, "Received a table without rows."),
        ({"photo": [b"no photo"]}, "Model is missing inputs ['image']."),
        ({"image": [3]}, "Received in row 0: int."),
    ],
)
def test_other_inputs_are_rejected_with_the_reason(
    loaded: "PyFuncModel", photos: list[bytes], table: dict, message: str
):
    table = {name: [photos[0] if value == "good" else value for value in values] for name, values in table.items()}
    with pytest.raises(MlflowException) as raised:
        loaded.predict(pd.DataFrame(table, dtype=object))
    assert message in str(raised.value)
    assert raised.value.get_http_status_code() == 400


@pytest.fixture(scope="module")
def server(trained_run: TrainedRun, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The model as the command serves it that the run printed, pasted in another folder; yields its address."""
    address = f"http://127.0.0.1:{(port := free_port())}"
    command = serve_command(trained_run.id, TrackingConfig(kind="local", root=str(trained_run.tracking_root)))
    # MLflow and the server that it starts, `uvicorn`, are in the folder of this Python.
    path = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    elsewhere = tmp_path_factory.mktemp("server")
    log = elsewhere / "server.log"
    with serving(f"exec env {command} --host 127.0.0.1 --port {port}", address, log, path, elsewhere):
        yield f"{address}/invocations"
    assert list(elsewhere.iterdir()) == [log]


def post(address: str, body: bytes, kind: str = "application/json") -> tuple[int, str]:
    request = urllib.request.Request(address, body, {"Content-Type": kind})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


def split(column: str, *values: object) -> bytes:
    return json.dumps({"dataframe_split": {"columns": [column], "data": [[value] for value in values]}}).encode()


def test_the_server_answers_photos_with_the_labels_that_the_classifier_gives(
    server: str, photos: list[bytes], expected: pd.DataFrame
):
    code, answer = post(server, split("image", *(base64.b64encode(photo).decode() for photo in photos)))
    assert code == 200, answer
    found = pd.DataFrame(json.loads(answer)["predictions"])
    pd.testing.assert_frame_equal(found, expected, check_dtype=False, rtol=1e-4)


def test_the_server_rejects_other_inputs_with_the_reason(server: str, photos: list[bytes]):
    no_photo = base64.b64encode(b"no photo").decode()
    answers = {
        "Received in row 0: not an image.": post(server, split("image", no_photo)),
        "Received in row 0: empty file.": post(server, split("image", "")),
        "Received a table without rows.": post(server, split("image")),
        "Model is missing inputs ['image'].": post(server, split("photo", no_photo)),
        "Failed to convert column image": post(server, split("image", 3)),
        "only supports the following content types": post(server, photos[1], "image/jpeg"),
        "Invalid input.": post(server, b"{no json"),
    }
    for message, (code, answer) in answers.items():
        assert 400 <= code < 500, answer
        assert message in answer
        assert "Traceback" not in answer
