"""Runs whose process no longer exists (kill -9, a power cut): found at the next start on the same host.

They are ours because MLflow leaves such runs RUNNING for ever.
"""

import logging
import os
import platform
from collections.abc import Mapping
from pathlib import Path

import psutil
from mlflow import MlflowClient

HOST, PROCESS, STARTED = "process.host", "process.id", "process.started"

# The start of a process has a resolution of 0.01 s, but counts from a boot time that moves when the clock is set.
CLOCK_SECONDS = 2.0

logger = logging.getLogger(__name__)


def process_tags() -> dict[str, str]:
    """Return the tags that identify the process of a run."""
    return {HOST: host(), PROCESS: str(os.getpid()), STARTED: f"{psutil.Process().create_time():.2f}"}


def host() -> str:
    """Return the name of this machine; in a container also its process namespace, which has numbers of its own."""
    numbers = Path("/proc/self/ns/pid")
    return f"{platform.node()} {os.readlink(numbers)}" if numbers.is_symlink() else platform.node()


def end_stale_runs(client: MlflowClient, experiment_id: str) -> None:
    """Mark those RUNNING runs of an experiment KILLED whose process on this host no longer exists."""
    query = f"attributes.status = 'RUNNING' AND tags.`{HOST}` = '{host()}'"
    for run in client.search_runs([experiment_id], query):
        if not _alive(run.data.tags):
            logger.warning("run %s (%s): process no longer exists; marked KILLED", run.info.run_id, run.info.run_name)
            client.set_terminated(run.info.run_id, "KILLED")


def _alive(tags: Mapping[str, str]) -> bool:
    try:
        started = psutil.Process(int(tags[PROCESS])).create_time()
    except psutil.NoSuchProcess:
        return False
    return abs(started - float(tags[STARTED])) < CLOCK_SECONDS
