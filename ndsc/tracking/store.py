"""The tracking store: a local SQLite database, created once, or a tracking server."""

import importlib
import logging
import os
import re
import shlex
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Experiment
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.store.db import utils as db_utils
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow.utils.file_utils import local_file_uri_to_path
from sqlalchemy.exc import SQLAlchemyError

from ndsc.caching.atomic import atomic_write
from ndsc.caching.locks import exclusive_lock
from ndsc.config.schema import TrackingConfig
from ndsc.errors import UserError
from ndsc.startup import environment, ignore_variables
from ndsc.tracking.addresses import ARTIFACTS, artifact_uri, sqlite_uri

DATABASE = "mlflow.db"
IGNORE_RULES = Path(__file__).with_name("mlruns.gitignore")
# Without this tag, MLflow's page guesses the kind of an experiment.
EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}
RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
TIMEOUT = "MLFLOW_HTTP_REQUEST_TIMEOUT"

# What helps, by what the error says.
ADVICE = {
    "database schema|Can't locate revision": "Make a backup of the database, then upgrade it: mlflow db upgrade {uri} "
    "(or, if a newer MLflow wrote it: python -m pip install --upgrade mlflow).",
    "locked": "Another process writes to it: wait until that has ended, or stop it, and start again.",
    "not a database|malformed": "Restore the database from a backup, or name another folder: tracking.root=…",
    "readonly|unable to open": "Name a folder that you may write to: tracking.root=…, or record nothing: tracking=off.",
    "No module named|cannot import name": "Install what this store needs: python -m pip install {package}",
    "": "Correct the address or start the server; tracking=local records into a folder, tracking=off nowhere.",
}
# Packages of databases and artifact stores, where the name of the module is another one.
PACKAGES = {"psycopg2": "psycopg2-binary", "MySQLdb": "mysqlclient", "google": "google-cloud-storage"}
PACKAGES |= {"azure": "azure-storage-blob azure-identity"}

logger = logging.getLogger(__name__)
# It logs, with a traceback, what it also raises; and retries for two minutes.
logging.getLogger(db_utils.__name__).setLevel(logging.CRITICAL)
db_utils.MAX_RETRY_COUNT = 5


class StoreSettings(Protocol):
    """Settings that name a store: `kind` is local, server or off; `root` is the folder of a local one."""

    kind: str
    root: str


def store_uri(tracking: StoreSettings) -> str:
    """Return MLflow's address of the store that takes new runs; absolute.

    Raises:
        UserError: `tracking=server`, and MLFLOW_TRACKING_URI names no server.
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


def earlier_runs_uri(tracking: StoreSettings) -> str:
    """Return MLflow's address of the store that holds earlier runs.

    With `tracking=off`, which names no store, it is MLFLOW_TRACKING_URI if that is set, and otherwise the local store.

    Raises:
        UserError: there is no local store, or no server is named.
    """
    if tracking.kind == "server":
        return store_uri(tracking)
    if tracking.kind == "off" and (named := os.environ.get("MLFLOW_TRACKING_URI")):
        return named
    database = local_root(tracking) / DATABASE
    if not _has_database(database.parent):
        raise UserError(
            f"The store of earlier runs was expected in tracking.root. Received: {database.parent}, which has none. "
            "Name the folder (tracking.root=…), or the server: tracking=server, with its address in the environment "
            "variable MLFLOW_TRACKING_URI."
        )
    return sqlite_uri(database)


def local_root(tracking: StoreSettings) -> Path:
    """Return the folder of the local store; absolute, so that a job that changes its working directory finds it."""
    return Path(tracking.root).expanduser().absolute()


@contextmanager
def open_store(tracking: TrackingConfig) -> Iterator[str]:
    """Create what is missing, and make the store MLflow's current one within the block. Yields the experiment's id.

    Raises:
        UserError: the folder cannot be written, the server does not answer, or the experiment was deleted.
    """
    uri = store_uri(tracking)
    create_store(tracking)
    with _current_store(uri):
        experiment_id = _experiment_id(open_client(uri), uri, tracking)
        # Four retries take about half a minute, long enough for a restart of the server. MLflow's own four minutes
        # would delay a training that does not need the server. After a longer outage the run continues without it.
        with environment(_without_user_settings({RETRIES: "4"})):
            yield experiment_id


def create_store(tracking: TrackingConfig) -> None:
    """Create the folder, its `.gitignore` and the database of a local store where they are missing.

    Several processes may call it at the same time. Does nothing for a server.

    Raises:
        UserError: the folder cannot be written.
    """
    if tracking.kind != "local":
        return
    root = local_root(tracking)
    try:
        create_folder(root)
        # Several processes in the migrations of one fresh SQLite file all fail, so one migrates and the others wait.
        with exclusive_lock(root / ".creating.lock"):
            if not _has_database(root):
                with store_errors(sqlite_uri(root / DATABASE)):
                    _create_database(root)
    except OSError as error:
        raise UserError(
            f"tracking.root expects a folder that can be written. Received: {root}: {error}. "
            "Name another folder (tracking.root=…), or record nothing (tracking=off)."
        ) from error


def create_folder(root: Path) -> None:
    """Create the folder of a store and copy the ignore rules into it. Existing rules are not overwritten."""
    root.mkdir(parents=True, exist_ok=True)
    rules = root / ".gitignore"
    if not rules.exists():
        with atomic_write(rules) as temporary:
            shutil.copyfile(IGNORE_RULES, temporary)


@contextmanager
def impatient(override: bool = False) -> Iterator[None]:
    """Repeat a failed request once, and wait ten seconds for an answer. For the first and the last request of a run.

    Settings of the user are not changed, unless `override` is true.
    """
    values = {RETRIES: "1", TIMEOUT: "10"}
    with environment(values if override else _without_user_settings(values)):
        yield


def open_client(uri: str) -> MlflowClient:
    """Return MLflow's client of a store. Raises `UserError` if the store cannot be opened."""
    if uri.startswith("sqlite"):
        ignore_variables(("MLFLOW_ENABLE_WORKSPACES", "MLFLOW_WORKSPACE"), "only servers have workspaces")
    with store_errors(uri):
        return MlflowClient(uri)


