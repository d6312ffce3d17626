"""Audit of the data, before anything is trained on it: `python -m ndsc.audit data=ndsc data.root=…`.

It takes the same settings as `ndsc.train`.
"""

import logging
import shlex
import time
from dataclasses import dataclass, replace
from pathlib import Path

from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from omegaconf import MISSING, DictConfig

from ndsc.config import schema
from ndsc.config.checks import typed
from ndsc.config.command_line import hydra_command
from ndsc.config.constraints import number
from ndsc.config.schema import Config
from ndsc.errors import report_errors
from ndsc.process import Timer
from ndsc.startup import start_tensorflow
from ndsc.terminal import print_table

log = logging.getLogger(__name__)


@dataclass
class AuditSettings:
    """Where the report goes, and how the data is examined."""

    output: str | None = None
    folds: int = number(at_least=2)
    shown: int = number(at_least=1)


@dataclass
class AuditConfig(Config):
    """Everything that `python -m ndsc.audit` needs to know: what a training does, and its own settings."""

    audit: AuditSettings = MISSING


def main(config: AuditConfig, folder: Path, overrides: tuple[str, ...]) -> Path:
    """Examine all photos that a training with this configuration would draw; write a page and tables.

    Args:
        folder: where they go unless `audit.output` names another folder.
        overrides: as typed, for the command that trains without the photos to exclude.

    Returns:
        The path of the page.

    Raises:
        UserError: something that only the user can fix.
    """
    # Importing what checks need takes a third of a second, which --help does without.
    from ndsc import preflight

    preflight.check(config)
    preflight.check_audit_packages()
    start_tensorflow(config.threads)
    # TensorFlow, MLflow and cleanlab take seconds to import: after everything that can be checked without them.
    from ndsc import experiment
    from ndsc.auditing import report
    from ndsc.auditing.findings import examine
    from ndsc.auditing.issues import add_excluded, issue_table
    from ndsc.auditing.page import render_page
    from ndsc.run_reporter import data_source
    from ndsc.storage.photo_reader import PhotoReader
    from ndsc.tracking.tracked_run import UntrackedRun

    folder = Path(config.audit.output or folder).expanduser()
    report.check_folder(folder)
    weights = experiment.find_weights(config)
    if weights.warning:
        log.warning(weights.warning)
    with PhotoReader(Path(config.cache.root)) as reader:
        components = experiment.build_components(config, weights, reader, Timer())
        drawn = experiment.draw_photos(_without_limits(config), components, UntrackedRun())
        photos, groups = drawn.validated, drawn.duplicates.groups
        findings = examine(photos, drawn.vectors, groups, reader, config.audit.folds, config.seed)
        issues = issue_table(findings)
        listed = issues if drawn.plan.excluded is None else add_excluded(issues, drawn.plan.excluded.listings)
        excluded_before = len(listed) - len(issues)
        made = f"Features: {config.backbone.name}, weights {weights.origin}. {time.strftime('%Y-%m-%d')}."
        if excluded_before:
            made += f" Not examined, because sampling.exclude excludes them: {excluded_before:,}; {report.ISSUES} "
            made += "still excludes them."
        page = render_page(
            findings,
            issues,
            report.thumbnails(findings.photos, reader),
            config.audit.shown,
            source=data_source(config.data),
            made=made,
            command=training_command(overrides, folder / report.ISSUES),
        )
        report.write_report(folder, page, {**report.tables(findings), report.ISSUES: listed})
    proposed = (issues["exclude"] == "yes").sum()
    print_table(
        {
            "photos": f"{len(findings.photos):,} usable, {len(findings.rejected):,} broken",
            "issues": f"{len(issues):,} photos (proposed for exclusion: {proposed:,})",
            **({"excluded earlier": f"{excluded_before:,} (not examined)"} if excluded_before else {}),
            "page": str(folder / report.PAGE),
            "table of issues": str(folder / report.ISSUES),
        }
    )
    return folder / report.PAGE


def _without_limits(config: AuditConfig) -> AuditConfig:
    """The same configuration, however many photos cannot be used and whatever a training ignores: an audit looks for
    broken photos, and always for duplicates."""
    duplicates = "exact" if config.split.duplicates == "off" else config.split.duplicates
    sampling, split = replace(config.sampling, max_rejected=1.0), replace(config.split, duplicates=duplicates)
    return replace(config, sampling=sampling, split=split)


def training_command(overrides: tuple[str, ...], issues: Path) -> str:
    """Return the command that trains on the same data without the excluded photos.

    The table replaces an earlier `sampling.exclude`, whose photos it contains.
    """
    own = ("audit.", "hydra.", "sampling=", "sampling.exclude=", "~", "tracking")
    kept = [one for one in overrides if not one.startswith(own)]
    return shlex.join(["python", "-m", "ndsc.train", *kept, f"sampling.exclude={issues}"])


@hydra_command("audit")
def command(composed: DictConfig) -> None:
    """Hydra's way in."""
    with report_errors():
        place = HydraConfig.get()
        main(typed(composed, AuditConfig), Path(place.runtime.output_dir), tuple(place.overrides.task))


def register() -> None:
    """Make the schemas known to Hydra under the names that `conf/train.yaml` and `conf/audit.yaml` begin with."""
    schema.register()
    ConfigStore.instance().store(name="audit_schema", node=AuditConfig)


if __name__ == "__main__":
    register()
    command()
