"""One run as the steps of an experiment see it: they log, and need not know where it is stored."""

import hashlib
import json
import logging
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from matplotlib.figure import Figure
from mlflow import MlflowClient
from mlflow.entities import DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT

from ndsc.errors import redacted
from ndsc.evaluation.figures.style import as_png
from ndsc.tracking.offline_buffer import ARTIFACTS, STATUS, UNSENT, buffer_file, buffer_lines, send_buffer, send_dataset
from ndsc.tracking.store import create_folder, impatient

# MLflow cuts longer values without a warning.
LONGEST_PARAM = 6000
# MLflow's column is 36 characters wide.
DIGEST_LENGTH = 32

# Errors in this code, which a server that does not answer never raises.
MISTAKES = (TypeError, AttributeError, NameError, LookupError)

logger = logging.getLogger(__name__)


class Run:
    """One run. It writes to MLflow, and what MLflow does not take into the folder `offline_folder`.

    A store that fails (server gone, disk full, database locked) must cost no training. After a first artifact that it
    does not take, no more artifacts are sent until the end of the run, and after the first values (params, metrics,
    tags, datasets) nothing more: a dead server costs its time-out twice. Each is logged in one warning. Values that
    MLflow rejects as invalid raise its exception.

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
        self._refused: set[str] = set()
        self._datasets: dict[str, dict[str, str]] = {}  # by name, as a metric names them

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
        self._log_batch("params", [Param(*item) for item in texts.items()])

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

    def log_model_metrics(self, metrics: Mapping[str, float], model_id: str, dataset: str) -> None:
        """Log metrics of a logged model on a logged dataset, by which MLflow finds the best model."""
        now, measured = time.time_ns() // 1_000_000, self._datasets.get(dataset, {})
        self.log_points(
            [Metric(*item, now, 0, model_id=model_id, run_id=self._id, **measured) for item in metrics.items()]
        )

    def log_points(self, points: Sequence[Metric]) -> None:
        """Log any number of values of any metrics, in as few requests as MLflow allows (1,000 values each)."""
        self._log_batch("metrics", points)

    def set_tags(self, tags: Mapping[str, object]) -> None:
        """Set facts about the run that, unlike params, can be changed."""
        self._log_batch("tags", [RunTag(key, redacted(str(value))) for key, value in tags.items()])

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
        self._datasets[name] = {"dataset_name": name, "dataset_digest": dataset.digest}
        self.attempt(
            f"dataset {name}",
            lambda: send_dataset(self._client, self._id, entity),
            lambda folder: buffer_lines(folder, "datasets", [{"context": context, **dict(entity.dataset)}]),
            "values",
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

    def log_saved(self, save: Callable[[Path], object], path: str) -> None:
        """Store the file that `save(file)` writes as an artifact at `path`, a relative path with slashes."""
        parent, _, name = path.rpartition("/")

        def send() -> None:
            with tempfile.TemporaryDirectory() as folder:
                save(Path(folder, name))
                self._client.log_artifact(self._id, str(Path(folder, name)), parent or None)

        def buffer(folder: Path) -> None:
            (target := folder / ARTIFACTS / path).parent.mkdir(parents=True, exist_ok=True)
            save(target)

        self.attempt(path, send, buffer)

    def log_bytes(self, content: bytes, path: str) -> None:
        """Store an artifact at `path`."""
        self.log_saved(lambda file: file.write_bytes(content), path)

    def log_text(self, text: str, path: str) -> None:
        """Store a text in UTF-8, without passwords."""
        self.log_bytes(redacted(text).encode(), path)

    def log_json(self, value: object, path: str) -> None:
        """Store plain data (dicts, lists, numbers, strings) as indented JSON. Raises TypeError for anything else."""
        self.log_text(json.dumps(value, indent=2) + "\n", path)

    def log_table(self, table: pd.DataFrame, path: str) -> None:
        """Store a table as CSV without its index."""
        self.log_bytes(table.to_csv(index=False).encode(), path)

    def log_figure(self, figure: Figure, path: str) -> None:
        """Store a Matplotlib figure as PNG. One of pyplot's would stay in memory until it is closed."""
        self.log_bytes(as_png(figure), path)

    def attempt(
        self, what: str, send: Callable[[], object], buffer: Callable[[Path], object], kind: str = "artifacts"
    ) -> None:
        """Send something to the store by `send`. Where the store fails, write it into a folder by `buffer(folder)`.

        For what the other methods do not cover, for example a model. `what` names it in the warning; `kind` is
        artifacts, or values, which do not wait for artifacts.
        """
        # Locked during the time-out of a dead server: a second thread then does not wait for another one.
        with self._lock:
            if kind not in self._refused:
                try:
                    send()
                    return
                except MISTAKES:
                    raise
                except Exception as error:  # artifact stores raise whatever their own client libraries raise
                    if getattr(error, "error_code", None) == "INVALID_PARAMETER_VALUE":
                        raise
                    self._refused |= {kind, "artifacts"}
                    logger.warning(
                        "MLflow did not take %s of run %s (%s: %s). The run continues; this and all further %s are "
                        "sent at its end",
                        *(what, self.id, type(error).__name__, error, kind),
                    )
            self._buffer(what, buffer)

    def end(self, status: str) -> None:
        """Set the end status: FINISHED, FAILED or KILLED; then send once more what the store did not take.

        What it still does not take stays in `offline_folder`, and the next run of this store sends it.
        """
        try:
            with impatient(override=True) if self._refused else nullcontext():
                mlflow.end_run(status)
            if self.offline_folder is not None:
                send_buffer(self._client, self._id, self.offline_folder)
                logger.info("MLflow has now taken everything of run %s", self.id)
                self.offline_folder = None
        except Exception as error:
            self._buffer("the end status", lambda folder: (folder / STATUS).write_text(f"{status}\n", encoding="utf-8"))
            logger.warning(
                "MLflow still does not take everything of run %s, which ended %s (%s: %s). The rest is in %s; the next "
                "run of this store sends it",
                *(self.id, status, type(error).__name__, error, self.offline_folder),
            )

    def _log_batch(self, kind: str, entities: Sequence[Any]) -> None:
        self.attempt(
            kind,
            lambda: self._client.log_batch(self._id, **{kind: entities}),
            lambda folder: buffer_lines(folder, kind, map(dict, entities)),
            "values",
        )

    def _buffer(self, what: str, buffer: Callable[[Path], object]) -> None:
        folder = self._root / UNSENT / self._id
        try:
            create_folder(self._root)
            folder.mkdir(parents=True, exist_ok=True)
            buffer(folder)
            self.offline_folder = folder
        except OSError as error:
            logger.error("%s of run %s is lost: %s does not take it either (%s)", what, self.id, folder, error)


class UntrackedRun(Run):
    """A run that records nothing: `tracking=off`."""

    def __init__(self) -> None:
        self.id = None
        self.offline_folder = None
        self._datasets = {}

    def attempt(self, *_: object, **__: object) -> None:
        """Do nothing."""


def as_typed(value: object) -> str:
    """Write a value as Hydra's command line takes it: `null`, `true`, `0.001`, `[1, 2]`, and texts redacted."""
    return redacted(value if isinstance(value, str) else json.dumps(value))


def table_digest(frame: pd.DataFrame) -> str:
    """Hash a whole table, as CSV: 32 hexadecimal digits."""
    return hashlib.sha256(frame.to_csv(index=False).encode()).hexdigest()[:DIGEST_LENGTH]
