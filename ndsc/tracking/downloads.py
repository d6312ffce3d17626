"""Networks of earlier runs, as files: trained classifiers, and quantized networks, which runs share.

A quantized network has 25 MB, and the runs of a sweep use the same one. It is therefore logged once for each digest and
experiment: the tag `quantized_network.<freeze line>` of each run names the run that has the files, and their digest.
"""

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
from ndsc.caching.digests import combined_hash
from ndsc.errors import UserError
from ndsc.tracking.history import History, find_run
from ndsc.tracking.offline_buffer import buffer_file
from ndsc.tracking.store_address import StoreSettings, earlier_runs_uri
from ndsc.tracking.tracked_run import Run

log = logging.getLogger(__name__)

CLASSIFIER = "classifier.keras"
NETWORK_TAG = "quantized_network."
NETWORK_FOLDER = "quantized_networks"
NETWORK_FILES = ("network.xml", "network.bin")


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


def log_quantized_network(run: Run, network_folder: Path, digest: str, line: str) -> None:
    """Log the files of a quantized network, unless another run of the experiment has logged the same ones.

    Two runs that log it at the same moment both store the files.

    Args:
        network_folder: has `network.xml`, `network.bin` and `network.json`.
        digest: of the network, as in `network.json`.
        line: the freeze line below which the network computes.
    """
    path = f"{NETWORK_FOLDER}/{digest}"
    files = [network_folder / name for name in (*NETWORK_FILES, "network.json")]

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

    run.attempt("the quantized network", send, buffer)


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
    if folder.exists() and _network_digest(folder) != digest:
        shutil.rmtree(folder)

    def download(into: Path) -> Path:
        fetched = Path(history.client.download_artifacts(owner, f"{NETWORK_FOLDER}/{digest}", str(into)))
        if (found := _network_digest(fetched)) != digest:
            raise OSError(f"its files have the digest {found} instead of {digest}")
        return fetched

    try:
        return _cached(folder, download)
    except (MlflowException, OSError) as error:
        log.warning("The quantized network of run %s, logged with run %s, cannot be used: %s", run_id, owner, error)
        return None


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


def _network_digest(folder: Path) -> str | None:
    """Return the digest of a network's files, as in `network.json`; None if one is missing."""
    files = [folder / name for name in NETWORK_FILES]
    return combined_hash(file.read_bytes() for file in files) if all(file.is_file() for file in files) else None


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

    def download(into: Path) -> Path:
        return Path(mlflow.artifacts.download_artifacts(artifact_uri=location, dst_path=str(into), tracking_uri=uri))

    return _cached(cache_root / "classifiers" / models[-1].model_id, download)


def _cached(folder: Path, download: Callable[[Path], Path]) -> Path:
    """Return a folder of the cache. If it is missing, it is downloaded, whole or not at all."""
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".") as unfinished:
            publish_folder(download(Path(unfinished)), folder)
    return folder
