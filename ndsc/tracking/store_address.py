"""The address of the tracking store. Imports nothing slow, so that a configuration can be checked with it."""

import os
import shutil
from pathlib import Path
from typing import Protocol

from ndsc.caching.atomic import atomic_write
from ndsc.errors import UserError

DATABASE = "mlflow.db"
IGNORE_RULES = Path(__file__).resolve().parents[2] / "mlruns.gitignore"


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
    if not database.is_file():
        raise UserError(
            f"The store of earlier runs was expected in tracking.root. Received: {database.parent}, which has none. "
            "Name the folder (tracking.root=…), or the server: tracking=server, with its address in the environment "
            "variable MLFLOW_TRACKING_URI."
        )
    return sqlite_uri(database)


def local_root(tracking: StoreSettings) -> Path:
    """Return the folder of the local store; absolute, so that a job that changes its working directory finds it."""
    return Path(tracking.root).absolute()


def sqlite_uri(database: Path) -> str:
    """Return MLflow's address of a database, given its absolute path."""
    return f"sqlite:///{database}"


def create_folder(root: Path) -> None:
    """Create the folder of a store and copy the ignore rules into it. Rules that are already there stay as they are."""
    root.mkdir(parents=True, exist_ok=True)
    rules = root / ".gitignore"
    if not rules.exists():
        with atomic_write(rules) as temporary:
            shutil.copyfile(IGNORE_RULES, temporary)
