"""What is wrong with the data, before anything is trained on it: `python -m ndsc.audit data=ndsc data.root=…`.

Takes the same settings as `ndsc.train`; `main` reads straight down, in the order in which the data goes.
"""

import logging
import shlex
import time
from dataclasses import dataclass
from pathlib import Path

from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from omegaconf import MISSING, DictConfig

from ndsc.config import schema
from ndsc.config.checks import check as check_training
from ndsc.config.command_line import hydra_command
from ndsc.config.schema import Config, as_schema
from ndsc.errors import UserError, shown_to_user
from ndsc.packages import installing, missing
from ndsc.startup import start_tensorflow
from ndsc.terminal import closing_table

log = logging.getLogger(__name__)

# By the name under which they are imported.
PACKAGES = {"cleanlab": "cleanlab", "cleanvision": "cleanvision", "cv2": "opencv-python-headless"}


@dataclass
class AuditSettings:
    """Where the report goes, and how the data is examined."""

    output: str | None = None
    folds: int = MISSING
    shown: int = MISSING


@dataclass
class AuditConfig(Config):
    """Everything that `python -m ndsc.audit` needs to know: what a training does, and its own settings."""

    audit: AuditSettings = MISSING


def main(config: AuditConfig, folder: Path, overrides: tuple[str, ...]) -> Path:
    """Examine all photos that a training with this configuration would draw, and write a page and tables.

    Args:
        folder: where they go unless `audit.output` says otherwise.
        overrides: as typed, for the command that trains without what was found.

    Returns:
        The page.

    Raises:
        UserError: something only the user can mend.
    """
    check(config)
    from ndsc.data.catalogue import check_data, load_catalogue
    from ndsc.model.weights import locate_weights
    from ndsc.storage.photo_reader import PhotoReader

    folder, cache = Path(config.audit.output or folder).expanduser(), Path(config.cache.root)
    check_data(config.data, config.sampling, config.split, cache)
    from ndsc.tracking.downloads import fetch_classifier  # it imports MLflow

    weights = locate_weights(
        config.backbone,
        config.data.source == "sample",
        lambda run: fetch_classifier(run, config.tracking, cache),
        config.threads,
    )
    if weights.warning:
        log.warning(weights.warning)
    # From here on it takes seconds: whatever needs TensorFlow or cleanlab is imported here, and nowhere above.
    start_tensorflow(config.threads)
    from ndsc.auditing.findings import examine
    from ndsc.auditing.issues import verdict_table, with_excluded
    from ndsc.auditing.page import Page
    from ndsc.auditing.report import PAGE, VERDICTS, check_folder, tables, thumbnails, write_report
    from ndsc.data.photo_validation import validate_photos
    from ndsc.data.sampling import draw
    from ndsc.duplicates.duplicate_groups import find_duplicates
    from ndsc.features.views import Policy
    from ndsc.model.backbone_cache import obtain_backbone
    from ndsc.model.engines import choose_engine
    from ndsc.training.finetuning import Study

    check_folder(folder)
    with PhotoReader(cache) as reader:
        backbone = obtain_backbone(config, weights)
        choice = choose_engine(config.backbone.engine, config.backbone.precision, config.threads)
        study = Study(config, backbone, choice, Policy(config.augmentation), reader)
        catalogue = load_catalogue(config.data, cache)
        drawn = draw(catalogue, config.sampling, config.split, config.seed)
        # However many cannot be used: to say which is what an audit is for.
        usable = validate_photos(catalogue, drawn, reader, cache, max_rejected=1.0)
        vectors = study.frozen_part("all").features(usable.photos, [0]).rows[0][:]
        # A training may look away from copies; an audit does not.
        kind = "exact" if config.split.duplicates == "off" else config.split.duplicates
        groups = find_duplicates(usable.photos, vectors, kind, reader, cache, config.threads).groups
        findings = examine(usable, vectors, groups, reader, config.audit.folds, config.seed)
        verdicts = verdict_table(findings)
        made = f"Features: {config.backbone.name}, weights {weights.origin}. {time.strftime('%Y-%m-%d')}."
        written, before = verdicts, 0
        if drawn.excluded is not None:
            written, before = with_excluded(verdicts, drawn.excluded.listings), len(drawn.excluded.listings)
            made += f" Not looked at, as sampling.exclude leaves them out: {before:,}; {VERDICTS} keeps them out."
        page = Page(findings, verdicts, thumbnails(findings.photos, reader), config.audit.shown)
        html = page.html(_source(config), made, training_command(overrides, folder / VERDICTS))
        write_report(folder, html, {**tables(findings), VERDICTS: written})
    proposed = (verdicts["exclude"] == "yes").sum()
    closing_table(
        {
            "photos": f"{len(findings.photos):,} can be used, {len(findings.rejected):,} are broken",
            "doubtful": f"{len(verdicts):,}, of which leaving out is proposed for {proposed:,}",
            **({"left out before": f"{before:,}, which the verdicts keep out"} if before else {}),
            "the page": str(folder / PAGE),
            "the verdicts": str(folder / VERDICTS),
        }
    )
    return folder / PAGE


def check(config: AuditConfig) -> None:
    """Say what types cannot.

    Raises:
        UserError: what a training would refuse, numbers out of range, or packages that are missing.
    """
    check_training(config)
    absent = missing(PACKAGES)
    if absent:
        raise UserError(
            f"python -m ndsc.audit needs the packages {', '.join(PACKAGES.values())}. Install them with: "
            f"{installing('audit')} . Received: no {', no '.join(absent)}."
        )
    for key, value, least in (("folds", config.audit.folds, 2), ("shown", config.audit.shown, 1)):
        if value < least:
            raise UserError(f"audit.{key} must be at least {least}. Received: audit.{key}={value}.")


def training_command(overrides: tuple[str, ...], verdicts: Path) -> str:
    """The command that trains on the same data without what the verdicts leave out.

    They take the place of an earlier `sampling.exclude`, whose photos are among them.
    """
    own = ("audit.", "hydra.", "sampling=", "sampling.exclude=", "~", "tracking")
    kept = [one for one in overrides if not one.startswith(own)]
    return shlex.join(["python", "-m", "ndsc.train", *kept, f"sampling.exclude={verdicts}"])


def _source(config: AuditConfig) -> str:
    if config.data.source == "sample":
        return "the rendered sample"
    return " ".join(place for place in (config.data.root, config.data.table) if place)


@hydra_command("audit")
def command(composed: DictConfig) -> None:
    """Hydra's way in."""
    with shown_to_user():
        place = HydraConfig.get()
        main(as_schema(composed, AuditConfig), Path(place.runtime.output_dir), tuple(place.overrides.task))


def register() -> None:
    """Make the schemas known to Hydra under the names that `conf/train.yaml` and `conf/audit.yaml` begin with."""
    schema.register()
    ConfigStore.instance().store(name="audit_schema", node=AuditConfig)


if __name__ == "__main__":
    register()
    command()
