"""A run and its repetition side by side, and the first thing in which they differ."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

# One causes the next: of several differences the first named is the likeliest to have made the others.
CAUSES = ("configuration", "source", "packages", "machine", "features", "manifest")
# Where all that agrees would fill pages.
ONLY_DIFFERENCES = ("configuration", "packages")
NOTHING, UNKNOWN = "none", "not recorded"


@dataclass(frozen=True)
class RunSummary:
    """What a run was made of and what came of it. Both accounts of a pair have the same kinds of facts.

    Args:
        facts: by kind (one of CAUSES) and name, which is empty where a kind has one fact only; a kind that was not
            recorded is left out. Of `packages` those come first that matter most.
        remarks: what is worth showing, but causes nothing.
        curves: values by epoch.
        metrics: final values.
    """

    facts: Mapping[str, Mapping[str, str]]
    remarks: Mapping[str, str]
    curves: Mapping[str, Sequence[float]]
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Row:
    """One thing, in the run of then and in that of now. `kind` is one of CAUSES, `remark` or `number`."""

    kind: str
    what: str
    old: str
    new: str

    @property
    def differs(self) -> bool:
        """Whether the two are known to differ."""
        return self.old != self.new and UNKNOWN not in (self.old, self.new)

    def __str__(self) -> str:
        return f"{self.what}: {self.old} → {self.new}"


def diff_runs(old: RunSummary, new: RunSummary) -> list[Row]:
    """All rows: remarks, then causes in their order, then the curves and final values."""
    rows = [Row("remark", what, text, new.remarks[what]) for what, text in old.remarks.items()]
    for kind in CAUSES:
        rows.extend(_facts(kind, old.facts.get(kind), new.facts.get(kind)))
    rows.append(_curves(old.curves, new.curves))
    for name in _names(old.metrics, new.metrics):
        rows.append(Row("number", name, *(_shown(account.metrics.get(name)) for account in (old, new))))
    return rows


def first_difference(rows: Sequence[Row]) -> str | None:
    """What differs first, and the first number that does; None where all numbers are the same, whatever else is not."""
    numbers = [row for row in rows if row.kind == "number" and row.differs]
    if not numbers:
        return None
    first = next(row for row in rows if row.kind != "remark" and row.differs)
    return str(first) if first is numbers[0] else f"{first} (and in the numbers: {numbers[0]})"


def as_table(rows: Sequence[Row]) -> pd.DataFrame:
    """The columns what, old, new, and differs (true or false)."""
    return pd.DataFrame([{"what": row.what, "old": row.old, "new": row.new, "differs": row.differs} for row in rows])


def _facts(kind: str, old: Mapping[str, str] | None, new: Mapping[str, str] | None) -> Iterator[Row]:
    for name in _names(old or {}, new or {}):
        then, now = (UNKNOWN if facts is None else facts.get(name, NOTHING) for facts in (old, new))
        if kind not in ONLY_DIFFERENCES or then != now:
            yield Row(kind, f"{kind}: {name}" if kind in ONLY_DIFFERENCES else name or kind, then, now)


def _curves(old: Mapping[str, Sequence[float]], new: Mapping[str, Sequence[float]]) -> Row:
    """The first epoch in which a curve differs, or how many epochs are the same."""
    names = _names(old, new)
    epochs = max((len(curve) for curves in (old, new) for curve in curves.values()), default=0)
    for epoch in range(epochs):
        for name in names:
            then, now = (_shown(_at(curves.get(name, ()), epoch)) for curves in (old, new))
            if then != now:
                return Row("number", f"{name} in epoch {epoch + 1}", then, now)
    same = f"{epochs} epochs"
    return Row("number", "all curves", same, same)


def _names(old: Mapping[str, object], new: Mapping[str, object]) -> list[str]:
    """Each name once, in the order of the new account."""
    return list(dict.fromkeys([*new, *old]))


def _at(curve: Sequence[float], epoch: int) -> float | None:
    return curve[epoch] if epoch < len(curve) else None


def _shown(value: float | None) -> str:
    """To the last digit, so that equal texts are equal numbers; NaN equals NaN."""
    if value is None:
        return NOTHING
    return "nan" if math.isnan(value) else repr(float(value))
