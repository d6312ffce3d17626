"""Audit of the data before a training: `python -m ndsc.audit data=ndsc data.root=…`.

It takes the same settings as `ndsc.train`.
"""

import logging
import shlex
import time
from dataclasses import dataclass, replace
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import MISSING, DictConfig

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
    """The folder of the report, and how the data is examined."""

    output: str | None = None
    folds: int = number(at_least=2)
    shown: int = number(at_least=1)


@dataclass
class AuditConfig(Config):
    """The configuration of `python -m ndsc.audit`: that of a training, and its own settings."""

    audit: AuditSettings = MISSING


def main(config: AuditConfig, folder: Path, overrides: tuple[str, ...]) -> Path:
    """Examine all photos that a training with this configuration would draw; write a page and tables.

    Args:
        folder: the folder of these files, unless `audit.output` names another.
        overrides: as typed, for the command that trains without the excluded photos.

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
    return _write_audit(config, Path(config.audit.output or folder).expanduser(), overrides)


def _write_audit(config: AuditConfig, folder: Path, overrides: tuple[str, ...]) -> Path:
    """Examine the photos, write the files of the audit to the folder, and print a summary."""
    # TensorFlow, MLflow and cleanlab take seconds to import: after everything that can be checked without them.
    from ndsc import experiment
    from ndsc.auditing import report
    from ndsc.auditing.findings import examine
    from ndsc.auditing.issues import add_excluded, issue_table
    from ndsc.run_reporter import data_source
    from ndsc.storage.photo_reader import PhotoReader
    from ndsc.tracking.tracked_run import UntrackedRun

    report.check_folder(folder)
    weights = experiment.find_weights(config)
    if weights.warning:
        log.warning(weights.warning)
    made = f"Features: {config.backbone.name}, weights {weights.origin}. {time.strftime('%Y-%m-%d')}."
    page_path, issues_path = folder / report.PAGE, folder / report.ISSUES
    with PhotoReader(Path(config.cache.root)) as reader:
        components = experiment.build_components(config, weights, reader, Timer())
        prepared = experiment.prepare_photos(_without_limits(config), components, UntrackedRun())
        groups = prepared.duplicates.groups
        findings = examine(prepared.validated, prepared.vectors, groups, reader, config.audit.folds, config.seed)
        issues = issue_table(findings)
        listed = issues if prepared.plan.excluded is None else add_excluded(issues, prepared.plan.excluded.listings)
        if excluded_before := len(listed) - len(issues):
            made += f" Not examined, because sampling.exclude excludes them: {excluded_before:,}; {report.ISSUES} "
            made += "still excludes them."
        thumbnail, command = report.thumbnails(findings.photos, reader), training_command(overrides, issues_path)
        texts = {"source": data_source(config.data), "made": made, "command": command}
        page = report.render_page(findings, issues, thumbnail, config.audit.shown, **texts)
    report.write_report(folder, page, {**report.tables(findings), report.ISSUES: listed})
    summary = {
        "photos": f"{len(findings.photos):,} usable, {len(findings.rejected):,} broken",
        "issues": f"{len(issues):,} photos (proposed for exclusion: {(issues['exclude'] == 'yes').sum():,})",
    }
    if excluded_before:
        summary["excluded earlier"] = f"{excluded_before:,} (not examined)"
    print_table({**summary, "page": str(page_path), "table of issues": str(issues_path)})
    return page_path


def _without_limits(config: AuditConfig) -> AuditConfig:
    """Return the configuration without limits on unusable photos, and with the search for duplicates on: an audit
    reports both."""
    duplicates = "exact" if config.split.duplicates == "off" else config.split.duplicates
    sampling, split = replace(config.sampling, max_rejected=1.0), replace(config.split, duplicates=duplicates)
    return replace(config, sampling=sampling, split=split)


def training_command(overrides: tuple[str, ...], issues: Path) -> str:
    """Return the command that trains on the same data without the excluded photos.

    The table replaces an earlier `sampling.exclude`, whose photos it contains.
    """
    own = ("audit.", "hydra.", "sampling=", "sampling.exclude=", "~", "tracking")
    shared = [override for override in overrides if not override.startswith(own)]
    return shlex.join(["python", "-m", "ndsc.train", *shared, f"sampling.exclude={issues}"])


@hydra_command("audit", AuditConfig)
def command(composed: DictConfig) -> None:
    """Run the job that Hydra composed."""
    with report_errors():
        hydra = HydraConfig.get()
        main(typed(composed, AuditConfig), Path(hydra.runtime.output_dir), tuple(hydra.overrides.task))


if __name__ == "__main__":
    command()
