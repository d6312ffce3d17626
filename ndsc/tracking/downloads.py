"""The trained classifier and the quantized networks of earlier runs, as files of this machine."""

import logging
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

from ndsc.caching.atomic import publish_folder
from ndsc.caching.openvino_cache import load_network
from ndsc.errors import UserError
from ndsc.tracking.history import History, find_run
from ndsc.tracking.store import StoreSettings, earlier_runs_uri, open_client, store_errors

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
    client = open_client(uri)
    run = find_run(client, run_id, uri)
    locations = _model_locations(client, run)
    for owner, location in locations.items():
        with store_errors(uri):
            folder = _local_folder(location, uri, cache_root / "classifiers" / owner)
        if (folder / CLASSIFIER).is_file():
            return folder / CLASSIFIER
    reason = "logged none: it was started with tracking.model=head or none, or ended before the model was saved"
    if len(locations) > 1:
        reason = f"logged one to {next(iter(locations.values()))}, where it is not. If the store was moved without its "
        reason += "folder artifacts, move that too"
    raise UserError(
        f"A run that logged its whole classifier was expected (tracking.model=full, the default). Received: run "
        f"{run_id} ({run.info.run_name}, {run.info.status}), which {reason}. Name another run, or train it again."
    )


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


def _model_locations(client: MlflowClient, run: mlflow.entities.Run) -> dict[str, str]:
    """Return the addresses where the classifier of a run may be, by the id of what has it: first the logged model."""
    outputs = run.outputs.model_outputs if run.outputs else []
    models = [client.get_logged_model(one.model_id) for one in outputs]
    named = {one.model_id: f"{one.artifact_location}/artifacts" for one in reversed(models) if one.name == "model"}
    # A model that was sent later is an artifact of the run.
    return named | {run.info.run_id: f"{run.info.artifact_uri}/model/artifacts"}


def _local_folder(location: str, uri: str, cached: Path) -> Path:
    """Return the folder of a location on this machine, or of the copy that is downloaded once; it may not exist."""
    repository = get_artifact_repository(location, uri)
    if isinstance(repository, LocalArtifactRepository):
        return Path(repository.artifact_dir)
    if not cached.exists() and CLASSIFIER in [entry.path for entry in repository.list_artifacts()]:
        _add_to_cache(cached, lambda target: repository.download_artifacts("", target))
    return cached


def _add_to_cache(folder: Path, download: Callable[[str], str]) -> None:
    """Add a folder to the cache, whole or not at all. `download(target)` returns its path below `target`."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".") as unfinished:
        publish_folder(Path(download(unfinished)), folder)


def _is_network(folder: Path, digest: str) -> bool:
    network = load_network(folder)
    return network is not None and network.digest == digest
