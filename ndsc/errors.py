"""The one exception a user is meant to read, and how it is shown."""

import logging
import os
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)


class UserError(Exception):
    """Something only the user can mend: a wrong setting, missing data, missing weights.

    Its message is one paragraph that says what was expected, what was received and what to do. Entry points print
    it without a traceback and exit with code 1 (`HYDRA_FULL_ERROR=1` shows the traceback).
    """


@contextmanager
def shown_to_user() -> Iterator[None]:
    """Turn a UserError into a paragraph and exit code 1; write any other exception to the log before it goes on.

    Hydra's own job log stays empty when a job raises (hydra#2284).
    """
    try:
        yield
    except UserError as error:
        if os.environ.get("HYDRA_FULL_ERROR") == "1":
            raise
        print(textwrap.fill(f"ndsc: {error}", 120, break_long_words=False, break_on_hyphens=False), file=sys.stderr)
        sys.exit(1)
    except Exception:
        log.exception("the run failed")
        raise
