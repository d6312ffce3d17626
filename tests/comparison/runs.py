"""Recorded runs for tests, from plain values."""

import itertools

from ndsc.tracking.history import RecordedRun

COMMIT = "76e4434d4315c132a599e4f3b0b0ee055eac5522"
_numbers = itertools.count(1)


def recorded(
    validation: float = 0.9,
    *,
    status: str = "FINISHED",
    training: float = 0.99,
    metrics: dict[str, float] | None = None,
    tags: dict[str, str] | None = None,
    **params: str,
) -> RecordedRun:
    """Return a run that started after all earlier ones; underscores in names of params become dots."""
    number = next(_numbers)
    seed = params.get("seed", "0")
    return RecordedRun(
        id=f"{number:032x}",
        name="run",
        status=status,
        started=number,
        params={"seed": seed} | {key.replace("_", "."): value for key, value in params.items()},
        metrics={"best/val_accuracy": validation, "best/train_accuracy": training} | (metrics or {}),
        tags={"manifest": f"manifest{seed}", "git.commit": COMMIT, "git.dirty": "false"} | (tags or {}),
    )
