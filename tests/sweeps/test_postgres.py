"""The same sweep on several workers, recorded by a tracking server that keeps its runs in PostgreSQL."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mlflow
import pytest

from tests.servers import QUIET, free_port, serving
from tests.sweeps.conftest import SweepPlace

WORKERS = 4
# Debian keeps the server's own programs here, one folder a version, and out of the PATH.
DEBIAN = Path("/usr/lib/postgresql")


def programs() -> Path:
    """The folder of `initdb` and `pg_ctl`."""
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else sorted(DEBIAN.glob("*/bin"))
    if not folders or not (folders[-1] / "initdb").exists():
        pytest.skip("PostgreSQL's server is not installed (Debian: apt-get install postgresql)")
    return folders[-1]


def unprivileged() -> dict[str, int]:
    """PostgreSQL refuses to be run by root: as whom it is run then."""
    if os.geteuid() != 0:
        return {}
    account = pwd.getpwnam("postgres")
    return {"user": account.pw_uid, "group": account.pw_gid}


@pytest.fixture
def database() -> Iterator[str]:
    """The address of a private PostgreSQL server, which ends with the test."""
    pytest.importorskip("psycopg2", reason="psycopg2 is not installed (make .venv/postgres)")
    tools, account = programs(), unprivileged()
    # Not below pytest's folder, which nobody else may look into.
    with tempfile.TemporaryDirectory(prefix="ndsc-postgres-") as folder:
        if account:
            os.chown(folder, account["user"], account["group"])
        cluster, port = f"{folder}/cluster", free_port()

        def run(*command: str) -> None:
            subprocess.run(command, check=True, capture_output=True, cwd=folder, **account)

        run(f"{tools}/initdb", "--pgdata", cluster, "--username", "ndsc", "--auth", "trust", "--encoding", "UTF8")
        settings = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
        run(f"{tools}/pg_ctl", "start", "--wait", "--pgdata", cluster, "--log", f"{folder}/log", "--options", settings)
        try:
            yield f"postgresql+psycopg2://ndsc@127.0.0.1:{port}/postgres"
        finally:
            run(f"{tools}/pg_ctl", "stop", "--wait", "--pgdata", cluster, "--mode", "immediate")


@contextmanager
def tracking_server(database: str, folder: Path) -> Iterator[str]:
    """The address of `mlflow server` before the database."""
    address = f"http://127.0.0.1:{(port := free_port())}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "2"]
    stores = ["--backend-store-uri", database, "--artifacts-destination", str(folder / "served")]
    with serving([*command, *stores], address, folder / "server.log", QUIET):
        yield address


@pytest.mark.soak
@pytest.mark.postgres
def test_four_workers_record_on_a_server_before_postgresql(
    database: str, place: SweepPlace, monkeypatch: pytest.MonkeyPatch
):
    with tracking_server(database, place.folder) as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        workers = ("hydra/launcher=joblib", f"hydra.launcher.n_jobs={WORKERS}")
        place.sweep("tracking=server", *workers, "seed=0,1,2,3")
        client = mlflow.MlflowClient(address)
        (experiment,) = (one for one in client.search_experiments() if one.name == "ndsc")
        runs = client.search_runs([experiment.experiment_id])
        children = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
        (parent,) = (run for run in runs if run not in children)
        assert [run.info.status for run in runs] == ["FINISHED"] * (WORKERS + 1)
        assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
        assert len({run.data.tags["process.id"] for run in children}) == WORKERS
        assert {entry.path for entry in client.list_artifacts(parent.info.run_id, "sweep")} >= {"sweep/runs.csv"}

        said = place.sweep("tracking=server", *workers, "seed=0,1,2,3")
        assert "4 are done, 0 to do" in said
        assert len(client.search_runs([experiment.experiment_id])) == WORKERS + 1
    assert not (place.folder / "mlruns").exists()
