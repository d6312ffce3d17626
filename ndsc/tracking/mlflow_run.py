"""A run that MLflow keeps, and that outlives MLflow."""

import json
import logging
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from ndsc.tracking.mlflow_settings import impatient
from ndsc.tracking.offline_buffer import keep_bytes, keep_file, keep_line, unsent_folder
from ndsc.tracking.run_interface import Run

if TYPE_CHECKING:
    import pandas
    from mlflow import MlflowClient

# MLflow cuts what is longer, and says nothing.
LONGEST_PARAM = 6000

# No dead server raises these; our own code does.
MISTAKES = (TypeError, AttributeError, NameError, LookupError, ImportError)

logger = logging.getLogger(__name__)


class Point(NamedTuple):
    """One value of one metric; `timestamp` in milliseconds since 1970."""

    key: str
    value: float
    timestamp: int
    step: int


class MlflowRun(Run):
    """Writes to MLflow until MLflow fails, and from then on into the folder `unsent`.

    A store that fails (server gone, disk full, database locked) must cost no training. The first failure is told in
    one warning that names the folder; after it nothing more is sent, so that a dead server costs its time-out once
    and the folder holds everything from that point on. What MLflow refuses as invalid is a mistake, and is raised. If
    the folder cannot be written either, the OSError is raised.

    Safe to use from several threads.
    """

    def __init__(self, client: "MlflowClient", run_id: str, root: Path) -> None:
        self.id = self._id = run_id
        self.unsent = None
        self._client = client
        self._root = root
        self._lock = threading.RLock()

    def log_params(self, params: Mapping[str, object]) -> None:
        from mlflow.entities import Param

        texts = {key: _as_typed(value) for key, value in params.items()}
        for key, text in texts.items():
            if len(text) > LONGEST_PARAM:
                self.log_text(text, f"params/{key}.txt")
                texts[key] = f"{len(text)} characters, see the artefact params/{key}.txt"
        entities = [Param(key, text) for key, text in texts.items()]
        self.attempt(
            "params",
            lambda: self._client.log_batch(self._id, params=entities),
            lambda folder: keep_line(folder, "params", texts),
        )

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        now = _milliseconds()
        self.log_points([Point(key, float(value), now, step or 0) for key, value in metrics.items()])

    def log_history(self, history: Mapping[str, Sequence[float]], first_step: int = 1) -> None:
        now = _milliseconds()
        self.log_points(
            [
                Point(key, float(value), now, step)
                for key, values in history.items()
                for step, value in enumerate(values, first_step)
            ]
        )

    def log_points(self, points: Sequence[Point]) -> None:
        """Log any number of points of any metrics, in as few requests as MLflow takes (1,000 points each)."""
        from mlflow.entities import Metric

        entities = [Metric(*point) for point in points]
        self.attempt(
            "metrics",
            lambda: self._client.log_batch(self._id, metrics=entities),
            lambda folder: [keep_line(folder, "metrics", point._asdict()) for point in points],
        )

    def log_bytes(self, content: bytes, path: str) -> None:
        self.attempt(
            path,
            lambda: self._send_bytes(content, PurePosixPath(path)),
            lambda folder: keep_bytes(folder, content, path),
        )

    def log_table(self, table: "pandas.DataFrame", path: str) -> None:
        self.log_text(table.to_csv(index=False), path)

    def log_file(self, file: Path, artefact_folder: str = "") -> None:
        if not file.exists():
            raise FileNotFoundError(f"An artefact must exist. Received: {file}")
        self.attempt(
            f"{artefact_folder}/{file.name}".lstrip("/"),
            lambda: self._client.log_artifact(self._id, str(file), artefact_folder or None),
            lambda folder: keep_file(folder, file, artefact_folder),
        )

    def log_dataset(self, frame: "pandas.DataFrame", name: str, source: str, context: str) -> None:
        from ndsc.tracking.dataset import dataset_input, send_dataset

        entity = dataset_input(frame, name, source, context)
        self.attempt(
            f"dataset {name}",
            lambda: send_dataset(self._client, self._id, entity),
            lambda folder: keep_line(folder, "datasets", {"context": context, **dict(entity.dataset)}),
        )

    def set_tags(self, tags: Mapping[str, object]) -> None:
        from mlflow.entities import RunTag

        texts = {key: str(value) for key, value in tags.items()}
        entities = [RunTag(key, text) for key, text in texts.items()]
        self.attempt(
            "tags",
            lambda: self._client.log_batch(self._id, tags=entities),
            lambda folder: keep_line(folder, "tags", texts),
        )

    def attempt(self, what: str, send: Callable[[], object], keep: Callable[[Path], object]) -> None:
        # Held while a dead server is waited for: the second thread then finds out without waiting a second time.
        with self._lock:
            if self.unsent is None:
                try:
                    send()
                    return
                except MISTAKES:
                    raise
                except Exception as error:  # artefact stores raise whatever their own client libraries raise
                    if getattr(error, "error_code", None) == "INVALID_PARAMETER_VALUE":
                        raise
                    self.unsent = self._detach(what, error)
            keep(self.unsent)

    def end(self, status: str) -> None:
        """Set the end status: FINISHED, FAILED or KILLED.

        A store that failed before is asked once more, for it may have come back. If so, the run ends with the same
        status as otherwise, and the tag `ndsc.unsent` names the folder with the rest of it.
        """
        import mlflow

        failed_before = self.unsent is not None
        self.attempt(
            "the end status",
            lambda: mlflow.end_run(status),
            lambda folder: (folder / "status.txt").write_text(f"{status}\n", encoding="utf-8"),
        )
        if failed_before:
            self._end_incomplete(status)

    def _end_incomplete(self, status: str) -> None:
        import mlflow

        try:
            with impatient(insist=True):
                mlflow.end_run(status)
                self._client.set_tag(self._id, "ndsc.unsent", str(self.unsent))
        except Exception as error:
            logger.warning(
                "MLflow still does not answer (%s): run %s ended %s, but stays RUNNING there. What it did not take is "
                "in %s",
                type(error).__name__,
                self.id,
                status,
                self.unsent,
            )
        else:
            logger.warning("MLflow has run %s as %s, without what is in %s", self.id, status, self.unsent)

    def _detach(self, what: str, error: Exception) -> Path:
        folder = unsent_folder(self._root, self._id)
        logger.warning(
            "MLflow did not take %s of run %s (%s: %s). The run goes on without it: this and all that follows is kept "
            "in %s. To send the artefacts later: mlflow artifacts log-artifacts --run-id %s --local-dir %s/artifacts",
            what,
            self.id,
            type(error).__name__,
            error,
            folder,
            self.id,
            folder,
        )
        return folder

    def _send_bytes(self, content: bytes, path: PurePosixPath) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, path.name)
            file.write_bytes(content)
            parent = None if path.parent == PurePosixPath(".") else str(path.parent)
            self._client.log_artifact(self._id, str(file), parent)


def _as_typed(value: object) -> str:
    """Write a value as Hydra's command line takes it: `null`, `true`, `0.001`, `[1, 2]`, and texts as they are."""
    return value if isinstance(value, str) else json.dumps(value)


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000
