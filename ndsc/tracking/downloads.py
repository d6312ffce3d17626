"""The trained classifier and the quantized networks of earlier runs, as files of this machine."""

import logging
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from ndsc.caching.atomic import publish_folder
from ndsc.caching.openvino_cache import load_network
from ndsc.errors import UserError
from ndsc.tracking.history import History, find_run
from ndsc.tracking.store import StoreSettings, earlier_runs_uri

CLASSIFIER = "classifier.keras"
# Runs share quantized networks: the tag of a run names the run that has the files, and the digest of the network.
NETWORK_TAG = "quantized_network."
NETWORKS = "quantized_networks"

log = logging.getLogger(__name__)


def fetch_classifier(run_id: str, tracking: StoreSettings, cache_root: Path) -> Path:
    """Return the `classifier.keras` of a run, with `classes.json` beside it.

    It stays where it is if the store is a folder of this machine, and is otherwise downloaded once into the cache.

    Raises:
        UserError: the store does not answer, has no such run, or the run logged no classifier.
    """
    uri = earlier_runs_uri(tracking)
    client = MlflowClient(uri)
    run = find_run(client, run_id, uri)
    folder = _model_artifacts(client, run, uri, cache_root)
    if folder is None or not (folder / CLASSIFIER).is_file():
        raise UserError(
            f"A run that logged its whole classifier was expected (tracking.model=full, the default). Received: run "
            f"{run_id} ({run.info.run_name}, {run.info.status}), which logged none: it was started with "
            "tracking.model=head or none, or ended before the model was saved. Name another run, or train it again."
        )
    return folder / CLASSIFIER


def fetch_quantized_network(history: History, run_id: str, line: str, cache_root: Path) -> Path | None:
    """Return the folder of the quantized network that a run used below a freeze line, downloaded once into the cache.

    None if the run logged no such network. A network whose files are missing or damaged is None too, with a warning.

    Raises:
        UserError: the store does not answer or has no such run.
    """
    owner, _, digest = history.run(run_id).tags.get(f"{NETWORK_TAG}{line}", "").partition("/")
    if not digest:
        return None
    folder = cache_root / "networks" / digest
    if _is_network(folder, digest):
        return folder
    shutil.rmtree(folder, ignore_errors=True)  # a damaged network

    def download(target: str) -> str:
        fetched = history.client.download_artifacts(owner, f"{NETWORKS}/{digest}", target)
        if not _is_network(Path(fetched), digest):
            raise OSError("its files are damaged")
        return fetched

    try:
        _add_to_cache(folder, download)
    except (MlflowException, OSError) as error:
        log.warning("The quantized network of run %s, logged with run %s, cannot be used: %s", run_id, owner, error)
        return None
    return folder


def _model_artifacts(client: MlflowClient, run: mlflow.entities.Run, uri: str, cache_root: Path) -> Path | None:
    """Return the folder of what was logged with the run's model named `model`."""
    outputs = run.outputs.model_outputs if run.outputs else []
    models = [model for model in (client.get_logged_model(one.model_id) for one in outputs) if model.name == "model"]
    if not models:
        return None
    location = f"{models[-1].artifact_location}/artifacts"
    parts = urlsplit(location)
    if parts.scheme in ("", "file"):
        return Path(url2pathname(parts.path))
    folder = cache_root / "classifiers" / models[-1].model_id
    if not folder.exists():
        _add_to_cache(
            folder,
            lambda target: mlflow.artifacts.download_artifacts(
                artifact_uri=location, dst_path=target, tracking_uri=uri
            ),
        )
    return folder


def _add_to_cache(folder: Path, download: Callable[[str], str]) -> None:
    """Add a folder to the cache, whole or not at all. `download(target)` returns its path below `target`."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".") as unfinished:
        publish_folder(Path(download(unfinished)), folder)


def _is_network(folder: Path, digest: str) -> bool:
    network = load_network(folder)
    return network is not None and network.digest == digest
