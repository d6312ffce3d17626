"""Quantized networks, which runs share.

A quantized network has 25 MB, and the runs of a sweep use the same one. It is therefore logged once for each digest and
experiment: the tag `quantized_network.<freeze line>` of each run names the run that has the files, and their digest.
"""

import logging
import shutil
import tempfile
from pathlib import Path

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from ndsc.caching.atomic import publish_folder
from ndsc.caching.openvino_cache import FILE_NAMES, load_network
from ndsc.tracking.history import History
from ndsc.tracking.offline_buffer import buffer_file
from ndsc.tracking.tracked_run import Run

NETWORK_TAG = "quantized_network."
ARTIFACTS = "quantized_networks"

log = logging.getLogger(__name__)


def log_quantized_network(run: Run, network_folder: Path, digest: str, line: str) -> None:
    """Log the files of a quantized network, unless another run of the experiment has logged the same ones.

    Two runs that log it at the same moment both store the files.

    Args:
        network_folder: has `network.xml`, `network.bin` and `network.json`.
        digest: of the network, as in `network.json`.
        line: the freeze line below which the network computes.
    """
    path = f"{ARTIFACTS}/{digest}"
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
    if _is_network(folder, digest):
        return folder
    shutil.rmtree(folder, ignore_errors=True)  # a damaged network
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".") as unfinished:
            fetched = Path(history.client.download_artifacts(owner, f"{ARTIFACTS}/{digest}", unfinished))
            if not _is_network(fetched, digest):
                raise OSError("its files are damaged")
            publish_folder(fetched, folder)
    except (MlflowException, OSError) as error:
        log.warning("The quantized network of run %s, logged with run %s, cannot be used: %s", run_id, owner, error)
        return None
    return folder


def _is_network(folder: Path, digest: str) -> bool:
    network = load_network(folder)
    return network is not None and network.digest == digest


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
