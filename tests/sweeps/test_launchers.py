"""The same sweeps on several workers: of this machine, of a Ray cluster, and as Slurm's launcher starts them."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sweeps.conftest import BARE, SweepPlace


def check(place: SweepPlace, jobs: int, workers: int) -> None:
    """All jobs are FINISHED below one run, and were the work of so many processes."""
    (parent,), children = place.runs()
    assert [run.info.status for run in (parent, *children)] == ["FINISHED"] * (jobs + 1)
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    assert len({run.data.tags["process.id"] for run in children}) == workers


def test_workers_start_together_on_a_store_that_is_not_there_yet_and_share_the_cores(place: SweepPlace):
    place.sweep("hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "seed=0,1", *BARE)
    check(place, jobs=2, workers=2)
    for child in place.runs()[1]:
        written = Path(place.client.download_artifacts(child.info.run_id, "config/config.yaml", str(place.folder)))
        assert "threads: 1" in written.read_text()


@pytest.mark.soak
def test_four_workers_on_a_fresh_store_finish_every_time(place: SweepPlace):
    for repetition in range(20):
        again = SweepPlace(place.folder / str(repetition), place.data)
        again.folder.mkdir()
        again.sweep("hydra/launcher=joblib", "hydra.launcher.n_jobs=4", "seed=0,1,2,3")
        check(again, jobs=4, workers=4)


@pytest.mark.soak
def test_slurm_s_launcher_runs_jobs_by_its_local_executor(place: SweepPlace):
    place.sweep("hydra/launcher=submitit_local", "seed=0,1")
    check(place, jobs=2, workers=2)


@pytest.mark.soak
def test_slurm_s_launcher_is_composed(place: SweepPlace):
    command = [*place.command("hydra/launcher=submitit_slurm", "hydra.launcher.partition=gpu"), "--cfg", "hydra"]
    del command[3]  # -m: a sweep cannot be shown, what it is composed of can
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
def test_a_ray_cluster_runs_jobs_on_both_of_its_nodes(place: SweepPlace, ray_cluster: str):
    place.sweep("hydra/launcher=ray", f"hydra.launcher.ray.init.address={ray_cluster}", "seed=0,1")
    check(place, jobs=2, workers=2)
