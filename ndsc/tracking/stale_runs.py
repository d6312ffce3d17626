"""Runs whose process died without a word (kill -9, a power cut): found at the next start on the same host."""

import logging
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from mlflow import MlflowClient

HOST, PROCESS, STARTED = "process.host", "process.id", "process.started"

# A process' start is known to a hundredth of a second, but relative to a boot time that moves when the clock is set.
CLOCK_SECONDS = 2.0

logger = logging.getLogger(__name__)


def process_tags() -> dict[str, str]:
    """Tags that say which process a run is the work of."""
    return {HOST: host(), PROCESS: str(os.getpid()), STARTED: f"{psutil.Process().create_time():.2f}"}


def host() -> str:
    """This machine's name; in a container also its own space of process numbers, where other processes have others."""
    numbers = Path("/proc/self/ns/pid")
    return f"{platform.node()} {os.readlink(numbers)}" if numbers.is_symlink() else platform.node()


def end_dead_runs(client: "MlflowClient", experiment_id: str) -> None:
    """Mark the runs of an experiment KILLED that are RUNNING, but whose process on this host is gone."""
    query = f"attributes.status = 'RUNNING' AND tags.`{HOST}` = '{host()}'"
    for run in client.search_runs([experiment_id], query):
        if not _alive(run.data.tags):
            logger.warning("run %s (%s) died with its process; it is KILLED now", run.info.run_id, run.info.run_name)
            client.set_terminated(run.info.run_id, "KILLED")


def _alive(tags: Mapping[str, str]) -> bool:
    try:
        started = psutil.Process(int(tags[PROCESS])).create_time()
    except psutil.NoSuchProcess:
        return False
    return abs(started - float(tags[STARTED])) < CLOCK_SECONDS
