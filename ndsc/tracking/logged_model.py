"""The trained model as an artifact: logged from code, with a signature, ready to be served."""

import importlib.metadata
import json
import shutil
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

import keras
import mlflow
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema

import ndsc
from ndsc.tracking.tracked_run import Run

CLASSIFIER, CLASSES = "classifier.keras", "classes.json"
PACKAGE = Path(ndsc.__file__).parent
# Rooms of the package that a served model does not import.
NOT_SERVED = ("sample", "auditing", "comparison", "duplicates", "sweeps")
REQUIRED = ("tensorflow", "keras", "mlflow", "numpy", "pandas", "pillow")


def log_classifier(run: Run, classifier: keras.Model, classes: Sequence[str]) -> None:
    """Log the whole classifier as an MLflow model named `model`.

    Its `.keras` file is in it, at `artifacts/classifier.keras`.
    """
    with tempfile.TemporaryDirectory() as folder:
        file, names = Path(folder) / CLASSIFIER, Path(folder) / CLASSES
        classifier.save(file)
        names.write_text(json.dumps(list(classes)), encoding="utf-8")

        def buffer(offline: Path) -> None:
            shutil.copy(file, offline)
            shutil.copy(names, offline)

        run.attempt("the model", lambda: _send_model(file, names, classes, Path(folder)), buffer)


def log_head(run: Run, head: keras.Model, classes: Sequence[str]) -> None:
    """Log the head alone, a few kB: enough to rebuild the classifier where the backbone was not trained."""
    with tempfile.TemporaryDirectory() as folder:
        head.save(Path(folder) / "head.keras")
        run.log_file(Path(folder) / "head.keras", "head")
    run.log_json(list(classes), "head/classes.json")


def _send_model(file: Path, names: Path, classes: Sequence[str], folder: Path) -> None:
    package = folder / PACKAGE.name
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__", *NOT_SERVED))
    probabilities = [ColSpec(DataType.double, f"p_{name}") for name in classes]
    with warnings.catch_warnings():
        # An example would be a photo of the data, which may not be ours to show; the signature is given instead.
        warnings.filterwarnings("ignore", ".*An input example was not provided", UserWarning)
        # MLflow's own, of its own code, when `mlflow.pyfunc` is imported.
        warnings.filterwarnings("ignore", ".*Any type hint is inferred as AnyType", UserWarning)
        mlflow.pyfunc.log_model(
            name="model",
            python_model=str(package / "tracking" / "served_model.py"),
            artifacts={"classifier": str(file), "classes": str(names)},
            code_paths=[str(package)],
            signature=ModelSignature(
                inputs=Schema([ColSpec(DataType.binary, "image")]),
                outputs=Schema([ColSpec(DataType.string, "label"), *probabilities]),
            ),
            # Given, since MLflow would otherwise load the model in another process to find out.
            pip_requirements=[f"{name}=={importlib.metadata.version(name)}" for name in REQUIRED],
        )
