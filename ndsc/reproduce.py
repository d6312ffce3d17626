"""Repetition of an earlier run from what it logged: `python -m ndsc.reproduce run=<run id>`.

The configuration and the manifest are those of the recorded run; nothing is drawn again. Everything from the features
on is computed again, and logged like any run.
"""

import logging
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig
from omegaconf import MISSING, DictConfig

from ndsc.config.checks import typed
from ndsc.config.command_line import hydra_command
from ndsc.config.schema import CacheRootConfig, TrackingStoreConfig
from ndsc.errors import UserError, report_errors
from ndsc.startup import start_tensorflow
from ndsc.terminal import print_comparison, print_table

if TYPE_CHECKING:
    import pandas as pd

    from ndsc.caching.openvino_cache import Network
    from ndsc.data.manifest import Manifest
    from ndsc.features.feature_extractor import QuantizedNetworks
    from ndsc.tracking.history import History, RecordedRun
    from ndsc.tracking.rerun_config import RerunConfig

log = logging.getLogger(__name__)

TABLE = "reproduce/comparison.csv"


@dataclass
class DataLocationConfig:
    """The current location of the photos."""

    root: str | None = None


@dataclass
class ReproduceConfig:
    """The configuration of `python -m ndsc.reproduce`."""

    run: str | None = None
    data: DataLocationConfig = MISSING
    tracking: TrackingStoreConfig = MISSING
    cache: CacheRootConfig = MISSING


def main(config: ReproduceConfig, folder: Path) -> str | None:
    """Repeat the run, log the repetition, and print both runs side by side.

    Args:
        folder: for the files that callbacks write.

    Returns:
        The first difference in words, or None if all numbers are equal.

    Raises:
        UserError: something that only the user can fix.
    """
    check(config)
    from ndsc import preflight

    # MLflow takes seconds to import, and TensorFlow must know the run's threads when it starts.
    from ndsc.tracking.history import History
    from ndsc.tracking.rerun_config import read_rerun_config

    history = History(config.tracking)
    recorded = history.run(str(config.run))
    check_repeatable(recorded)
    tracking = config.tracking
    current = {"tracking.kind": tracking.kind, "tracking.root": tracking.root, "cache.root": config.cache.root}
    if config.data.root is not None:
        current["data.root"] = config.data.root
    rerun = read_rerun_config(history, recorded.id, current, folder)
    preflight.check_machine(rerun.config)
    start_tensorflow(rerun.config.threads)
    return _repeat(rerun, history, recorded, config.data.root)


def _repeat(rerun: "RerunConfig", history: "History", recorded: "RecordedRun", data_root: str | None) -> str | None:
    """Repeat a run from its manifest; log and print both runs side by side. Return the first difference."""
    from ndsc import experiment
    from ndsc.comparison import run_diff
    from ndsc.data.relocate import check_contents, relocate_photos
    from ndsc.storage.locations import location_of
    from ndsc.storage.photo_reader import PhotoReader
    from ndsc.tracking.run import start_run

    config = rerun.config
    cache = Path(config.cache.root)
    root = None if data_root is None else location_of(os.path.expanduser(data_root))
    manifest = _load_manifest(history, recorded.id)
    with PhotoReader(cache) as reader:

        def relocate(photos: "pd.DataFrame") -> "pd.DataFrame":
            relocated = relocate_photos(photos, config.data.source, root, cache)
            check_contents(relocated, reader)
            return relocated

        manifest = replace(manifest, rows=relocate(manifest.rows))
        weights = experiment.find_weights(config)
        freeze_lines = {phase.freeze for phase in experiment.plan_phases(config)}
        is_int8 = config.backbone.precision == "int8"
        networks = _find_quantized_networks(history, recorded.id, freeze_lines, cache, relocate) if is_int8 else {}
        with start_run(config.tracking, f"reproduce {recorded.name}", {"ndsc.reproduces": recorded.id}) as run:
            components = experiment.start(config, rerun.invocation, run, reader, weights, networks)
            result = experiment.train_and_evaluate(config, components, manifest, run)
            current = run_diff.summarize_current_run(
                result.fingerprint, manifest.digest(), result.history, result.metrics, rerun.added
            )
            rows = run_diff.diff_runs(run_diff.summarize_recorded_run(history, recorded), current)
            run.log_table(run_diff.as_table(rows), TABLE)
    print_table(result.summary)
    headings = "", f"run {recorded.id[:8]}", f"run {run.id[:8]}" if run.id else "now"
    print_comparison(headings, [(row.what, row.old, row.new) for row in rows])
    difference = run_diff.first_difference(rows)
    log.info("identical" if difference is None else f"the first difference: {difference}")
    return difference


