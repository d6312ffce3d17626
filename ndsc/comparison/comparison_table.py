"""Many runs as the table that a paper would have: a row a configuration, seeds taken together, the best first."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ndsc.tracking.history import RecordedRun

VALIDATION, TRAINING, TEST = "best/val_accuracy", "best/train_accuracy", "test/accuracy"
NEEDED = (VALIDATION, TRAINING)
# A run that diverged has a best epoch all the same, and figures that look like any others.
FINITE = (*NEEDED, TEST, "train/loss", "val/loss")
REPEATED = "repeated later with the same seed and photos"
REPETITION = "a repetition (ndsc.reproduce) of a run that counts"


class Spread(NamedTuple):
    """Mean and sample standard deviation, which one value alone does not have."""

    mean: float
    deviation: float | None


@dataclass(frozen=True)
class Configuration:
    """Runs that agree in all params but the seed, in the order of their seeds."""

    params: Mapping[str, str]
    runs: tuple[RecordedRun, ...]

    @property
    def seeds(self) -> tuple[str, ...]:
        """Each seed once."""
        return tuple(dict.fromkeys(run.seed for run in self.runs))

    def values(self, metric: str) -> list[float]:
        """The metric of each run; empty where one of them does not have it."""
        values = [run.metrics[metric] for run in self.runs if metric in run.metrics]
        return values if len(values) == len(self.runs) else []

    def spread(self, metric: str) -> Spread | None:
        """Mean and deviation over the runs; None where one of them lacks the metric."""
        values = self.values(metric)
        if not values:
            return None
        return Spread(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None)

    def label(self, keys: Sequence[str]) -> str:
        """These params in a few words: `split=column learning_rate=0.001`; what is null only where nothing else is
        left."""
        last = [key.split(".")[-1] for key in keys]
        names = {key: name if last.count(name) == 1 else key for key, name in zip(keys, last, strict=True)}
        mine = {names[key]: self.params[key] for key in keys if key in self.params}
        said = {name: value for name, value in mine.items() if value != "null"} or mine
        return " ".join(f"{name}={value}" for name, value in said.items()) or "all runs"


@dataclass(frozen=True)
class Comparison:
    """Configurations, the best mean validation accuracy first; the params that differ between them; what all of them
    share; the runs that do not count, by reason; and what a reader must know before believing a row."""

    configurations: tuple[Configuration, ...]
    varying: tuple[str, ...]
    fixed: Mapping[str, str]
    left_out: Mapping[str, tuple[RecordedRun, ...]] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


def compare_runs(runs: Iterable[RecordedRun]) -> Comparison:
    """Sort runs into configurations.

    Left out, with the reason: runs that did not finish, lack an accuracy or have one (or a loss) that is not finite,
    and all but the newest of runs with equal params, seed and manifest, which would count one seed twice; a run
    counts before its repetitions. Sweeps' own runs are no configurations and are passed over. Without any run that
    counts, there are no configurations.
    """
    left_out: dict[str, tuple[RecordedRun, ...]] = {}
    newest: dict[tuple, RecordedRun] = {}
    for run in sorted(runs, key=lambda run: (not _repeats(run), run.started)):
        if run.tags.get("ndsc.kind") == "sweep":
            continue
        if flaw := _flaw(run):
            left_out[flaw] = (*left_out.get(flaw, ()), run)
            continue
        run = _as_it_was(run)
        same = (frozenset(run.params.items()), run.manifest)
        if same in newest:
            reason = REPEATED if _repeats(newest[same]) == _repeats(run) else REPETITION
            left_out[reason] = (*left_out.get(reason, ()), newest[same])
        newest[same] = run
    configurations = _configurations(newest.values())
    varying, fixed = _params(configurations)
    return Comparison(configurations, varying, fixed, left_out, _remarks(configurations))


def _repeats(run: RecordedRun) -> bool:
    return "ndsc.reproduces" in run.tags


def _flaw(run: RecordedRun) -> str | None:
    if run.status != "FINISHED":
        return run.status
    for metric in NEEDED:
        if metric not in run.metrics:
            return f"without {metric}"
    if not all(math.isfinite(run.metrics.get(metric, 0.0)) for metric in FINITE):
        return "an accuracy or loss that is not a finite number (NaN)"
    return None


def _as_it_was(run: RecordedRun) -> RecordedRun:
    """Sample data goes on with random weights where ImageNet's cannot be had: no seed of one is a seed of the other."""
    had_random = run.tags.get("weights", "").startswith("random")
    return replace(run, params={**run.params, "backbone.weights": "random"}) if had_random else run


def _configurations(runs: Iterable[RecordedRun]) -> tuple[Configuration, ...]:
    groups: dict[frozenset, list[RecordedRun]] = {}
    for run in runs:
        groups.setdefault(frozenset((key, value) for key, value in run.params.items() if key != "seed"), []).append(run)
    found = [
        Configuration(dict(params), tuple(sorted(group, key=lambda run: (_number(run.seed), run.started))))
        for params, group in groups.items()
    ]
    return tuple(sorted(found, key=lambda one: -statistics.fmean(one.values(VALIDATION))))


def _number(seed: str) -> tuple[float, str]:
    """Seeds in the order of numbers; what is none comes last."""
    return (int(seed), "") if seed.removeprefix("-").isdecimal() else (math.inf, seed)


def _params(configurations: Sequence[Configuration]) -> tuple[tuple[str, ...], dict[str, str]]:
    """The names of the params that differ, and those that are the same everywhere with their values."""
    keys = list(dict.fromkeys(key for one in configurations for key in one.params))
    values = {key: {one.params.get(key) for one in configurations} for key in sorted(keys)}
    fixed = {key: str(*found) for key, found in values.items() if len(found) == 1}
    return tuple(key for key in values if key not in fixed), fixed


def _remarks(configurations: Sequence[Configuration]) -> tuple[str, ...]:
    """Where paths are no params, runs on different data can look alike: then one seed has two manifests."""
    remarks = []
    for number, one in enumerate(configurations, 1):
        for seed in one.seeds:
            manifests = [run.manifest for run in one.runs if run.seed == seed]
            if len(manifests) > 1:
                remarks.append(
                    f"Row {number} mixes data: its seed {seed} was run on different photos (manifests "
                    f"{', '.join(manifests)}). Name the runs that belong together to compare them."
                )
    return tuple(remarks)
