"""Constraints on single settings, declared beside the field of the schema that they belong to.

precision: str = choice("auto", "float32", "int8")
epochs: int = number(at_least=1)
"""

import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from operator import ge, gt, le, lt
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
    bounds = (("above", gt, above), ("at least", ge, at_least), ("below", lt, below), ("at most", le, at_most))
    given = [(name, compare, bound) for name, compare, bound in bounds if bound is not None]
    expected = " and ".join(f"{name} {bound}" for name, _, bound in given)
    return constrained(
        Constraint(lambda value: all(compare(value, bound) for _, compare, bound in given), expected), default
    )


def raise_faults(faults: Iterable[str]) -> None:
    """Raise one `UserError` of all these sentences, if there are any."""
    if text := " ".join(faults):
        raise UserError(text)


def value_faults(config: Any, prefix: str = "") -> Iterator[str]:
    """Yield a sentence for every setting that is empty text, that its constraint forbids, or that the schema does not
    have: Hydra accepts those with a plus sign."""
    declared = {declaration.name: declaration for declaration in fields(config)}
    for name, value in vars(config).items():
        if name not in declared:
            expected = ", ".join(sorted(declared))
            yield f"There is no setting {prefix}{name}; expected one of {expected}. Received: {value!r}."
        elif is_dataclass(value):
            yield from value_faults(value, f"{prefix}{name}.")
        elif value == "":  # mostly from a shell variable that is not set; as a path, it would be the current folder
            yield f"{prefix}{name} must not be empty. Received: {prefix}{name}=''. Set it, or the shell variable in it."
        elif value is not None and (constraint := declared[name].metadata.get("constraint")):
            yield from constraint.faults(f"{prefix}{name}", value)
