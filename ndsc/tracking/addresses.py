"""Addresses of a local store and its artifacts: escaped where MLflow needs it, and found again after a move."""

import re
from pathlib import Path
from urllib.parse import quote, unquote

from mlflow.store.artifact.artifact_repository_registry import get_registered_artifact_repositories
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

ARTIFACTS = "artifacts"
# MLflow reads a path as an address, and writes it into SQL.
PLAIN_PATH = re.compile(r"[\w /.,+=@~-]*")
# The artifacts of a run or of a logged model below the folder of a store; `0` is MLflow's default experiment.
RECORDED = re.compile(rf"(.*)/{ARTIFACTS}/((?:0/)?(?:[0-9a-f]{{32}}|models/m-[0-9a-f]{{32}})/{ARTIFACTS}(?:/.*)?)")


def sqlite_uri(database: Path) -> str:
    """Return MLflow's address of a database, given its absolute path."""
    escaped = re.sub("[%?#]", lambda found: quote(found[0]), str(database))
    # With `sqlite:///`, MLflow would make a folder of the escaped name.
    return f"sqlite:///{database}" if escaped == str(database) else f"sqlite+pysqlite:///{escaped}"


def database_folder(uri: str) -> Path:
    """Return the folder of the database that `sqlite_uri` gave this address."""
    return Path(unquote(uri.partition(":///")[2])).parent


def artifact_uri(folder: Path) -> str:
    """Return MLflow's address of a folder: its path wherever MLflow understands it."""
    return str(folder) if PLAIN_PATH.fullmatch(str(folder)) else folder.as_uri()


class StoreArtifacts(LocalArtifactRepository):
    """Artifacts of a local store. They are found relative to its database, because MLflow stores absolute paths.

    The recorded folder is used if the store has none of this name, unless the whole former store is gone.
    """

    def __init__(self, artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None) -> None:
        super().__init__(artifact_uri, tracking_uri, registry_uri)
        recorded = RECORDED.fullmatch(self._artifact_dir)
        if recorded and (tracking_uri or "").startswith("sqlite"):
            here = database_folder(str(tracking_uri)) / ARTIFACTS / recorded[2]
            if here.exists() or not Path(recorded[1]).exists():
                self._artifact_dir = str(here)


get_registered_artifact_repositories().update({"": StoreArtifacts, "file": StoreArtifacts})
