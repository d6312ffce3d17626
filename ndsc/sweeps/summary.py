"""What a sweep's own run shows: a table of all its runs, and two pictures of them."""

from collections.abc import Container, Iterator, Mapping, Sequence

import pandas as pd
from matplotlib.figure import Figure

from ndsc.comparison.figures import all_curves, parallel_coordinates
from ndsc.sweeps.job import Job
from ndsc.tracking.history import RecordedRun

METRICS = (
    "best/val_accuracy",
    "best/val_accuracy_low",
    "best/val_accuracy_high",
    "best/train_accuracy",
    "test/accuracy",
    "best/epoch",
    "time/total_seconds",
)


def table(jobs: Sequence[Job], done: Mapping[str, RecordedRun], pruned: Container[str]) -> pd.DataFrame:
    """One row a job, in the order of the command: its name, what became of it, what is swept, metrics (missing where it
    did not finish), and its run. The best is first where rows are sorted by `best/val_accuracy`.

    Args:
        done, pruned: by the keys of the jobs; what is in neither failed.
    """
    rows = []
    for job in jobs:
        run = done.get(job.key)
        ended = "finished" if run else "pruned" if job.key in pruned else "failed"
        metrics = {name: run.metrics.get(name) if run else None for name in METRICS}
        rows.append({"name": job.name, "ended": ended, **job.differs, **metrics, "run": run.id if run else None})
    return pd.DataFrame(rows)


def figures(
    summary: pd.DataFrame, swept: Sequence[str], curves: Mapping[str, Sequence[float]]
) -> Iterator[tuple[str, Figure]]:
    """Pictures with their artifact paths, one at a time; none where no run finished.

    Args:
        summary: as `table` gives it.
        swept: the columns of it that were swept.
        curves: validation accuracy by epoch, by the run's name.
    """
    finished = summary.dropna(subset=["best/val_accuracy"])
    if finished.empty:
        return
    if swept:
        yield "sweep/parallel_coordinates.png", parallel_coordinates(finished, swept, "best/val_accuracy")
    results = dict(zip(finished["name"], finished["best/val_accuracy"], strict=True))
    yield "sweep/curves.png", all_curves(curves, results)
