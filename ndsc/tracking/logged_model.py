"""The trained model as an artifact: logged from code, with a signature, ready to be served; and its quantized network.

A quantized network takes 25 MB, and the runs of a sweep use the same one. It is therefore logged once for each digest
and experiment: the tag `quantized_network.<freeze line>` of a run names the run that has the files, and their digest.
"""

import importlib.metadata
import json
import shutil
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import mlflow
from mlflow import MlflowClient
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema

import ndsc
from ndsc.caching.openvino_cache import FILE_NAMES
from ndsc.tracking.downloads import CLASSIFIER, NETWORK_TAG, NETWORKS
from ndsc.tracking.offline_buffer import ARTIFACTS, buffer_file, buffer_lines
from ndsc.tracking.tracked_run import Run

PACKAGE = Path(ndsc.__file__).parent
# Rooms of the package that a served model does not import.
NOT_SERVED = ("sample", "auditing", "comparison", "duplicates", "sweeps")
REQUIRED = ("tensorflow", "keras", "mlflow", "numpy", "pandas", "pillow")


def log_classifier(run: Run, classifier: keras.Model, classes: Sequence[str]) -> str | None:
    """Log the whole classifier as an MLflow model named `model`; return its id, or None if the store did not take it.

    Its `.keras` file is in it, at `artifacts/classifier.keras`.
    """
    model_id: str | None = None

    def send() -> None:
        nonlocal model_id
        with tempfile.TemporaryDirectory() as folder:
            logged = mlflow.pyfunc.log_model(name="model", **_prepare_model(classifier, classes, Path(folder)))
        model_id = logged.model_id

    def buffer(offline: Path) -> None:
        with tempfile.TemporaryDirectory(dir=offline) as folder:
            target = offline / ARTIFACTS / "model"
            shutil.rmtree(target, ignore_errors=True)
            mlflow.pyfunc.save_model(target, **_prepare_model(classifier, classes, Path(folder)))

    with warnings.catch_warnings():
        # An example would be a photo of the data, which may not be public; the signature is given instead.
        warnings.filterwarnings("ignore", ".*An input example was not provided", UserWarning)
        # MLflow raises this warning about its own code when `mlflow.pyfunc` is imported.
        warnings.filterwarnings("ignore", ".*Any type hint is inferred as AnyType", UserWarning)
        run.attempt("the model", send, buffer)
    return model_id


def log_head(run: Run, head: keras.Model, classes: Sequence[str]) -> None:
    """Log the head alone, a few kB: enough to rebuild the classifier where the backbone was not trained."""
    run.log_saved(head.save, "head/head.keras")
    run.log_json(list(classes), "head/classes.json")


def log_quantized_network(run: Run, network_folder: Path, digest: str, line: str) -> None:
    """Log the files of a quantized network, unless another run of the experiment has logged the same ones.

    Two runs that log it at the same moment both store the files.

    Args:
        network_folder: has `network.xml`, `network.bin` and `network.json`.
        digest: of the network, as in `network.json`.
        line: the freeze line below which the network computes.
    """
    path = f"{NETWORKS}/{digest}"
    files = [network_folder / name for name in (*FILE_NAMES, "network.json")]

    def send() -> None:
        client, run_id = MlflowClient(), str(run.id)
        owner = _find_owner(client, run_id, digest, line)
        if owner is None:
            for file in files:
                client.log_artifact(run_id, str(file), path)
        client.set_tag(run_id, f"{NETWORK_TAG}{line}", f"{owner or run_id}/{digest}")

    def buffer(offline: Path) -> None:
        for file in files:
            buffer_file(offline, file, path)
        buffer_lines(offline, "tags", [{"key": f"{NETWORK_TAG}{line}", "value": f"{run.id}/{digest}"}])

    run.attempt("the quantized network", send, buffer)


def _prepare_model(classifier: keras.Model, classes: Sequence[str], folder: Path) -> dict[str, Any]:
    """Write the files of the model and a copy of this package to the folder; return the arguments that MLflow needs."""
    classifier.save(folder / CLASSIFIER)
    (folder / "classes.json").write_text(json.dumps(list(classes)), encoding="utf-8")
    package = folder / PACKAGE.name
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__", *NOT_SERVED))
    probabilities = [ColSpec(DataType.double, f"p_{name}") for name in classes]
    return {
        "python_model": str(package / "tracking" / "served_model.py"),
        "artifacts": {"classifier": str(folder / CLASSIFIER), "classes": str(folder / "classes.json")},
        "code_paths": [str(package)],
        "signature": ModelSignature(
            inputs=Schema([ColSpec(DataType.binary, "image")]),
            outputs=Schema([ColSpec(DataType.string, "label"), *probabilities]),
        ),
        # Otherwise MLflow would load the model in another process to find its requirements.
        "pip_requirements": [f"{name}=={importlib.metadata.version(name)}" for name in REQUIRED],
    }


def _find_owner(client: MlflowClient, run_id: str, digest: str, line: str) -> str | None:
    """Return the run of the same experiment that has logged the files of this network."""
    experiment = client.get_run(run_id).info.experiment_id
    tag = f"{NETWORK_TAG}{line}"
    for run in client.search_runs([experiment], f"tags.`{tag}` LIKE '%/{digest}'"):
        owner = run.data.tags[tag].partition("/")[0]
        # A user of the network may still be there when its owner has been deleted.
        if client.search_runs([experiment], f"attributes.run_id = '{owner}'"):
            return owner
    return None
