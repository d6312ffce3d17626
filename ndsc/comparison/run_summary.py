"""What a run was made of and what came of it: an earlier run by what it logged, the one of now by what is here."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ndsc.comparison.run_diff import RunSummary
from ndsc.config.run_key import source_digest
from ndsc.tracking.environment import MAIN_PACKAGES, environment_report, git_state, package_list

if TYPE_CHECKING:
    from ndsc.tracking.history import History, RecordedRun

CURVES = ("train/", "val/")
# What a repetition need not have in common with the run: what it cost, and what was counted while photos were drawn.
OTHERWISE = ("time/", "throughput/", "cache/", "system/", "gpu/", "data/")
MACHINE = ("cpu", "cpu_count_usable", "gpus", "threads", "platform")
FEATURES = ("weights", "engine", "precision", "calibration")
DIGESTS = ("weights", "calibration")
# Of hexadecimal digests: as many digits as a manifest has.
SHOWN = 16


def summarize_recorded_run(history: "History", run: "RecordedRun") -> RunSummary:
    """Of an earlier run."""
    machine = _json(history, run.id, "environment/machine.json")
    packages = history.text(run.id, "environment/packages.txt")
    features = _json(history, run.id, "environment/features.json")
    facts = {
        "configuration": {},
        "source": None if "source" not in run.tags else {"": run.tags["source"][:SHOWN]},
        "packages": None if packages is None or machine is None else _packages(packages, machine),
        "machine": None if machine is None else _chosen(machine, MACHINE),
        "features": None if features is None else _features(features),
        "manifest": {"": run.manifest},
    }
    return RunSummary(
        {kind: known for kind, known in facts.items() if known is not None},
        {"commit": _commit(run.tags.get("git.commit", ""), run.tags.get("git.dirty") == "true")},
        {name: history.curve(run.id, name) for name in sorted(run.metrics) if name.startswith(CURVES)},
        _compared(run.metrics),
    )


def summarize_current_run(
    features: Mapping[str, object],
    manifest_digest: str,
    history: Mapping[str, Sequence[float]],
    metrics: Mapping[str, float],
    added: Mapping[str, object],
) -> RunSummary:
    """Summarize the run that has just finished.

    Args:
        features: the fingerprint of its features.
        history: the curves, by epoch.
        added: settings that the recorded run did not have.
    """
    machine = environment_report()
    state = git_state(Path(__file__).parents[2])
    return RunSummary(
        {
            "configuration": {key: _text(value) for key, value in added.items()},
            "source": {"": source_digest()[:SHOWN]},
            "packages": _packages(package_list(), machine),
            "machine": _chosen(machine, MACHINE),
            "features": _features(features),
            "manifest": {"": manifest_digest},
        },
        {"commit": _commit(state.commit or state.reason, state.dirty)},
        dict(sorted(history.items())),
        _compared(metrics),
    )


def _json(history: "History", run_id: str, path: str) -> dict[str, object] | None:
    text = history.text(run_id, path)
    return None if text is None else json.loads(text)


def _packages(listed: str, machine: Mapping[str, object]) -> dict[str, str]:
    """Versions by name: Python, the main packages, the others."""
    versions = dict(line.split("==", 1) for line in listed.splitlines())
    main = {name: versions.pop(name) for name in MAIN_PACKAGES if name in versions}
    return {"python": _text(machine["python"]), **main, **versions}


def _chosen(facts: Mapping[str, object], names: Iterable[str]) -> dict[str, str]:
    return {name: _text(facts[name]) for name in names if name in facts}


def _features(fingerprint: Mapping[str, object]) -> dict[str, str]:
    chosen = _chosen(fingerprint, FEATURES)
    return {name: text[:SHOWN] if name in DIGESTS else text for name, text in chosen.items()}


def _compared(metrics: Mapping[str, float]) -> dict[str, float]:
    return {name: metrics[name] for name in sorted(metrics) if not name.startswith((*OTHERWISE, *CURVES))}


def _commit(commit: str, dirty: bool) -> str:
    return f"{commit[:SHOWN]}, changed" if dirty else commit[:SHOWN]


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
