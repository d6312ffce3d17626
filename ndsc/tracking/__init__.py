"""Runs in MLflow. No other room imports it.

MLflow reads its settings from the environment, some of them when it is imported. They are set here, before any module
of this room imports it. Values that the user has set are not changed, except those that would record a run elsewhere.
"""

import os
from urllib.parse import unquote, urlsplit

from ndsc.startup import ignore_variables

ELSEWHERE = (
    *("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_RUN_CONTEXT"),
    *("MLFLOW_ACTIVE_MODEL_ID", "_MLFLOW_ACTIVE_MODEL_ID", "MLFLOW_ENABLE_ASYNC_LOGGING"),
)
ignore_variables(ELSEWHERE, "a run is always a new one")

# MLflow reports its use to a host of its own from a background thread. No run asks for that, and on nodes without
# internet access it waits for answers that never come.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
# At INFO it logs each of its database tables, with Alembic's lines.
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
# MLflow shows the address of a server in its messages, so user and password go where it shows them to nobody.
if (_address := urlsplit(os.environ.get("MLFLOW_TRACKING_URI", ""))).scheme in ("http", "https") and _address.password:
    os.environ["MLFLOW_TRACKING_USERNAME"] = unquote(_address.username or "")
    os.environ["MLFLOW_TRACKING_PASSWORD"] = unquote(_address.password)
    os.environ["MLFLOW_TRACKING_URI"] = _address._replace(netloc=_address.netloc.rpartition("@")[2]).geturl()
