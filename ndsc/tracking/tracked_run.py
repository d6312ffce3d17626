"""One run as the steps of an experiment see it: they log, and need not know where it is stored.

MLflow has no offline mode. Here, a server that stops costs one time-out and not the run: the rest is written to a
folder. `<root>/unsent/<run id>/` holds `params.jsonl`, `metrics.jsonl`, `tags.jsonl` and
`datasets.jsonl`, one JSON object a line in the order in which they were logged, and below `artifacts/` the files at
their artifact paths.
"""

import hashlib
import json
import logging
import shutil
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from matplotlib.figure import Figure
from mlflow import MlflowClient
from mlflow.entities import DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT

from ndsc.evaluation.figures.style import as_png
from ndsc.tracking.store import create_folder, impatient

# MLflow cuts longer values without a warning.
LONGEST_PARAM = 6000
# MLflow's column is 36 characters wide.
DIGEST_LENGTH = 32

# Errors in this code, which a server that does not answer never raises.
MISTAKES = (TypeError, AttributeError, NameError, LookupError, ImportError)

logger = logging.getLogger(__name__)


class Run:
    """One run. It writes to MLflow until MLflow fails, and from then on into the folder `offline_folder`.

    A store that fails (server gone, disk full, database locked) must cost no training. The first failure is logged in
    one warning that names the folder. After it nothing more is sent, so that a dead server costs its time-out once
    and the folder holds everything from that point on. Values that MLflow rejects as invalid raise its exception. If
    the folder cannot be written either, the OSError is raised.

    Safe to use from several threads.

    Attributes:
        id: the run's id in MLflow; None where nothing is recorded.
        offline_folder: the folder that holds what the store did not take; None as long as the store takes everything.
    """

    def __init__(self, run_id: str, client: MlflowClient, root: Path) -> None:
        self.id: str | None = run_id
        self.offline_folder: Path | None = None
        self._id = run_id
        self._client = client
        self._root = root
        self._lock = threading.RLock()

    def log_params(self, params: Mapping[str, object]) -> None:
        """Log settings, with keys and values as on the command line.

        A value of more than 6,000 characters, which MLflow would cut, is stored as the artifact `params/<key>.txt`, and
        the param says so. A param cannot be changed: logging another value raises MLflow's exception.
        """
        texts = {key: as_typed(value) for key, value in params.items()}
        for key, text in texts.items():
            if len(text) > LONGEST_PARAM:
                self.log_text(text, f"params/{key}.txt")
                texts[key] = f"{len(text)} characters, see the artifact params/{key}.txt"
        self._log_batch("params", [Param(*item) for item in texts.items()], [texts])

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log one value of each metric, at `step` (0 where none is given)."""
        self.log_history({key: [value] for key, value in metrics.items()}, step or 0)

    def log_history(self, history: Mapping[str, Sequence[float]], first_step: int = 1) -> None:
        """Log whole curves after the loop that made them: value k of a metric gets the step `first_step` + k.

        So the step of a first phase is the number of finished epochs. A second phase continues where the first ended.
        """
        now = time.time_ns() // 1_000_000
        self.log_points(
            [
                Metric(key, float(value), now, step)
                for key, values in history.items()
                for step, value in enumerate(values, first_step)
            ]
        )

    def log_points(self, points: Sequence[Metric]) -> None:
        """Log any number of values of any metrics, in as few requests as MLflow allows (1,000 values each)."""
        fields = ("key", "value", "timestamp", "step")
        rows = ({name: getattr(point, name) for name in fields} for point in points)
        self._log_batch("metrics", points, rows)

    def set_tags(self, tags: Mapping[str, object]) -> None:
        """Set facts about the run that, unlike params, can be changed."""
        texts = {key: str(value) for key, value in tags.items()}
        self._log_batch("tags", [RunTag(*item) for item in texts.items()], [texts])

    def log_dataset(self, frame: pd.DataFrame, name: str, source: str, context: str) -> None:
        """Log a table as an MLflow dataset: columns, number of rows and a digest of all of them, without the rows.

        Args:
            source: a folder or an address.
            context: `training`, `validation` or `test`.
        """
        with warnings.catch_warnings():
            # MLflow has several classes for one source, and integer columns could not be validated if values were
            # missing; nothing is validated here.
            warnings.filterwarnings("ignore", ".*(multiple ways|integer column)", UserWarning)
            # MLflow's own digest covers the first 10,000 rows only.
            dataset = mlflow.data.from_pandas(frame, source=source, name=name, digest=table_digest(frame))
            entity = DatasetInput(dataset._to_mlflow_entity(), [InputTag(MLFLOW_DATASET_CONTEXT, context)])
        self.attempt(
            f"dataset {name}",
            lambda: _send_dataset(self._client, self._id, entity),
            lambda folder: buffer_lines(folder, "datasets", [{"context": context, **dict(entity.dataset)}]),
        )

    def log_file(self, file: Path, artifact_folder: str = "") -> None:
        """Store a file, or a folder and its content, under its own name.

        Raises:
            FileNotFoundError: there is no such file.
        """
        if not file.exists():
            raise FileNotFoundError(f"An artifact must exist. Received: {file}")
        self.attempt(
            f"{artifact_folder}/{file.name}".lstrip("/"),
            lambda: self._client.log_artifact(self._id, str(file), artifact_folder or None),
            lambda folder: buffer_file(folder, file, artifact_folder),
        )

    def log_bytes(self, content: bytes, path: str) -> None:
        """Store an artifact at `path`, a relative path with slashes."""
        parent, _, name = path.rpartition("/")
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, name)
            file.write_bytes(content)
            self.log_file(file, parent)

    def log_text(self, text: str, path: str) -> None:
        """Store a text in UTF-8."""
        self.log_bytes(text.encode(), path)

    def log_json(self, value: object, path: str) -> None:
        """Store plain data (dicts, lists, numbers, strings) as indented JSON. Raises TypeError for anything else."""
        self.log_text(json.dumps(value, indent=2) + "\n", path)

    def log_table(self, table: pd.DataFrame, path: str) -> None:
        """Store a table as CSV without its index."""
        self.log_text(table.to_csv(index=False), path)

    def log_figure(self, figure: Figure, path: str) -> None:
        """Store a Matplotlib figure as PNG. One of pyplot's would stay in memory until it is closed."""
        self.log_bytes(as_png(figure), path)

    def attempt(self, what: str, send: Callable[[], object], buffer: Callable[[Path], object]) -> None:
        """Send something to the store by `send`. Where the store fails, write it into a folder by `buffer(folder)`.

        For what the other methods do not cover, for example a model. `what` names it in the warning.
        """
        # Locked during the time-out of a dead server: a second thread then does not wait for another one.
        with self._lock:
            if self.offline_folder is None:
                try:
                    send()
                    return
                except MISTAKES:
                    raise
                except Exception as error:  # artifact stores raise whatever their own client libraries raise
                    if getattr(error, "error_code", None) == "INVALID_PARAMETER_VALUE":
                        raise
                    self.offline_folder = self._detach(what, error)
            buffer(self.offline_folder)

    def end(self, status: str) -> None:
        """Set the end status: FINISHED, FAILED or KILLED.

        A store that failed before gets one more request, because it may be available again. If it is, the run ends
        there with this status, and the tag `ndsc.unsent` names the folder with the rest of the run.
        """
        failed_before = self.offline_folder is not None
        self.attempt(
            "the end status",
            lambda: mlflow.end_run(status),
            lambda folder: (folder / "status.txt").write_text(f"{status}\n", encoding="utf-8"),
        )
        if failed_before:
            self._end_incomplete(status)

    def _log_batch(self, kind: str, entities: Any, rows: Iterable[Mapping[str, object]]) -> None:
        """Log params, metrics or tags: MLflow gets `entities`, the offline buffer `rows`."""
        self.attempt(
            kind,
            lambda: self._client.log_batch(self._id, **{kind: entities}),
            lambda folder: buffer_lines(folder, kind, rows),
        )

    def _end_incomplete(self, status: str) -> None:
        try:
            with impatient(override=True):
                mlflow.end_run(status)
                self._client.set_tag(self._id, "ndsc.unsent", str(self.offline_folder))
        except Exception as error:
            logger.warning(
                "MLflow still does not answer (%s): run %s ended %s, but stays RUNNING there. The rest of it is in %s",
                type(error).__name__,
                self.id,
                status,
                self.offline_folder,
            )
        else:
            logger.warning("MLflow has run %s as %s, without what is in %s", self.id, status, self.offline_folder)

    def _detach(self, what: str, error: Exception) -> Path:
        create_folder(self._root)
        folder = self._root / "unsent" / self._id
        folder.mkdir(parents=True, exist_ok=True)
        logger.warning(
            "MLflow did not take %s of run %s (%s: %s). The run continues without MLflow: this and everything after it "
            "is written to %s. To send the artifacts later: mlflow artifacts log-artifacts --run-id %s --local-dir "
            "%s/artifacts",
            what,
            self.id,
            type(error).__name__,
            error,
            folder,
            self.id,
            folder,
        )
        return folder


