"""Errors that a user can fix, and how commands report errors."""

import logging
import os
import re
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager

# User and password in an address, also a password with "/" or "@", which is no port; and secrets in its query.
USER = re.compile(r"://(?:[^/\s:@]+:(?!\d+(?:[/\s]|$))\S*@|(?:[^/\s@]*@)+)")
QUERY = re.compile(r"([?&][^=&\s]*(?:pass|pwd|secret|token|key|sig)[^=&\s]*=)[^&\s'\"]+", re.IGNORECASE)

log = logging.getLogger(__name__)

INTERRUPTED = 130  # 128 + 2: what a shell reports for a process that Ctrl-C ended


class UserError(Exception):
    """An error that only the user can fix: a wrong setting, missing data, missing weights.

    Its message is one paragraph: what was expected, what was received, and what to do. Commands print it without a
    traceback and exit with code 1 (`HYDRA_FULL_ERROR=1` shows the traceback).
    """


class JobFailed(Exception):
    """A run of a sweep failed. The reason is text, because not every exception can be pickled."""


class JobPruned(JobFailed):
    """A run of a search was pruned: others were better at the same epoch."""


def redacted(text: str) -> str:
    """Return a text whose addresses show no passwords."""
    return QUERY.sub(r"\1***", USER.sub("://***@", text))


class RedactingFormatter(logging.Formatter):
    """Formats log records, tracebacks included, without passwords."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the redacted text of a record."""
        return redacted(super().format(record))


@contextmanager
def report_errors(in_sweep: bool = False) -> Iterator[None]:
    """Print a `UserError` as a paragraph and exit with code 1; log any other exception before it is raised.

    Hydra's own job log stays empty when a job raises (hydra#2284).

    Args:
        in_sweep: log both and raise `JobFailed`, so that the sweep continues with the next job.
    """
    try:
        yield
    except UserError as error:
        if os.environ.get("HYDRA_FULL_ERROR") == "1":
            raise
        if in_sweep:
            log.error("this run failed: %s", error)
            raise JobFailed(str(error)) from None
        print(
            textwrap.fill(redacted(f"ndsc: {error}"), 120, break_long_words=False, break_on_hyphens=False),
            file=sys.stderr,
        )
        sys.exit(1)
    except KeyboardInterrupt:
        if in_sweep or os.environ.get("HYDRA_FULL_ERROR") == "1":
            raise
        print("ndsc: stopped by Ctrl-C.", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except JobPruned as pruned:
        log.info("pruned: %s", pruned)
        raise
    except Exception as error:
        log.exception("the run failed")
        if in_sweep:
            raise JobFailed(f"{type(error).__name__}: {error}") from None
        raise
