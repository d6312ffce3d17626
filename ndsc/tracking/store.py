"""Where runs go: a local SQLite store, created once, or a tracking server named by the environment."""

import fcntl
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ndsc.config.schema import TrackingConfig
from ndsc.errors import UserError
from ndsc.process import environment
from ndsc.tracking.mlflow_settings import impatient, patient, quiet_mlflow

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment

IGNORE_RULES = Path(__file__).resolve().parents[2] / "mlruns.gitignore"
DATABASE = "mlflow.db"
ARTIFACTS = "artifacts"
# MLflow's page otherwise guesses of what kind an experiment is; on which side it opens is the browser's (`make ui`).
KIND_OF_EXPERIMENT = {"mlflow.experimentKind": "custom_model_development"}

logger = logging.getLogger(__name__)


class StoreSettings(Protocol):
    """What says where a store is: `kind` is local, server or off; `root` the folder of a local one."""

    kind: str
    root: str


@dataclass(frozen=True)
class Store:
    """An open tracking store: MLflow's address of it, and the experiment that takes the runs."""

    uri: str
    experiment_id: str
    client: "MlflowClient"


@contextmanager
def open_store(tracking: TrackingConfig) -> Iterator[Store]:
    """Create what is missing and make the store MLflow's current one; what was current before is put back at the end.

    Raises `UserError` where the folder cannot be written, the server does not answer or the experiment was deleted.
    """
    uri = store_uri(tracking)
    create_store(tracking)
    with _current(uri):
        client = _client(uri)
        store = Store(uri, _experiment_id(client, uri, tracking), client)
        with patient():
            yield store


def store_uri(tracking: StoreSettings) -> str:
    """MLflow's address of the store, absolute. Imports nothing slow, so a config can be checked with it.

    Raises `UserError` where a server is wanted and MLFLOW_TRACKING_URI does not name one.
    """
    if tracking.kind == "local":
        return sqlite_uri(local_root(tracking) / DATABASE)
    uri = os.environ.get("MLFLOW_TRACKING_URI")
    if not uri:
        raise UserError(
            "tracking=server expects the address of an MLflow server in the environment variable MLFLOW_TRACKING_URI. "
            "Received: nothing. Set it (export MLFLOW_TRACKING_URI=http://…), or use tracking=local or tracking=off."
        )
    return uri


def create_store(tracking: TrackingConfig) -> None:
    """Create the folder, its `.gitignore` and the database of a local store where they are missing.

    Safe when several processes arrive together; a launcher of many jobs calls it once, so that no job has to wait.
    Does nothing for a server. Raises `UserError` where the folder cannot be written.
    """
    if tracking.kind != "local":
        return
    root = local_root(tracking)
    try:
        create_folder(root)
        # Several processes in the migrations of one fresh SQLite file all die, so one migrates and the others wait.
        with _locked(root / ".creating.lock"):
            if not (root / DATABASE).exists():
                _create_database(root)
    except OSError as error:
        raise UserError(
            f"tracking.root expects a folder that can be written. Received: {root}: {error}. "
            "Name another folder (tracking.root=…), or record nothing (tracking=off)."
        ) from error


def create_folder(root: Path) -> None:
    """Make the folder of a store and put the ignore rules into it; rules that are already there stay as they are."""
    root.mkdir(parents=True, exist_ok=True)
    rules = root / ".gitignore"
    if not rules.exists():
        temporary = root / f".gitignore.{os.getpid()}"
        shutil.copyfile(IGNORE_RULES, temporary)
        os.replace(temporary, rules)


def local_root(tracking: StoreSettings) -> Path:
    """The folder of the local store, absolute: a job that changes its working directory still finds it."""
    return Path(tracking.root).absolute()


def sqlite_uri(database: Path) -> str:
    """MLflow's address of a database, given its absolute path."""
    return f"sqlite:///{database}"


def _create_database(root: Path) -> None:
    """Build the database under another name: a process killed in the middle leaves no half-migrated store behind."""
    quiet_mlflow()
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    unfinished = root / f"{DATABASE}.creating"
    unfinished.unlink(missing_ok=True)
    # Through a client, MLflow would give its default experiment an artefact folder below the working directory.
    store = SqlAlchemyStore(sqlite_uri(unfinished), str(root / ARTIFACTS))
    store.engine.dispose()
    os.replace(unfinished, root / DATABASE)
    logger.info("created an MLflow store in %s", root)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _current(uri: str) -> Iterator[None]:
    """Make `uri` MLflow's current store, and leave the process as it was: Hydra runs many jobs in one."""
    quiet_mlflow()
    import mlflow

    with environment({"MLFLOW_TRACKING_URI": uri}):
        mlflow.set_tracking_uri(uri)
        try:
            yield
        finally:
            # None is "never set", as MLflow's own code has it: the environment, which is put back next, counts again.
            mlflow.set_tracking_uri(None)  # pyright: ignore[reportArgumentType]


def _client(uri: str) -> "MlflowClient":
    from mlflow import MlflowClient

    return MlflowClient(uri)


def _experiment_id(client: "MlflowClient", uri: str, tracking: TrackingConfig) -> str:
    """Find the experiment by its name, or create it. The first request of all: it shows whether the store answers."""
    from mlflow.exceptions import MlflowException

    try:
        with impatient():
            experiment = _find_or_create(client, tracking)
    except MlflowException as error:
        raise UserError(
            f"tracking={tracking.kind} expects an MLflow store that answers. Received from {uri}: {error} "
            "Correct the address or start the server; tracking=local records into a folder, tracking=off nowhere."
        ) from error
    if experiment.lifecycle_stage != "active":
        raise UserError(
            f"tracking.experiment expects an experiment that exists or a new name. Received: {tracking.experiment!r}, "
            f"which was deleted. Restore it (MLFLOW_TRACKING_URI={uri} mlflow experiments restore -x "
            f"{experiment.experiment_id}), or choose another name."
        )
    if tracking.kind == "local":
        _tell_where_files_go(experiment.artifact_location, local_root(tracking))
    return experiment.experiment_id


def _tell_where_files_go(artifacts: str, root: Path) -> None:
    """MLflow keeps whole paths: once a store was moved, files would go where it was without a word."""
    path = artifacts.removeprefix("file://")
    if "://" not in path and not Path(path).resolve().is_relative_to(root.resolve()):
        logger.warning("the files of this experiment go to %s, not into %s: was the store moved?", path, root)


def _find_or_create(client: "MlflowClient", tracking: TrackingConfig) -> "Experiment":
    from mlflow.exceptions import MlflowException

    artifacts = str(local_root(tracking) / ARTIFACTS) if tracking.kind == "local" else None
    if client.get_experiment_by_name(tracking.experiment) is None:
        try:
            client.create_experiment(tracking.experiment, artifact_location=artifacts, tags=KIND_OF_EXPERIMENT)
        except MlflowException as error:
            # Another process was faster between the two calls.
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
    experiment = client.get_experiment_by_name(tracking.experiment)
    assert experiment is not None
    return experiment
