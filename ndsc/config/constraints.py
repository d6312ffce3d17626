"""Constraints on single settings, declared beside the field of the schema that they belong to.

precision: str = choice("auto", "float32", "int8")
epochs: int = number(at_least=1)
"""

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from omegaconf import MISSING

from ndsc.errors import UserError


@dataclass(frozen=True)
class Constraint:
    """The values that a setting may have: as a condition, and in words that follow "must be"."""

    holds: Callable[[Any], bool]
    expected: str

    def faults(self, key: str, value: object) -> Iterator[str]:
        """Yield a sentence if the value of this key is wrong."""
        if not self.holds(value):
            yield f"{key} must be {self.expected}. Received: {key}={'null' if value is None else value}."


POSITIVE = Constraint(
    lambda value: isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf,
    "a finite number above 0",
)


def constrained(constraint: Constraint, default: Any = MISSING) -> Any:
    """Return a field of the schema with this constraint. A field whose default is None may stay null."""
    return field(default=default, metadata={"constraint": constraint})


def choice(*allowed: str) -> Any:
    """Return a field that takes one of these values."""
    return constrained(Constraint(allowed.__contains__, f"one of {', '.join(allowed)}"))


def matching(pattern: str, expected: str) -> Any:
    """Return a field that takes text of this regular expression."""
    return constrained(Constraint(lambda value: re.fullmatch(pattern, value) is not None, expected))


def number(
    *,
    above: float | None = None,
    at_least: float | None = None,
    below: float | None = None,
    at_most: float | None = None,
    default: Any = MISSING,
) -> Any:
    """Return a field that takes numbers within these bounds."""

    def holds(value: float) -> bool:
        return (
            (above is None or value > above)
            and (at_least is None or value >= at_least)
            and (below is None or value < below)
            and (at_most is None or value <= at_most)
        )

    bounds = {"above": above, "at least": at_least, "below": below, "at most": at_most}
    expected = " and ".join(f"{name} {bound}" for name, bound in bounds.items() if bound is not None)
    return constrained(Constraint(holds, expected), default)


def check_values(config: Any) -> None:
    """Check each setting of a typed configuration by itself.

    Raises:
        UserError: with one sentence for every setting that is wrong or that the schema does not have.
    """
    raise_faults(value_faults(config))


def raise_faults(faults: Iterator[str]) -> None:
    """Raise one `UserError` of all these sentences, if there are any."""
    if text := " ".join(faults):
        raise UserError(text)


def value_faults(config: Any, prefix: str = "") -> Iterator[str]:
    """Yield a sentence for every setting that its constraint forbids, and for every one that the schema does not have:
    Hydra accepts those with a plus sign."""
    declared = {declaration.name: declaration for declaration in fields(config)}
    for name, value in vars(config).items():
        if name not in declared:
            expected = ", ".join(sorted(declared))
            yield f"There is no setting {prefix}{name}; expected one of {expected}. Received: {value!r}."
        elif is_dataclass(value):
            yield from value_faults(value, f"{prefix}{name}.")
        elif value is not None and (constraint := declared[name].metadata.get("constraint")):
            yield from constraint.faults(f"{prefix}{name}", value)
