"""The one exception a user is meant to read, and how it is shown."""

import logging
import os
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)

INTERRUPTED = 130  # 128 + 2: what a shell reports for a process that Ctrl-C ended


class UserError(Exception):
    """Something only the user can mend: a wrong setting, missing data, missing weights.

    Its message is one paragraph that says what was expected, what was received and what to do. Entry points print
    it without a traceback and exit with code 1 (`HYDRA_FULL_ERROR=1` shows the traceback).
    """


class JobFailed(Exception):
    """A run of a sweep failed; the reason is text, since not every exception can travel between processes."""


class JobPruned(JobFailed):
    """A run of a search was given up: others were further at the same epoch."""


@contextmanager
def shown_to_user(in_sweep: bool = False) -> Iterator[None]:
    """Turn a UserError into a paragraph and exit code 1; write any other exception to the log before it goes on.

    Hydra's own job log stays empty when a job raises (hydra#2284). With `in_sweep`, both are logged and raised as
    JobFailed, and the sweep goes on with the next job.
    """
    try:
        yield
    except UserError as error:
        if os.environ.get("HYDRA_FULL_ERROR") == "1":
            raise
        if in_sweep:
            log.error("this run failed: %s", error)
            raise JobFailed(str(error)) from None
        print(textwrap.fill(f"ndsc: {error}", 120, break_long_words=False, break_on_hyphens=False), file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        if in_sweep or os.environ.get("HYDRA_FULL_ERROR") == "1":
            raise
        print("ndsc: stopped by Ctrl-C.", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except JobPruned as pruned:
        log.info("given up: %s", pruned)
        raise
    except Exception as error:
        log.exception("the run failed")
        if in_sweep:
            raise JobFailed(f"{type(error).__name__}: {error}") from None
        raise
