"""Earlier runs, by the names that people know them by: nothing is created or changed in the store that is asked."""

import csv
import io
import json
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import yaml
from omegaconf import OmegaConf

from ndsc.errors import UserError
from ndsc.tracking.mlflow_settings import impatient, quiet_mlflow
from ndsc.tracking.query import earlier_runs_uri, find_run
from ndsc.tracking.recorded_run import RecordedRun
from ndsc.tracking.store import StoreSettings
from ndsc.tracking.unlogged import differing

if TYPE_CHECKING:
    from mlflow.entities import Run

RUN_ID = re.compile("[0-9a-f]{32}")
PARENT = "mlflow.parentRunId"
CONFIGURATION = "config/config.yaml"
SWEEP_TABLE = "sweep/runs.csv"  # one row a run, its id in the column `run`, empty where it did not finish


class History:
    """The runs of one store."""

    def __init__(self, tracking: StoreSettings) -> None:
        """Raises `UserError` where there is no local store, or no server is named."""
        self._uri = earlier_runs_uri(tracking)
        quiet_mlflow()
        from mlflow import MlflowClient

        self._client = MlflowClient(self._uri)

    def find(self, names: Sequence[str]) -> list[RecordedRun]:
        """The runs of these names, each once: an experiment's name gives all its runs, a run's id that run, and the
        id of a sweep's own run (tag `ndsc.kind=sweep`) the runs below it and those that it found done.

        A param that a run did not log, but another one did because somebody overrode it there, is completed from the
        run's own configuration: an override that equals the default makes no difference between runs. What makes one
        without an override, an edited file of conf/ for instance, becomes a param too.

        Raises:
            UserError: the store does not answer, or has nothing of one of these names.
        """
        found: dict[str, RecordedRun] = {}
        for name in names:
            for run in self._of_run(name) if RUN_ID.fullmatch(name) else self._of_experiment(name):
                found[run.info.run_id] = recorded(run)
        return self._completed(found.values())

    def run(self, run_id: str) -> RecordedRun:
        """One run by its id, also a sweep's own.

        Raises:
            UserError: the store does not answer or has no such run.
        """
        return recorded(find_run(self._client, run_id, self._uri))

    def experiment(self, run_id: str) -> str:
        """The name of the experiment that a run belongs to."""
        run = find_run(self._client, run_id, self._uri)
        return self._client.get_experiment(run.info.experiment_id).name

    def curve(self, run_id: str, metric: str) -> list[float]:
        """A metric's values by step."""
        points = self._client.get_metric_history(run_id, metric)
        return [point.value for point in sorted(points, key=lambda point: (point.step, point.timestamp))]

    def place(self, run_id: str) -> str:
        """Where a run's artefacts lie: the whole path, or the address, that was its place when it was recorded."""
        return find_run(self._client, run_id, self._uri).info.artifact_uri

    def text(self, run_id: str, path: str) -> str | None:
        """An artefact as text; None where the run has none of this path."""
        with self.file(run_id, path) as found:
            return None if found is None else found.read_text(encoding="utf-8")

    @contextmanager
    def file(self, run_id: str, path: str) -> Iterator[Path | None]:
        """An artefact as a file, for as long as the block lasts; None where the run has none of this path."""
        folder = str(PurePosixPath(path).parent)
        if path not in [entry.path for entry in self._client.list_artifacts(run_id, folder)]:
            yield None
            return
        with tempfile.TemporaryDirectory() as temporary:
            yield Path(self._client.download_artifacts(run_id, path, temporary))

    def _of_run(self, run_id: str) -> "list[Run]":
        run = find_run(self._client, run_id, self._uri)
        if run.data.tags.get("ndsc.kind") != "sweep":
            return [run]
        below = self._search(run.info.experiment_id, f"tags.`{PARENT}` = '{run_id}'")
        known = {child.info.run_id for child in below}
        return below + [
            find_run(self._client, other, self._uri) for other in self._reused(run_id) if other not in known
        ]

    def _reused(self, sweep_id: str) -> list[str]:
        """What a sweep found done, it did not run again: the run belongs to an earlier sweep, or to none."""
        table = csv.DictReader(io.StringIO(self.text(sweep_id, SWEEP_TABLE) or ""))
        return [row["run"] for row in table if row["run"]]

    def _of_experiment(self, name: str) -> "list[Run]":
        with _answering(self._uri):
            experiment = self._client.get_experiment_by_name(name)
            if experiment is None or experiment.lifecycle_stage != "active":
                known = ", ".join(sorted(one.name for one in self._client.search_experiments()))
                raise UserError(
                    f"The name of an experiment in {self._uri} was expected, or the id of a run: 32 letters and "
                    f"digits. Received: {name}. The experiments there are: {known}."
                )
        return self._search(experiment.experiment_id, "")

    def _search(self, experiment_id: str, condition: str) -> "list[Run]":
        found, token = [], None
        while True:
            page = self._client.search_runs([experiment_id], condition, page_token=token)
            found.extend(page)
            token = page.token
            if not token:
                return found

    def _completed(self, runs: Iterable[RecordedRun]) -> list[RecordedRun]:
        runs = list(runs)
        keys = {key for run in runs for key in run.params}
        runs = [self._complete(run, keys - run.params.keys()) for run in runs]
        keys = self._unlogged(runs)
        return [self._complete(run, keys - run.params.keys()) for run in runs]

    def _unlogged(self, runs: Iterable[RecordedRun]) -> set[str]:
        """In what configurations differ whose runs agree in all params but the seed."""
        alike: dict[frozenset, list[str]] = {}
        for run in runs:
            if run.status == "FINISHED":
                params = frozenset((key, value) for key, value in run.params.items() if key != "seed")
                alike.setdefault(params, []).append(run.id)
        found = set()
        for ids in alike.values():
            written = [self.text(run_id, CONFIGURATION) for run_id in ids] if len(ids) > 1 else []
            found |= differing([yaml.load(text, yaml.CSafeLoader) for text in written if text is not None])
        return found

    def _complete(self, run: RecordedRun, missing: set[str]) -> RecordedRun:
        written = self.text(run.id, CONFIGURATION) if missing else None
        if written is None:
            return run
        config = OmegaConf.create(written)
        values = {key: OmegaConf.select(config, key, default=...) for key in missing}
        texts = {
            # As run.log_params writes them.
            key: value if isinstance(value, str) else json.dumps(value)
            for key, value in values.items()
            if value is not ... and not OmegaConf.is_config(value)
        }
        return replace(run, params={**run.params, **texts})


@contextmanager
def _answering(uri: str) -> Iterator[None]:
    """Turn what the first request to a store can end in into a UserError."""
    from mlflow.exceptions import MlflowException

    try:
        with impatient():
            yield
    except MlflowException as error:
        raise UserError(f"An MLflow store that answers was expected. Received from {uri}: {error}") from error


def recorded(run: "Run") -> RecordedRun:
    return RecordedRun(
        id=run.info.run_id,
        name=run.info.run_name or "",
        status=run.info.status if run.info.lifecycle_stage == "active" else "DELETED",
        started=run.info.start_time,
        params=run.data.params,
        metrics=run.data.metrics,
        tags=run.data.tags,
    )
