"""An earlier run once more, from what it logged alone: `python -m ndsc.reproduce run=<run id>`.

Configuration and manifest are the run's own; nothing is drawn again. Everything from the features on is done anew, and
recorded like any run.
"""

import logging
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from omegaconf import MISSING, DictConfig

from ndsc.config import schema
from ndsc.config.command_line import hydra_command
from ndsc.config.schema import CacheRootConfig, TrackingStoreConfig, as_schema, check_tracking_kind
from ndsc.errors import UserError, shown_to_user
from ndsc.startup import start_tensorflow
from ndsc.terminal import side_by_side
from ndsc.train import train_and_evaluate

if TYPE_CHECKING:
    import pandas as pd

    from ndsc.comparison.run_diff import Row
    from ndsc.data.manifest import Manifest
    from ndsc.model.weights import Weights
    from ndsc.storage.photo_reader import PhotoReader
    from ndsc.tracking.history import History, RecordedRun
    from ndsc.tracking.rerun_config import RerunConfig
    from ndsc.training.finetuning import Study

log = logging.getLogger(__name__)

ANOTHER_NETWORK = (
    "The int8 network is the cache's, or one that is measured on photos of the manifest now: numbers may differ."
)

TABLE = "reproduce/comparison.csv"


@dataclass
class DataPlaceConfig:
    """Where the photos lie now."""

    root: str | None = None


@dataclass
class ReproduceConfig:
    """Everything that `python -m ndsc.reproduce` needs to know."""

    run: str | None = None
    data: DataPlaceConfig = MISSING
    tracking: TrackingStoreConfig = MISSING
    cache: CacheRootConfig = MISSING


def main(config: ReproduceConfig, folder: Path) -> str | None:
    """Repeat the run, record that, and print both side by side.

    Args:
        folder: Hydra's, for the files that callbacks write.

    Returns:
        The first difference, in words; None where all numbers are the same.

    Raises:
        UserError: something only the user can mend.
    """
    check(config)
    from ndsc.comparison.run_diff import first_difference
    from ndsc.data.relocate import check_contents, find_again, find_measured
    from ndsc.model.weights import locate_weights
    from ndsc.storage.locations import location_of
    from ndsc.storage.photo_reader import PhotoReader
    from ndsc.tracking.downloads import fetch_classifier
    from ndsc.tracking.history import History
    from ndsc.tracking.rerun_config import read_rerun_config

    history, cache = History(config.tracking), Path(config.cache.root)
    old = history.run(str(config.run))
    check_repeatable(old)
    places = {
        "tracking.kind": config.tracking.kind,
        "tracking.root": config.tracking.root,
        "cache.root": config.cache.root,
        **({} if config.data.root is None else {"data.root": config.data.root}),
    }
    recipe = read_rerun_config(history, old.id, places, folder)
    source, root = recipe.config.data.source, config.data.root
    place = None if root is None else location_of(os.path.expanduser(root))
    manifest = find_again(_manifest(history, old.id), source, place, cache)
    calibration = _calibration(history, old.id)
    weights = locate_weights(
        recipe.config.backbone,
        source == "sample",
        lambda run: fetch_classifier(run, config.tracking, cache),
        recipe.config.threads,
    )
    with PhotoReader(cache) as reader:
        check_contents(manifest, reader)
        locate = partial(find_measured, source=source, root=place, cache_root=cache, reader=reader)
        rows, name = _repeat(recipe, manifest, partial(_calibrate, calibration, locate), weights, reader, history, old)
    side_by_side(("", f"run {old.id[:8]}", name), [(row.what, row.old, row.new) for row in rows])
    difference = first_difference(rows)
    log.info("identical" if difference is None else f"the first difference: {difference}")
    return difference