@contextmanager
def store_errors(uri: str) -> Iterator[None]:
    """Turn what a store raises that cannot be opened into a UserError, after seconds instead of minutes."""
    try:
        with impatient():
            yield
    except (MlflowException, SQLAlchemyError, ImportError) as error:
        lines = [line.rstrip(".") for line in str(error).splitlines() if not line.startswith("(raised as a result")]
        helps = next((advice for pattern, advice in ADVICE.items() if re.search(pattern, str(error))), ADVICE[""])
        package = PACKAGES.get(missing := (getattr(error, "name", None) or "").partition(".")[0], missing)
        helps = helps.format(uri=shlex.quote(uri), package=package)
        raise UserError(
            f"An MLflow store that answers was expected. Received from {uri}: {lines[0]}. {helps}"
        ) from error


def _has_database(root: Path) -> bool:
    """Whether there is a database, and not the empty file that SQLite's tools leave."""
    database = root / DATABASE
    return database.exists() and (not database.is_file() or database.stat().st_size > 0)


def _without_user_settings(values: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if name not in os.environ}


def _create_database(root: Path) -> None:
    """Create the database under another name: a process killed in between leaves no half-migrated store."""
    with atomic_write(root / DATABASE) as temporary:
        # Through a client, MLflow would give its default experiment an artifact folder below the working directory.
        store = SqlAlchemyStore(sqlite_uri(temporary), artifact_uri(root / ARTIFACTS))
        store.engine.dispose()
    logger.info("created an MLflow store in %s", root)


@contextmanager
def _current_store(uri: str) -> Iterator[None]:
    """Make `uri` MLflow's current store within the block: Hydra runs many jobs in one process."""
    with environment({"MLFLOW_TRACKING_URI": uri}):
        mlflow.set_tracking_uri(uri)
        try:
            yield
        finally:
            # None means "never set" in MLflow's own code: the environment variable, restored next, counts again.
            mlflow.set_tracking_uri(None)  # pyright: ignore[reportArgumentType]


def _experiment_id(client: MlflowClient, uri: str, tracking: TrackingConfig) -> str:
    """Find the experiment by its name, or create it. It is the first request, and shows whether the store answers."""
    with store_errors(uri):
        experiment = _find_or_create_experiment(client, tracking)
        # S3's artifact store imports its package only with the first artifact; the others do so here.
        if experiment.artifact_location.startswith("s3:"):
            importlib.import_module("boto3")
        get_artifact_repository(experiment.artifact_location, uri)
    if experiment.lifecycle_stage != "active":
        raise UserError(
            f"tracking.experiment expects an experiment that exists or a new name. Received: {tracking.experiment!r}, "
            f"which was deleted. Restore it (MLFLOW_TRACKING_URI={shlex.quote(uri)} mlflow experiments restore -x "
            f"{experiment.experiment_id}), or choose another name."
        )
    if tracking.kind == "local":
        _warn_if_moved(experiment.artifact_location, local_root(tracking))
    return experiment.experiment_id


def _warn_if_moved(artifacts: str, root: Path) -> None:
    """Warn of a moved store, because MLflow stores absolute paths and says nothing."""
    recorded = Path(local_file_uri_to_path(artifacts))
    if "://" in str(recorded) or recorded.resolve().is_relative_to(root.resolve()):
        return
    if recorded.parent.exists():
        logger.warning("the files of this experiment go to %s, not into %s: was the store moved?", recorded, root)
    else:
        advice = shlex.join(["ln", "-s", str(root), str(recorded.parent)])
        logger.warning(
            "this store was %s. ndsc finds its artifacts here; MLflow's page needs: %s", recorded.parent, advice
        )


def _find_or_create_experiment(client: MlflowClient, tracking: TrackingConfig) -> Experiment:
    if client.get_experiment_by_name(tracking.experiment) is None:
        artifacts = artifact_uri(local_root(tracking) / ARTIFACTS) if tracking.kind == "local" else None
        try:
            client.create_experiment(tracking.experiment, artifact_location=artifacts, tags=EXPERIMENT_TAGS)
        except MlflowException as error:
            # Another process created it between the two calls.
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
    experiment = client.get_experiment_by_name(tracking.experiment)
    assert experiment is not None
    return experiment