class UntrackedRun(Run):
    """A run that records nothing: `tracking=off`."""

    def __init__(self) -> None:
        self.id = None
        self.offline_folder = None

    def attempt(self, what: str, send: Callable[[], object], buffer: Callable[[Path], object]) -> None:
        """Do nothing."""


def buffer_lines(folder: Path, kind: str, rows: Iterable[Mapping[str, object]]) -> None:
    """Append each row to `<kind>.jsonl` as a JSON object."""
    with open(folder / f"{kind}.jsonl", "a", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def buffer_file(folder: Path, source: Path, artifact_folder: str) -> None:
    """Copy a file or a folder, under its own name, to its artifact path."""
    target = folder / "artifacts" / artifact_folder / source.name
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copy2(source, target)


def as_typed(value: object) -> str:
    """Write a value as Hydra's command line takes it: `null`, `true`, `0.001`, `[1, 2]`, and texts as they are."""
    return value if isinstance(value, str) else json.dumps(value)


def table_digest(frame: pd.DataFrame) -> str:
    """Hash a whole table, as CSV: 32 hexadecimal digits."""
    return hashlib.sha256(frame.to_csv(index=False).encode()).hexdigest()[:DIGEST_LENGTH]


def _send_dataset(client: MlflowClient, run_id: str, dataset: DatasetInput) -> None:
    """Log a dataset, with a second attempt.

    MLflow looks for the dataset before it inserts it, and refuses the slower of two runs that log the same one at the
    same moment, as the first jobs of a sweep do. At the second attempt it is there.
    """
    try:
        client.log_inputs(run_id, datasets=[dataset])
    except MlflowException as error:
        if "unique" not in str(error).lower():
            raise
        client.log_inputs(run_id, datasets=[dataset])
