"""Runs grouped into configurations: one row per configuration, its seeds together, the best first."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from ndsc.tracking.history import RecordedRun

VALIDATION, TRAINING, TEST = "best/val_accuracy", "best/train_accuracy", "test/accuracy"
REQUIRED = (VALIDATION, TRAINING)
# A run that diverged has a best epoch too, and accuracies that look like any others.
FINITE = (*REQUIRED, TEST, "train/loss", "val/loss")
REPEATED = "repeated later with the same seed and photos"
REPRODUCTION = "repeating a compared run (ndsc.reproduce)"


class SeedStatistics(NamedTuple):
    """Mean and sample standard deviation over seeds; a single run has no deviation."""

    mean: float
    deviation: float | None


@dataclass(frozen=True)
class Configuration:
    """Runs with the same params except the seed, in the order of their seeds."""

    params: Mapping[str, str]
    runs: tuple[RecordedRun, ...]

    @property
    def seeds(self) -> tuple[str, ...]:
        """Each seed once."""
        return tuple(dict.fromkeys(run.seed for run in self.runs))

    def values(self, metric: str) -> list[float]:
        """Return the metric of each run; empty if one of them does not have it."""
        values = [run.metrics[metric] for run in self.runs if metric in run.metrics]
        return values if len(values) == len(self.runs) else []

    def statistics(self, metric: str) -> SeedStatistics | None:
        """Return mean and deviation over the runs; None if one of them does not have the metric."""
        values = self.values(metric)
        if not values:
            return None
        return SeedStatistics(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None)

    def label(self, keys: Sequence[str]) -> str:
        """Return these params as a short text (`split=column learning_rate=0.001`), without null if others are left."""
        last = [key.split(".")[-1] for key in keys]
        names = {key: name if last.count(name) == 1 else key for key, name in zip(keys, last, strict=True)}
        found = {names[key]: self.params[key] for key in keys if key in self.params}
        shown = {name: value for name, value in found.items() if value != "null"} or found
        return " ".join(f"{name}={value}" for name, value in shown.items()) or "all runs"


@dataclass(frozen=True)
class ComparisonTable:
    """Configurations, the one with the best mean validation accuracy first.

    varying: the params that distinguish them. fixed: the params that all of them share. excluded: the runs that are not
    compared, by reason. warnings: what a reader must know before trusting a row.
    """

    configurations: tuple[Configuration, ...]
    varying: tuple[str, ...]
    fixed: Mapping[str, str]
    excluded: Mapping[str, tuple[RecordedRun, ...]]
    warnings: tuple[str, ...]


def compare_runs(runs: Iterable[RecordedRun]) -> ComparisonTable:
    """Group runs into configurations.

    Excluded, with the reason: runs that did not finish, have no accuracy, or have an accuracy or loss that is not
    finite; and all but the newest of runs with equal params, seed and manifest, which would count one seed twice. A run
    is preferred to its repetitions. A sweep's own run is no configuration and is skipped silently. Without any run to
    compare, there are no configurations.
    """
    excluded: dict[str, tuple[RecordedRun, ...]] = {}
    newest: dict[tuple, RecordedRun] = {}
    for run in sorted(runs, key=lambda run: (not _is_reproduction(run), run.started)):
        if run.tags.get("ndsc.kind") == "sweep":
            continue
        if reason := _flaw(run):
            excluded[reason] = (*excluded.get(reason, ()), run)
            continue
        run = _with_actual_weights(run)
        identity = (frozenset(run.params.items()), run.manifest)
        if older := newest.get(identity):
            reason = REPEATED if _is_reproduction(older) == _is_reproduction(run) else REPRODUCTION
            excluded[reason] = (*excluded.get(reason, ()), older)
        newest[identity] = run
    configurations = _configurations(newest.values())
    return ComparisonTable(
        configurations, *_varying_and_fixed(configurations), excluded, _mixed_data_warnings(configurations)
    )


def _is_reproduction(run: RecordedRun) -> bool:
    return "ndsc.reproduces" in run.tags


def _flaw(run: RecordedRun) -> str | None:
    if run.status != "FINISHED":
        return run.status
    for metric in REQUIRED:
        if metric not in run.metrics:
            return f"without {metric}"
    if not all(math.isfinite(run.metrics.get(metric, 0.0)) for metric in FINITE):
        return "with an accuracy or loss that is not finite (NaN)"
    return None


def _with_actual_weights(run: RecordedRun) -> RecordedRun:
    """Sample data is trained with random weights if ImageNet's are unavailable: that is another configuration."""
    if not run.tags.get("weights", "").startswith("random"):
        return run
    return replace(run, params={**run.params, "backbone.weights": "random"})


def _configurations(runs: Iterable[RecordedRun]) -> tuple[Configuration, ...]:
    groups: dict[frozenset, list[RecordedRun]] = {}
    for run in runs:
        groups.setdefault(frozenset((key, value) for key, value in run.params.items() if key != "seed"), []).append(run)
    found = [
        Configuration(dict(params), tuple(sorted(group, key=lambda run: (_seed_order(run.seed), run.started))))
        for params, group in groups.items()
    ]
    return tuple(sorted(found, key=lambda one: -statistics.fmean(one.values(VALIDATION))))


def _seed_order(seed: str) -> tuple[float, str]:
    """Sort seeds as numbers; anything else comes last."""
    return (int(seed), "") if seed.removeprefix("-").isdecimal() else (math.inf, seed)


def _varying_and_fixed(configurations: Sequence[Configuration]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the names of the params that distinguish configurations, and the params with one value everywhere."""
    keys = sorted({key for one in configurations for key in one.params})
    values = {key: {one.params.get(key) for one in configurations} for key in keys}
    fixed = {key: str(*found) for key, found in values.items() if len(found) == 1}
    varying = [key for key in keys if key not in fixed]
    return tuple(key for key in varying if not _is_implied(key, varying, configurations)), fixed


def _is_implied(key: str, varying: Sequence[str], configurations: Sequence[Configuration]) -> bool:
    """Return whether the choices of config groups determine a param: `augmentation=strong` its number of views."""
    groups = [group for group in varying if key.startswith(f"{group}.")]
    combinations = {tuple(one.params.get(name) for name in (*groups, key)) for one in configurations}
    return bool(groups) and len({combination[:-1] for combination in combinations}) == len(combinations)


def _mixed_data_warnings(configurations: Sequence[Configuration]) -> tuple[str, ...]:
    """Paths are no params, so runs on different data can look alike: then one seed has two manifests."""
    warnings = []
    for number, one in enumerate(configurations, 1):
        for seed in one.seeds:
            manifests = [run.manifest for run in one.runs if run.seed == seed]
            if len(manifests) > 1:
                warnings.append(
                    f"Row {number} mixes data: its seed {seed} was run on different photos (manifests "
                    f"{', '.join(manifests)}). Name the runs that belong together to compare them."
                )
    return tuple(warnings)
