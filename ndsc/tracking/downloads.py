"""The trained classifier of an earlier run, as a file."""

import tempfile
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import mlflow
from mlflow import MlflowClient

from ndsc.caching.atomic import publish_folder
from ndsc.errors import UserError
from ndsc.tracking.history import find_run
from ndsc.tracking.store_address import StoreSettings, earlier_runs_uri

CLASSIFIER = "classifier.keras"


def fetch_classifier(run_id: str, tracking: StoreSettings, cache_root: Path) -> Path:
    """Return the `classifier.keras` of a run, with `classes.json` beside it.

    It stays where it is if the store is a folder of this machine, and is otherwise downloaded once into the cache.

    Raises:
        UserError: the store does not answer, has no such run, or the run logged no classifier.
    """
    uri = earlier_runs_uri(tracking)
    client = MlflowClient(uri)
    run = find_run(client, run_id, uri)
    found = _model_artifacts(client, run, uri, cache_root)
    if found is None or not (found / CLASSIFIER).is_file():
        raise UserError(
            f"A run that logged its whole classifier was expected (tracking.model=full, the default). Received: run "
            f"{run_id} ({run.info.run_name}, {run.info.status}), which logged none: it was started with "
            "tracking.model=head or none, or ended before the model was saved. Name another run, or train it again."
        )
    return found / CLASSIFIER


def _model_artifacts(client: MlflowClient, run: mlflow.entities.Run, uri: str, cache_root: Path) -> Path | None:
    """Return the folder of what was logged with the run's model named `model`."""
    made = [output.model_id for output in run.outputs.model_outputs] if run.outputs else []
    models = [model for model in map(client.get_logged_model, made) if model.name == "model"]
    if not models:
        return None
    location = f"{models[-1].artifact_location}/artifacts"
    parts = urlsplit(location)
    if parts.scheme in ("", "file"):
        return Path(url2pathname(parts.path))

    folder = cache_root / "classifiers" / models[-1].model_id
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".") as unfinished:
            fetched = mlflow.artifacts.download_artifacts(artifact_uri=location, dst_path=unfinished, tracking_uri=uri)
            publish_folder(Path(fetched), folder)
    return folder
