"""The terminal: the standard streams, and progress bars, log lines and tables on standard error."""

import copy
import io
import logging
import os
import signal
import sys
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


class StandardError(Console):
    """A console on standard error. When nobody can read it any more (a closed terminal, `| head`, a full disk), what is
    printed is discarded and the run goes on."""

    def _write_buffer(self) -> None:
        try:
            super()._write_buffer()
        except OSError:
            discard(2, os.O_WRONLY)


console = StandardError(stderr=True)


@contextmanager
def standard_streams() -> Iterator[None]:
    """Make the standard streams usable for a command, whatever it was started with.

    Streams that are closed (`2>&-`) are empty and discard what is written: otherwise the next file that is opened would
    take their place. Characters that the encoding of the terminal lacks are escaped. When the reader of standard output
    has gone (`| head`), the command ends with the exit code of SIGPIPE and without a traceback.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            discard(number, os.O_RDWR)
            setattr(sys, name, os.fdopen(number, "w" if number else "r", encoding="utf-8", closefd=False))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        discard(1, os.O_WRONLY)  # Python flushes once more when it exits
        sys.exit(128 + signal.SIGPIPE)


def discard(number: int, mode: int) -> None:
    """Make a file descriptor the null device."""
    nothing = os.open(os.devnull, mode)
    os.dup2(nothing, number)
    if nothing != number:
        os.close(nothing)


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
