"""The trained model as an artefact: logged from code, with a signature, ready to be served."""

import importlib.metadata
import json
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

import keras

import ndsc
from ndsc.tracking.run_interface import Run

CLASSIFIER = "classifier.keras"
REQUIRED = ("tensorflow", "keras", "mlflow", "numpy", "pandas", "pillow")


def log_classifier(run: Run, classifier: keras.Model, classes: Sequence[str]) -> None:
    """Log the whole classifier as an MLflow model named `model`; its `.keras` file lies inside, at
    `artifacts/classifier.keras`."""
    with tempfile.TemporaryDirectory() as folder:
        file, names = Path(folder) / CLASSIFIER, Path(folder) / "classes.json"
        classifier.save(file)
        names.write_text(json.dumps(list(classes)), encoding="utf-8")
        run.attempt("the model", lambda: _send(run, file, names, classes), lambda kept: _keep(file, names, kept))


def log_head(run: Run, head: keras.Model, classes: Sequence[str]) -> None:
    """Log the head alone, a few kB: enough to rebuild the classifier where the backbone was not trained."""
    with tempfile.TemporaryDirectory() as folder:
        head.save(Path(folder) / "head.keras")
        run.log_file(Path(folder) / "head.keras", "head")
    run.log_json(list(classes), "head/classes.json")


def _send(run: Run, file: Path, names: Path, classes: Sequence[str]) -> None:
    import mlflow
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    package = Path(ndsc.__file__).parent
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


def _keep(file: Path, names: Path, folder: Path) -> None:
    for source in (file, names):
        (folder / source.name).write_bytes(source.read_bytes())
