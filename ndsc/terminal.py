"""The terminal: progress bars, log lines and tables on standard error."""

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
from rich.table import Column, Table
from rich.text import Text

console = Console(stderr=True)


@contextmanager
def progress(step: str, total: int | None = None, unit: str = "photos") -> Iterator[Callable[[int], None]]:
    """Show a progress bar for one step; yields `advance(count)`.

    Where standard error is no terminal (a job log), only the last state is printed.

    Args:
        total: None shows activity without an end.
        unit: "bytes" are shown as kB, MB or GB.
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


def print_table(rows: Mapping[str, str]) -> None:
    """Print names and values, one pair a line."""
    # Not a table of rich: it would cut a path or put a command on two lines. A terminal continues a long line itself.
    longest = max(map(len, rows), default=0)
    lines = [f" {name:<{longest}}   {value}" for name, value in rows.items()]
    console.print("", *lines, "", sep="\n", markup=False, highlight=False, soft_wrap=True)


def print_comparison(headings: tuple[str, str, str], rows: Iterable[tuple[str, str, str]]) -> None:
    """Print names with two values each; lines whose values differ are highlighted."""
    table = Table(*(Column(heading, overflow="fold") for heading in headings), box=box.SIMPLE, pad_edge=False)
    for name, left, right in rows:
        # As `Text`, because rich interprets square brackets in strings.
        table.add_row(*map(Text, (name, left, right)), style="yellow" if left != right else None)
    console.print(table)


class ConsoleHandler(logging.Handler):
    """Prints log lines through the console of the progress bars, so that they do not overwrite each other."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one line, warnings in yellow. Tracebacks go to the log file only: Hydra prints its own."""
        record = copy.copy(record)
        record.exc_info = record.exc_text = None
        style = "yellow" if record.levelno >= logging.WARNING else None
        console.print(self.format(record), style=style, markup=False, highlight=False, soft_wrap=True)
