"""Repetition of an earlier run from what it logged: `python -m ndsc.reproduce run=<run id>`.

Configuration and manifest are the run's own; nothing is drawn again. Everything from the features on is done anew, and
logged like any run.
"""

import logging
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from omegaconf import MISSING, DictConfig

from ndsc.config import schema
from ndsc.config.command_line import hydra_command
from ndsc.config.constraints import check_values
from ndsc.config.schema import CacheRootConfig, TrackingStoreConfig, as_schema
from ndsc.errors import UserError, report_errors
from ndsc.startup import start_tensorflow
from ndsc.terminal import print_comparison, print_table

if TYPE_CHECKING:
    from ndsc.caching.openvino_cache import Network
    from ndsc.data.manifest import Manifest
    from ndsc.tracking.history import History, RecordedRun
    from ndsc.tracking.rerun_config import RerunConfig
    from ndsc.training.finetuning import Phase

log = logging.getLogger(__name__)

TABLE = "reproduce/comparison.csv"


@dataclass
class DataLocationConfig:
    """Where the photos lie now."""

    root: str | None = None


@dataclass
class ReproduceConfig:
    """The configuration of `python -m ndsc.reproduce`."""

    run: str | None = None
    data: DataLocationConfig = MISSING
    tracking: TrackingStoreConfig = MISSING
    cache: CacheRootConfig = MISSING


def main(config: ReproduceConfig, folder: Path) -> str | None:
    """Repeat the run, log the repetition, and print both side by side.

    Args:
        folder: Hydra's, for the files that callbacks write.

    Returns:
        The first difference, in words; None where all numbers are the same.

    Raises:
        UserError: something that only the user can fix.
    """
    check(config)
    from ndsc import preflight

    # MLflow takes seconds to import, and TensorFlow must know the run's threads when it starts.
    from ndsc.tracking.history import History
    from ndsc.tracking.rerun_config import read_rerun_config

    history, cache = History(config.tracking), Path(config.cache.root)
    recorded = history.run(str(config.run))
    check_repeatable(recorded)
    current = {
        "tracking.kind": config.tracking.kind,
        "tracking.root": config.tracking.root,
        "cache.root": config.cache.root,
        **({} if config.data.root is None else {"data.root": config.data.root}),
    }
    rerun = read_rerun_config(history, recorded.id, current, folder)
    preflight.check_machine(rerun.config)
    start_tensorflow(rerun.config.threads)
    return _repeat(rerun, history, recorded, config.data.root, cache)


def _repeat(
    rerun: "RerunConfig", history: "History", recorded: "RecordedRun", data_root: str | None, cache: Path
) -> str | None:
    """Repeat a run from its manifest on; log and print both side by side. Returns the first difference."""
    from ndsc import experiment
    from ndsc.comparison.run_diff import (
        as_table,
        diff_runs,
        first_difference,
        summarize_current_run,
        summarize_recorded_run,
    )
    from ndsc.data.relocate import check_contents, relocate_photos
    from ndsc.storage.locations import location_of
    from ndsc.storage.photo_reader import PhotoReader
    from ndsc.tracking.run import start_run

    config = rerun.config
    root = None if data_root is None else location_of(os.path.expanduser(data_root))
    manifest = _manifest(history, recorded.id)
    manifest = replace(manifest, rows=relocate_photos(manifest.rows, config.data.source, root, cache))
    weights = experiment.find_weights(config)
    with PhotoReader(cache) as reader:
        check_contents(manifest.rows, reader)
        phases, precision = experiment.plan_phases(config), config.backbone.precision
        networks = _quantized_networks(history, recorded.id, phases, precision, cache)
        with start_run(config.tracking, f"reproduce {recorded.name}", {"ndsc.reproduces": recorded.id}) as run:
            components = experiment.start(config, rerun.invocation, run, reader, weights, networks)
            result = experiment.train_and_evaluate(config, components, manifest, run)
            current = summarize_current_run(
                result.fingerprint, manifest.digest(), result.history, result.metrics, rerun.added
            )
            rows = diff_runs(summarize_recorded_run(history, recorded), current)
            run.log_table(as_table(rows), TABLE)
    print_table(result.summary)
    headings = "", f"run {recorded.id[:8]}", f"run {run.id[:8]}" if run.id else "now"
    print_comparison(headings, [(row.what, row.old, row.new) for row in rows])
    difference = first_difference(rows)
    log.info("identical" if difference is None else f"the first difference: {difference}")
    return difference


def check(config: ReproduceConfig) -> None:
    """Check what types cannot.

    Raises:
        UserError: no run is named, or there is no such kind of tracking.
    """
    if config.run is None:
        raise UserError(
            "run=<run id> must name the run to repeat. Received: run=null. The id of a run is in the last lines that "
            "it printed and at the top of its page (make ui)."
        )
    check_values(config)


def check_repeatable(run: "RecordedRun") -> None:
    """Check that a run has numbers of its own to repeat.

    Raises:
        UserError: it is a sweep's own run, or did not finish.
    """
    if run.tags.get("ndsc.kind") == "sweep":
        best = run.tags.get("best.run")
        advice = f"The best of them is run={best}." if best else "None of them has finished."
        raise UserError(f"A single run was expected. Received: run={run.id}, which is a sweep of many runs. {advice}")
    if run.status != "FINISHED":
        raise UserError(
            f"A finished run was expected, whose numbers can be compared. Received: run={run.id}, which is "
            f"{run.status}. Its tag `command` starts it anew."
        )


def _manifest(history: "History", run_id: str) -> "Manifest":
    from ndsc.data.manifest import load_manifest

    with history.file(run_id, "data/manifest.parquet") as found:
        if found is None:
            raise UserError(
                "A run that logged its manifest (the artifact data/manifest.parquet) was expected. Received: "
                f"run={run_id}, which has none: the store failed while it ran. Name another run."
            )
        return load_manifest(found)


def _quantized_networks(
    history: "History", run_id: str, phases: "Iterable[Phase]", precision: str, cache: Path
) -> "dict[str, Network]":
    """The int8 networks that the run used, by freeze line; empty at other precisions."""
    if precision != "int8":
        return {}
    from ndsc.caching.openvino_cache import load_network
    from ndsc.tracking.downloads import fetch_quantized_network

    networks = {}
    for freeze in {phase.freeze for phase in phases}:
        folder = fetch_quantized_network(history, run_id, freeze, cache)
        if folder is not None and (network := load_network(folder)) is not None:
            networks[freeze] = network
        else:
            log.warning(
                "The run logged no int8 network at the freeze line %s. The network of the cache or a new one is used, "
                "so numbers may differ.",
                freeze,
            )
    return networks


@hydra_command("reproduce")
def command(composed: DictConfig) -> None:
    """Run the job that Hydra composed."""
    with report_errors():
        difference = main(as_schema(composed, ReproduceConfig), Path(HydraConfig.get().runtime.output_dir))
    if difference is not None:
        sys.exit(1)


def register() -> None:
    """Register the schemas under the names that `conf/reproduce.yaml` and `conf/train.yaml` begin with."""
    schema.register()
    ConfigStore.instance().store(name="reproduce_schema", node=ReproduceConfig)


if __name__ == "__main__":
    register()
    command()
