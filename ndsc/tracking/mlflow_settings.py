"""MLflow is set through environment variables: which ones, why, and for how long."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ndsc.process import environment

RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
TIMEOUT = "MLFLOW_HTTP_REQUEST_TIMEOUT"


def quiet_mlflow() -> None:
    """Set MLflow's defaults for this process; call it before the first `import mlflow`. What the user set stays."""
    # MLflow reports its use to a host of its own from a background thread: nothing that a run asked for, and on nodes
    # without a way out it waits for answers that never come.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    # At INFO it tells of its database tables (Alembic's lines with them); the closing table says where the run is.
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")


@contextmanager
def patient() -> Iterator[None]:
    """Repeat a failed request to a server for about half a minute, unless the user said otherwise.

    MLflow's own four minutes would hold up a training that does not need the server; half a minute rides out its
    restart. What outlasts that is kept in a folder (see unsent.py).
    """
    with environment(_unless_set({RETRIES: "4"})):
        yield


@contextmanager
def impatient(insist: bool = False) -> Iterator[None]:
    """Repeat a failed request once, and wait ten seconds for an answer: for the first request, and for the last.

    `insist=True` overrules what the user set.
    """
    values = {RETRIES: "1", TIMEOUT: "10"}
    with environment(values if insist else _unless_set(values)):
        yield


def _unless_set(values: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if name not in os.environ}
