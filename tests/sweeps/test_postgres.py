"""A sweep on several workers, recorded by a tracking server with a PostgreSQL database."""

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
from tests.sweeps.conftest import SweepWorkspace

WORKERS = 4
# Debian installs the programs of the server here, in one folder for each version, which is not in PATH.
DEBIAN = Path("/usr/lib/postgresql")


def programs() -> Path:
    """Return the folder of `initdb` and `pg_ctl`; skip the test if there is none."""
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else sorted(DEBIAN.glob("*/bin"))
    if not folders or not (folders[-1] / "initdb").exists():
        pytest.skip("PostgreSQL's server is not installed (Debian: apt-get install postgresql)")
    return folders[-1]


def unprivileged() -> dict[str, int]:
    """Return the account that runs PostgreSQL, which refuses to be run by root."""
    if os.geteuid() != 0:
        return {}
    account = pwd.getpwnam("postgres")
    return {"user": account.pw_uid, "group": account.pw_gid}


@pytest.fixture
def database() -> Iterator[str]:
    """The address of a private PostgreSQL server, without its dialect; the server ends with the test."""
    pytest.importorskip("psycopg", reason="psycopg is not installed (make .venv/postgres)")
    tools, account = programs(), unprivileged()
    # Not below pytest's folder, which other accounts may not read.
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
            yield f"ndsc@127.0.0.1:{port}/postgres"
        finally:
            run(f"{tools}/pg_ctl", "stop", "--wait", "--pgdata", cluster, "--mode", "immediate")


@contextmanager
def tracking_server(database: str, folder: Path) -> Iterator[str]:
    """Yield the address of an `mlflow server` that uses the database."""
    address = f"http://127.0.0.1:{(port := free_port())}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "2"]
    stores = ["--backend-store-uri", database, "--artifacts-destination", str(folder / "served")]
    with serving([*command, *stores], address, folder / "server.log", QUIET):
        yield address


@pytest.mark.soak
@pytest.mark.postgres
@pytest.mark.parametrize("dialect", ["postgresql", "postgresql+psycopg"])
def test_four_workers_record_their_runs_on_a_server_with_postgresql(
    dialect: str, database: str, workspace: SweepWorkspace, monkeypatch: pytest.MonkeyPatch
):
    with tracking_server(f"{dialect}://{database}", workspace.folder) as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        workers = ("hydra/launcher=joblib", f"hydra.launcher.n_jobs={WORKERS}")
        workspace.sweep("tracking=server", *workers, "seed=0,1,2,3")
        client = mlflow.MlflowClient(address)
        (experiment,) = (one for one in client.search_experiments() if one.name == "ndsc")
        runs = client.search_runs([experiment.experiment_id])
        children = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
        (parent,) = (run for run in runs if run not in children)
        assert [run.info.status for run in runs] == ["FINISHED"] * (WORKERS + 1)
        assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
        assert len({run.data.tags["process.id"] for run in children}) == WORKERS
        assert {entry.path for entry in client.list_artifacts(parent.info.run_id, "sweep")} >= {"sweep/runs.csv"}

        output = workspace.sweep("tracking=server", *workers, "seed=0,1,2,3")
        assert "4 are done, 0 to do" in output
        assert len(client.search_runs([experiment.experiment_id])) == WORKERS + 1
    assert not (workspace.folder / "mlruns").exists()
