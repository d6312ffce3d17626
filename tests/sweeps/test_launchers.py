"""Sweeps on several workers: of this machine, of a Ray cluster, and started by the launcher for Slurm."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sweeps.conftest import BARE, SweepWorkspace


def check(workspace: SweepWorkspace, jobs: int, workers: int) -> None:
    """Check that all jobs are FINISHED below one run, and ran in this number of processes."""
    (parent,), children = workspace.runs()
    assert [run.info.status for run in (parent, *children)] == ["FINISHED"] * (jobs + 1)
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    assert len({run.data.tags["process.id"] for run in children}) == workers


def test_workers_create_the_store_together_and_share_the_cores(workspace: SweepWorkspace):
    workspace.sweep("hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "seed=0,1", *BARE)
    check(workspace, jobs=2, workers=2)
    for child in workspace.runs()[1]:
        written = Path(
            workspace.client.download_artifacts(child.info.run_id, "config/config.yaml", str(workspace.folder))
        )
        assert "threads: 1" in written.read_text()


@pytest.mark.soak
def test_four_workers_on_a_fresh_store_finish_every_time(workspace: SweepWorkspace):
    for repetition in range(20):
        again = SweepWorkspace(workspace.folder / str(repetition), workspace.data)
        again.folder.mkdir()
        again.sweep("hydra/launcher=joblib", "hydra.launcher.n_jobs=4", "seed=0,1,2,3")
        check(again, jobs=4, workers=4)


@pytest.mark.soak
def test_the_launcher_for_slurm_runs_jobs_by_its_local_executor(workspace: SweepWorkspace):
    workspace.sweep("hydra/launcher=submitit_local", "seed=0,1")
    check(workspace, jobs=2, workers=2)


@pytest.mark.soak
def test_the_configuration_of_the_launcher_for_slurm_is_composed(workspace: SweepWorkspace):
    command = [*workspace.command("hydra/launcher=submitit_slurm", "hydra.launcher.partition=gpu"), "--cfg", "hydra"]
    del command[3]  # -m: --cfg shows the configuration of a single run only
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "SlurmLauncher" in shown
    assert "partition: gpu" in shown


@pytest.fixture
def ray_cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a cluster of two nodes, of one worker each, on this machine."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        cluster.add_node(num_cpus=1)
        yield cluster.address
    finally:
        cluster.shutdown()


@pytest.mark.soak
def test_a_ray_cluster_runs_jobs_on_both_of_its_nodes(workspace: SweepWorkspace, ray_cluster: str):
    workspace.sweep("hydra/launcher=ray", f"hydra.launcher.ray.init.address={ray_cluster}", "seed=0,1")
    check(workspace, jobs=2, workers=2)
