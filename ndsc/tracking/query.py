"""Finding things of earlier runs: nothing is created or changed in the store that is asked."""

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

from ndsc.errors import UserError
from ndsc.tracking.mlflow_settings import impatient, quiet_mlflow
from ndsc.tracking.store import DATABASE, StoreSettings, local_root, sqlite_uri, store_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

CLASSIFIER = "classifier.keras"


def fetch_classifier(run_id: str, tracking: StoreSettings, cache_root: Path) -> Path:
    """The `classifier.keras` of a run, with `classes.json` beside it: in place where the store is a folder of this
    machine, otherwise downloaded once into the cache.

    Raises:
        UserError: the store does not answer, has no such run, or the run kept no classifier.
    """
    uri = earlier_runs_uri(tracking)
    quiet_mlflow()
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    run = find_run(client, run_id, uri)
    found = _artifacts(client, run, uri, cache_root)
    if found is None or not (found / CLASSIFIER).is_file():
        raise UserError(
            f"A run that kept its whole classifier was expected (tracking.model=full, the default). Received: run "
            f"{run_id} ({run.info.run_name}, {run.info.status}), which kept none: it was started with "
            "tracking.model=head or none, or ended before the model was saved. Name another run, or train it again."
        )
    return found / CLASSIFIER


def earlier_runs_uri(tracking: StoreSettings) -> str:
    """MLflow's address of the store to look in. With `tracking=off`, which names none: MLFLOW_TRACKING_URI if that is
    set, and otherwise the local store.

    Raises:
        UserError: there is no local store, or no server is named.
    """
    if tracking.kind == "server":
        return store_uri(tracking)
    if tracking.kind == "off" and (named := os.environ.get("MLFLOW_TRACKING_URI")):
        return named
    database = local_root(tracking) / DATABASE
    if not database.is_file():
        raise UserError(
            f"The store of earlier runs was expected in tracking.root. Received: {database.parent}, without one. Name "
            "the folder (tracking.root=…), or the server: tracking=server, with its address in the environment "
            "variable MLFLOW_TRACKING_URI."
        )
    return sqlite_uri(database)


def find_run(client: "MlflowClient", run_id: str, uri: str) -> "Run":
    """A run by its id.

    Raises:
        UserError: the store does not answer or has no such run.
    """
    from mlflow.exceptions import MlflowException

    try:
        with impatient():
            return client.get_run(run_id)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise UserError(
                f"The id of a run in {uri} was expected: 32 letters and digits, in the last lines that the run printed "
                f"and at the top of its page (make ui). Received: {run_id}."
            ) from error
        raise UserError(f"An MLflow store that answers was expected. Received from {uri}: {error}") from error


def _artifacts(client: "MlflowClient", run: "Run", uri: str, cache_root: Path) -> Path | None:
    """The folder of what was logged with the run's model named `model`."""
    made = [output.model_id for output in run.outputs.model_outputs] if run.outputs else []
    models = [model for model in map(client.get_logged_model, made) if model.name == "model"]
    if not models:
        return None
    location = f"{models[-1].artifact_location}/artifacts"
    parts = urlsplit(location)
    if parts.scheme in ("", "file"):
        return Path(url2pathname(parts.path))
    return _downloaded(location, uri, cache_root / "classifiers" / models[-1].model_id)


def _downloaded(location: str, uri: str, folder: Path) -> Path:
    """The artefacts of a model, which never change, in the cache: whole or not at all."""
    import mlflow

    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".") as unfinished:
            fetched = mlflow.artifacts.download_artifacts(artifact_uri=location, dst_path=unfinished, tracking_uri=uri)
            try:
                os.rename(fetched, folder)
            except OSError:
                # Another process was first; its files are the same.
                if not folder.exists():
                    raise
    return folder
