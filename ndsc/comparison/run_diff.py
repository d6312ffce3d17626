"""The difference between a run and its repetition: a table of both, and the first thing that differs."""

import itertools
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ndsc.config.run_key import source_digest
from ndsc.tracking.environment import MAIN_PACKAGES, environment_report, git_state, package_list, package_versions
from ndsc.tracking.history import History, RecordedRun
from ndsc.tracking.tracked_run import as_typed

# Each can cause the next: of several differences, the first one probably caused the others.
CAUSES = ("configuration", "source", "packages", "machine", "features", "manifest")
# Only differences are shown: everything that agrees would fill pages.
ONLY_DIFFERENCES = ("configuration", "packages")
NOTHING, UNKNOWN = "none", "not recorded"
CURVES = ("train/", "val/")
# Metrics that a repetition need not reproduce: costs, and counts from drawing the sample.
NOT_REPRODUCED = ("time/", "throughput/", "cache/", "system/", "gpu/", "data/")
MACHINE = ("cpu", "cpu_count_usable", "gpus", "threads", "platform")
FEATURES = ("weights", "engine", "precision", "calibration")
DIGESTS = ("weights", "calibration")
DIGITS = 16  # of hexadecimal digests, as many as a manifest has


@dataclass(frozen=True)
class RunSummary:
    """The inputs and results of a run. Both summaries of a pair have the same kinds of facts.

    Args:
        facts: by kind (one of CAUSES) and name; the name is empty if a kind has a single fact. A kind that was not
            recorded is missing. In `packages`, the most important come first.
        remarks: facts that are shown, but cause nothing.
        curves: values by epoch.
        metrics: final values.
    """

    facts: Mapping[str, Mapping[str, str]]
    remarks: Mapping[str, str]
    curves: Mapping[str, Sequence[float]]
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Row:
    """One fact of the recorded and the current run. `kind` is one of CAUSES, `remark` or `number`."""

    kind: str
    what: str
    old: str
    new: str

    @property
    def differs(self) -> bool:
        """True if both are recorded and differ."""
        return self.old != self.new and UNKNOWN not in (self.old, self.new)

    def __str__(self) -> str:
        return f"{self.what}: {self.old} → {self.new}"


def summarize_recorded_run(history: History, run: RecordedRun) -> RunSummary:
    """Summarize an earlier run."""
    machine = _json(history, run.id, "environment/machine.json")
    packages = history.text(run.id, "environment/packages.txt")
    features = _json(history, run.id, "environment/features.json")
    facts = {
        "configuration": {},
        "source": None if "source" not in run.tags else {"": run.tags["source"][:DIGITS]},
        "packages": None if packages is None or machine is None else _packages(packages, machine),
        "machine": None if machine is None else _chosen(machine, MACHINE),
        "features": None if features is None else _features(features),
        "manifest": {"": run.manifest},
    }
    return RunSummary(
        {kind: known for kind, known in facts.items() if known is not None},
        {"commit": _commit(run.tags.get("git.commit", ""), run.tags.get("git.dirty") == "true")},
        {name: history.curve(run.id, name) for name in sorted(run.metrics) if name.startswith(CURVES)},
        _reproduced(run.metrics),
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
            "configuration": {key: as_typed(value) for key, value in added.items()},
            "source": {"": source_digest()[:DIGITS]},
            "packages": _packages(package_list(), machine),
            "machine": _chosen(machine, MACHINE),
            "features": _features(features),
            "manifest": {"": manifest_digest},
        },
        {"commit": _commit(state.commit or state.reason, state.dirty)},
        dict(sorted(history.items())),
        _reproduced(metrics),
    )