def _repeat(
    recipe: "RerunConfig",
    manifest: "Manifest",
    calibrate: "Callable[[Study], None]",
    weights: "Weights",
    reader: "PhotoReader",
    history: "History",
    old: "RecordedRun",
) -> "tuple[list[Row], str]":
    """Do the run again from its manifest on; gives both runs row by row, and what the new one is called."""
    # It takes seconds: whatever needs TensorFlow is imported here, and nowhere above.
    start_tensorflow(recipe.config.threads)
    from ndsc.comparison.run_diff import as_table, diff_runs
    from ndsc.comparison.run_summary import summarize_current_run, summarize_recorded_run
    from ndsc.features.views import Policy
    from ndsc.model.backbone_cache import obtain_backbone
    from ndsc.model.engines import choose_engine
    from ndsc.run_reporter import Story
    from ndsc.tracking.run import start_run
    from ndsc.training.finetuning import Study

    config = recipe.config
    with start_run(config.tracking, f"reproduce {old.name}", {"ndsc.reproduces": old.id}) as run:
        story = Story(run, config, recipe.invocation, weights)
        backbone = obtain_backbone(config, weights)
        choice = story.chose(choose_engine(config.backbone.engine, config.backbone.precision, config.threads))
        study = Study(config, backbone, choice, Policy(config.augmentation), reader)
        calibrate(study)
        trained, metrics = train_and_evaluate(study, story.found_again(manifest), story)
        now = summarize_current_run(study, manifest, trained, metrics, recipe.added)
        rows = diff_runs(summarize_recorded_run(history, old), now)
        run.log_table(as_table(rows), TABLE)
    return rows, f"run {run.id[:8]}" if run.id else "now"


def check(config: ReproduceConfig) -> None:
    """Say what types cannot.

    Raises:
        UserError: no run is named, or no such kind of tracking.
    """
    if config.run is None:
        raise UserError(
            "run=<run id> must say which run to repeat. Received: run=null. The id of a run is in the last lines that "
            "it printed and at the top of its page (make ui)."
        )
    check_tracking_kind(config.tracking.kind)


def check_repeatable(run: "RecordedRun") -> None:
    """Refuse what has no numbers of its own to come to again.

    Raises:
        UserError: it is a sweep's own run, or did not finish.
    """
    if run.tags.get("ndsc.kind") == "sweep":
        best = run.tags.get("best.run")
        advice = f"The best of them is run={best}." if best else "None of them has finished."
        raise UserError(
            f"A single run was expected. Received: run={run.id}, which is a sweep and stands for many. {advice}"
        )
    if run.status != "FINISHED":
        raise UserError(
            f"A run that finished was expected, for there is something to compare with. Received: run={run.id}, which "
            f"is {run.status}. Its tag `command` starts it anew."
        )


def _manifest(history: "History", run_id: str) -> "Manifest":
    from ndsc.data.manifest import load_manifest

    with history.file(run_id, "data/manifest.parquet") as found:
        if found is None:
            raise UserError(
                f"A run that kept its manifest (the artefact data/manifest.parquet) was expected. Received: "
                f"run={run_id}, which has none: the store failed while it ran. Name another run."
            )
        return load_manifest(found)


def _calibration(history: "History", run_id: str) -> "pd.DataFrame | None":
    """The photos that the run's int8 networks were measured on, and the freeze `line` of each; None: it had no such
    networks, or did not say."""
    import pandas as pd

    with history.file(run_id, "data/calibration.parquet") as found:
        return None if found is None else pd.read_parquet(found)


def _calibrate(
    calibration: "pd.DataFrame | None", locate: "Callable[[pd.DataFrame], pd.DataFrame]", study: "Study"
) -> None:
    """Settle the int8 networks as the run did. They may have been measured on another run's photos, which need not be
    there any more: that is told, and shows as a difference."""
    if calibration is None:
        if study.choice.precision == "int8":
            log.warning("The run does not say what its int8 network was measured on. %s", ANOTHER_NETWORK)
        return
    for line, photos in calibration.groupby("line"):
        try:
            study.frozen_part(str(line)).calibrate(photos, locate)
        except UserError as error:
            log.warning("%s %s", error, ANOTHER_NETWORK)


@hydra_command("reproduce")
def command(composed: DictConfig) -> None:
    """Hydra's way in."""
    with shown_to_user():
        difference = main(as_schema(composed, ReproduceConfig), Path(HydraConfig.get().runtime.output_dir))
    if difference is not None:
        sys.exit(1)


def register() -> None:
    """Make the schemas known to Hydra under the names that `conf/reproduce.yaml` and `conf/train.yaml` begin with."""
    schema.register()
    ConfigStore.instance().store(name="reproduce_schema", node=ReproduceConfig)


if __name__ == "__main__":
    register()
    command()
