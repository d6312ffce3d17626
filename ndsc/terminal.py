"""What a person sees while a run goes on: one progress bar a step and the story's lines, on standard error."""

import copy
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

from rich import box
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

console = Console(stderr=True)


@contextmanager
def progress(step: str, total: int | None = None, unit: str = "photos") -> Iterator[Callable[[int], None]]:
    """Show a bar for one step; yields `advance(count)`. `total=None` shows an activity pulse without an end.
    The unit "bytes" is shown as kB, MB or GB.

    Where standard error is no terminal (a job log), only the last state is printed.
    """
    columns = (
        TextColumn("{task.description:<12}"),
        BarColumn(),
        *((DownloadColumn(),) if unit == "bytes" else (MofNCompleteColumn(), TextColumn(unit))),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bars:
        task = bars.add_task(step, total=total)
        yield lambda count: bars.advance(task, count)


def closing_table(rows: Mapping[str, str]) -> None:
    """Print what a finished run has to say, a line each."""
    table = Table(show_header=False, box=box.SIMPLE, pad_edge=False)
    table.add_column()
    table.add_column(overflow="fold")  # a path that is cut short leads nowhere
    for name, value in rows.items():
        table.add_row(name, value)
    console.print(table)


def side_by_side(headings: tuple[str, str, str], rows: Iterable[tuple[str, str, str]]) -> None:
    """Print what is compared, a line each; where the two values differ, it stands out."""
    table = Table(box=box.SIMPLE, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for what, one, other in rows:
        # As they are: rich would take square brackets for its own.
        table.add_row(*map(Text, (what, one, other)), style="yellow" if one != other else None)
    console.print(table)


class StoryHandler(logging.Handler):
    """Prints log lines through the same console as the bars, so that neither tears the other apart."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one line; warnings stand out. Tracebacks are for the log file: Hydra prints its own to the terminal."""
        record = copy.copy(record)
        record.exc_info = record.exc_text = None
        style = "yellow" if record.levelno >= logging.WARNING else None
        console.print(self.format(record), style=style, markup=False, highlight=False, soft_wrap=True)