def check(config: ReproduceConfig) -> None:
    """Check that the configuration names a run.

    Raises:
        UserError: it does not.
    """
    if config.run is None:
        raise UserError(
            "run=<run id> must name the run to repeat. Received: run=null. A run prints its id in its last lines, and "
            "shows it at the top of its page (make ui)."
        )


def check_repeatable(run: "RecordedRun") -> None:
    """Check that a run is a single, finished run.

    Raises:
        UserError: it is the run of a whole sweep, or did not finish.
    """
    if run.tags.get("ndsc.kind") == "sweep":
        best = run.tags.get("best.run")
        advice = f"The best of them is run={best}." if best else "None of them has finished."
        raise UserError(f"A single run was expected. Received: run={run.id}, which is a sweep of many runs. {advice}")
    if run.status != "FINISHED":
        raise UserError(
            f"A finished run was expected, whose numbers can be compared. Received: run={run.id}, which is "
            f"{run.status}. The command in its tag `command` starts it again."
        )


def _load_manifest(history: "History", run_id: str) -> "Manifest":
    from ndsc.data.manifest import load_manifest

    with history.file(run_id, "data/manifest.parquet") as found:
        if found is None:
            raise UserError(
                "A run that logged its manifest (the artifact data/manifest.parquet) was expected. Received: "
                f"run={run_id}, which has none: the store failed during the run, or was moved without its folder "
                "artifacts. Name another run, or move that folder too."
            )
        return load_manifest(found)


def _find_quantized_networks(
    history: "History",
    run_id: str,
    freeze_lines: set[str],
    cache: Path,
    relocate: "Callable[[pd.DataFrame], pd.DataFrame]",
) -> "QuantizedNetworks":
    """Return the int8 networks that the run used, by freeze line; of a run of version 0.1, which logged no networks,
    the photos that calibrated them.

    Args:
        relocate: returns a table of photos with their current paths.
    """
    from ndsc.caching.openvino_cache import load_network
    from ndsc.tracking.downloads import fetch_quantized_network

    networks: dict[str, Network | pd.DataFrame] = {}
    for freeze in freeze_lines:
        folder = fetch_quantized_network(history, run_id, freeze, cache)
        if folder is not None and (network := load_network(folder)) is not None:
            networks[freeze] = network
            continue
        try:
            networks[freeze] = relocate(_load_calibration(history, run_id, freeze))
        except UserError as error:
            log.warning("%s The network of the cache or a new one is used, so numbers may differ.", error)
    return networks


def _load_calibration(history: "History", run_id: str, freeze: str) -> "pd.DataFrame":
    import pandas as pd

    with history.file(run_id, "data/calibration.parquet") as found:
        photos = None if found is None else pd.read_parquet(found).query("line == @freeze")
    if photos is None or photos.empty:
        raise UserError(f"The run logged no int8 network at the freeze line {freeze}.")
    return photos


@hydra_command("reproduce", ReproduceConfig)
def command(composed: DictConfig) -> None:
    """Run the job that Hydra composed."""
    with report_errors():
        difference = main(typed(composed, ReproduceConfig), Path(HydraConfig.get().runtime.output_dir))
    if difference is not None:
        sys.exit(1)


if __name__ == "__main__":
    command()
