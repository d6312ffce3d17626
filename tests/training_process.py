"""Trainings in processes that can be killed, forked from one with all imports: they start in a second, not in ten."""

import json
import logging
import os
from collections.abc import Sequence
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import mlflow  # noqa: F401  slow imports, done once in the process that the others are forked from
import tensorflow  # noqa: F401  the same

from ndsc.config.checks import typed
from ndsc.config.hydra_job import HydraJob
from ndsc.errors import report_errors
from ndsc.sample import render_sample  # noqa: F401  the same
from ndsc.train import main
from tests.conftest import composing

METRICS, LOG = "metrics.json", "log.txt"


def training(overrides: Sequence[str], folder: Path) -> ForkServerProcess:
    """Start a training, which writes its metrics to `folder/metrics.json` and its log to `folder/log.txt`."""
    folder.mkdir(parents=True)
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    process = context.Process(target=_train, args=(list(overrides), folder))
    process.start()
    return process


def _train(overrides: list[str], folder: Path) -> None:
    log = os.open(folder / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with composing(folder) as composed, report_errors():
        configured = composed(*overrides)
        metrics = main(typed(configured), HydraJob.of(configured)).metrics
    (folder / METRICS).write_text(json.dumps(dict(metrics)))