def diff_runs(old: RunSummary, new: RunSummary) -> list[Row]:
    """Return all rows: remarks, then causes in their order, then the curves and final values."""
    rows = [Row("remark", what, text, new.remarks[what]) for what, text in old.remarks.items()]
    for kind in CAUSES:
        rows.extend(_fact_rows(kind, old.facts.get(kind), new.facts.get(kind)))
    rows.append(_curve_row(old.curves, new.curves))
    for name in _names(old.metrics, new.metrics):
        rows.append(Row("number", name, *(_shown(summary.metrics.get(name)) for summary in (old, new))))
    return rows


def first_difference(rows: Sequence[Row]) -> str | None:
    """Return what differs first, and the first number that differs; None if all numbers are equal."""
    numbers = [row for row in rows if row.kind == "number" and row.differs]
    if not numbers:
        return None
    first = next(row for row in rows if row.kind != "remark" and row.differs)
    return str(first) if first is numbers[0] else f"{first} (and in the numbers: {numbers[0]})"


def as_table(rows: Sequence[Row]) -> pd.DataFrame:
    """Return the columns what, old, new, and differs (true or false)."""
    return pd.DataFrame([{"what": row.what, "old": row.old, "new": row.new, "differs": row.differs} for row in rows])


def _fact_rows(kind: str, old: Mapping[str, str] | None, new: Mapping[str, str] | None) -> Iterator[Row]:
    for name in _names(old or {}, new or {}):
        recorded, current = (UNKNOWN if facts is None else facts.get(name, NOTHING) for facts in (old, new))
        if kind not in ONLY_DIFFERENCES or recorded != current:
            yield Row(kind, f"{kind}: {name}" if kind in ONLY_DIFFERENCES else name or kind, recorded, current)


def _curve_row(old: Mapping[str, Sequence[float]], new: Mapping[str, Sequence[float]]) -> Row:
    """Return the first epoch in which a curve differs, or the number of equal epochs."""
    names = _names(old, new)
    epochs = max((len(curve) for curves in (old, new) for curve in curves.values()), default=0)
    for epoch, name in itertools.product(range(epochs), names):
        recorded, current = (_shown(_at(curves.get(name, ()), epoch)) for curves in (old, new))
        if recorded != current:
            return Row("number", f"{name} in epoch {epoch + 1}", recorded, current)
    return Row("number", "all curves", f"{epochs} epochs", f"{epochs} epochs")


def _names(old: Mapping[str, object], new: Mapping[str, object]) -> list[str]:
    """Return each name once, in the order of the new run."""
    return list(dict.fromkeys([*new, *old]))


def _at(curve: Sequence[float], epoch: int) -> float | None:
    return curve[epoch] if epoch < len(curve) else None


def _shown(value: float | None) -> str:
    """Return all digits, so that equal texts are equal numbers; NaN equals NaN."""
    if value is None:
        return NOTHING
    return "nan" if math.isnan(value) else repr(float(value))


def _json(history: History, run_id: str, path: str) -> dict[str, object] | None:
    text = history.text(run_id, path)
    return None if text is None else json.loads(text)


def _packages(listed: str, machine: Mapping[str, object]) -> dict[str, str]:
    """Return versions by name: Python, the main packages, the others."""
    versions = package_versions(listed)
    main = {name: versions.pop(name) for name in MAIN_PACKAGES if name in versions}
    return {"python": as_typed(machine["python"]), **main, **versions}


def _chosen(facts: Mapping[str, object], names: Iterable[str]) -> dict[str, str]:
    return {name: as_typed(facts[name]) for name in names if name in facts}


def _features(fingerprint: Mapping[str, object]) -> dict[str, str]:
    chosen = _chosen(fingerprint, FEATURES)
    return {name: text[:DIGITS] if name in DIGESTS else text for name, text in chosen.items()}


def _reproduced(metrics: Mapping[str, float]) -> dict[str, float]:
    return {name: metrics[name] for name in sorted(metrics) if not name.startswith((*NOT_REPRODUCED, *CURVES))}


def _commit(commit: str, dirty: bool) -> str:
    return f"{commit[:DIGITS]}, changed" if dirty else commit[:DIGITS]
