"""Stored runs, found by the name of an experiment, or by the id of a run or of a sweep."""

import csv
import io
import logging
import re
import signal
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository
from omegaconf import DictConfig, OmegaConf

from ndsc.config.schema import TrackingConfig
from ndsc.errors import UserError
from ndsc.tracking import earlier_versions
from ndsc.tracking.run import KIND
from ndsc.tracking.stale_runs import end_stale_runs, send_signal
from ndsc.tracking.store import StoreSettings, earlier_runs_uri, open_client, open_store, store_errors

RUN_ID = re.compile("[0-9a-f]{32}")
PARENT = "mlflow.parentRunId"
CONFIGURATION = "config/config.yaml"
SWEEP_TABLE = "sweep/runs.csv"  # one row a run, its id in the column `run`, empty if it did not finish
KEY, SWEEP = "ndsc.key", "ndsc.sweep"
METRIC = "best/val_accuracy"
# Seconds in which the runs of a sweep that was stopped can end after a signal.
LONGEST_ENDING = 4.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RecordedRun:
    """A stored run in plain values, named as this version names them.

    `status` is FINISHED, FAILED, KILLED, RUNNING or DELETED; `started` is in milliseconds since 1970. Params are
    written as they are typed on the command line. Each metric has its last value, which may be NaN.
    """

    id: str
    name: str
    status: str
    started: int
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]

    @property
    def seed(self) -> str:
        """The seed, or an empty text where none was logged."""
        return self.params.get("seed", "")

    @property
    def manifest(self) -> str:
        """The digest of the run's manifest, or an empty text."""
        return self.tags.get("manifest", "")


class History:
    """The runs of one store. Nothing in it is created or changed."""

    def __init__(self, tracking: StoreSettings) -> None:
        """Raises `UserError` if there is no local store, or no server is named."""
        self.uri = earlier_runs_uri(tracking)
        self.client = open_client(self.uri)

    def find(self, names: Sequence[str]) -> list[RecordedRun]:
        """Return the runs of these names, each once.

        The name of an experiment gives all its runs, the id of a run that run, and the id of a sweep's own run (tag
        `ndsc.kind=sweep`) the runs below it and those that it reused. The params of a run are all its settings, even if
        it logged only some of them.

        Raises:
            UserError: the store does not answer, or has nothing of one of these names.
        """
        found: dict[str, RecordedRun] = {}
        for name in names:
            for run in self._of_run(name) if RUN_ID.fullmatch(name) else self._of_experiment(name):
                found[run.id] = run
        runs = [self._complete(run) for run in found.values()]
        keys = {key for run in runs for key in run.params}
        return [replace(run, params=earlier_versions.add_defaults(run.params, keys)) for run in runs]

    def run(self, run_id: str) -> RecordedRun:
        """Return one run by its id, also a sweep's own.

        Raises:
            UserError: the store does not answer or has no such run.
        """
        return _recorded(find_run(self.client, run_id, self.uri))

    def experiment(self, run_id: str) -> str:
        """Return the name of the experiment that a run belongs to."""
        run = find_run(self.client, run_id, self.uri)
        return self.client.get_experiment(run.info.experiment_id).name

    def curve(self, run_id: str, metric: str) -> list[float]:
        """Return a metric's values by step."""
        points = self.client.get_metric_history(run_id, metric)
        return [point.value for point in sorted(points, key=lambda point: (point.step, point.timestamp))]

    def artifact_uri(self, run_id: str) -> str:
        """Return the path or address of a run's artifacts at the time when it was recorded."""
        return find_run(self.client, run_id, self.uri).info.artifact_uri

    def config(self, run_id: str) -> DictConfig | None:
        """Return the configuration that a run logged, with the keys of this version; None if it logged none."""
        text = self.text(run_id, CONFIGURATION)
        if text is None:
            return None
        config = OmegaConf.create(text)
        assert isinstance(config, DictConfig)
        return earlier_versions.rename_config(config)

    def text(self, run_id: str, path: str) -> str | None:
        """Return an artifact as text; None if the run has none of this path."""
        with self.file(run_id, path) as found:
            return None if found is None else found.read_text(encoding="utf-8")

    @contextmanager
    def file(self, run_id: str, path: str) -> Iterator[Path | None]:
        """Yield the local path of an artifact, a file or a folder; None if the run has none of this path."""
        folder = str(PurePosixPath(path).parent)
        with store_errors(self.uri):
            known = [entry.path for entry in self.client.list_artifacts(run_id, folder)]
        if path not in known:
            self._warn_if_lost(run_id)
            yield None
            return
        with tempfile.TemporaryDirectory() as temporary:
            yield Path(self.client.download_artifacts(run_id, path, temporary))

    def _warn_if_lost(self, run_id: str) -> None:
        repository = get_artifact_repository(self.artifact_uri(run_id), self.uri)
        if not isinstance(repository, LocalArtifactRepository):
            return
        # A run without artifacts has no folder. Without the folder of all runs, they were lost.
        if not (folder := Path(repository.artifact_dir).parents[1]).exists():
            log.warning(
                "the artifacts of run %s are not found, because there is no folder %s. If the store was moved without "
                "it, move that too",
                *(run_id, folder),
            )

    def _of_run(self, run_id: str) -> list[RecordedRun]:
        run = find_run(self.client, run_id, self.uri)
        if run.data.tags.get(KIND) != "sweep":
            return [_recorded(run)]
        children = self._search(run.info.experiment_id, f"tags.`{PARENT}` = '{run_id}'")
        known = {child.id for child in children} | {""}
        # Runs that the sweep did not run again belong to an earlier sweep, or to none.
        table = csv.DictReader(io.StringIO(self.text(run_id, SWEEP_TABLE) or ""))
        return children + [self.run(row["run"]) for row in table if row["run"] not in known]

    def _of_experiment(self, name: str) -> list[RecordedRun]:
        with store_errors(self.uri):
            experiment = self.client.get_experiment_by_name(name)
            if experiment is None or experiment.lifecycle_stage != "active":
                known = ", ".join(sorted(one.name for one in self.client.search_experiments()))
                raise UserError(
                    f"The name of an experiment in {self.uri} was expected, or the id of a run: 32 letters and "
                    f"digits. Received: {name}. The experiments there are: {known}."
                )
        return self._search(experiment.experiment_id, "")

    def _search(self, experiment_id: str, condition: str) -> list[RecordedRun]:
        """Return all runs of an experiment that meet the condition, the newest first."""
        found, token = [], None
        while True:
            with store_errors(self.uri):
                page = self.client.search_runs([experiment_id], condition, page_token=token)
            found.extend(page)
            token = page.token
            if not token:
                return [_recorded(run) for run in found]

    def _complete(self, run: RecordedRun) -> RecordedRun:
        if not earlier_versions.needs_completion(run.params) or (config := self.config(run.id)) is None:
            return run
        return replace(run, params=earlier_versions.complete_params(run.params, config))


class SweepRuns(History):
    """The runs of the experiment that a sweep records into, for the process that launches them."""

    def __init__(self, tracking: TrackingConfig, experiment_id: str) -> None:
        super().__init__(tracking)
        self._experiment_id = experiment_id

    @classmethod
    @contextmanager
    def opened(cls, tracking: TrackingConfig) -> Iterator["SweepRuns"]:
        """Open the store, create what is missing, and mark stale runs KILLED.

        Raises:
            UserError: the store cannot be opened.
        """
        with open_store(tracking) as experiment_id:
            end_stale_runs(experiment_id)
            yield cls(tracking, experiment_id)

    def finished(self, keys: Iterable[str]) -> dict[str, RecordedRun]:
        """Return, by run key, the newest FINISHED run that is no sweep's own.

        A run whose store failed halfway ended FINISHED too, but has no accuracy there: it does not count.
        """
        found = {}
        for key in dict.fromkeys(keys):
            runs = self._search(self._experiment_id, f"tags.`{KEY}` = '{key}' AND attributes.status = 'FINISHED'")
            if single := [run for run in runs if KIND not in run.tags and METRIC in run.metrics]:
                found[key] = single[0]
        return found

    def sweep(self, sweep_key: str) -> RecordedRun | None:
        """Return the newest run of this sweep, whatever its status."""
        return next(iter(self._search(self._experiment_id, f"tags.`{SWEEP}` = '{sweep_key}'")), None)

    def close(self, run_id: str, tags: Mapping[str, str], metrics: Mapping[str, float], status: str) -> None:
        """End a sweep's own run, which no process records any more."""
        for key, value in tags.items():
            self.client.set_tag(run_id, key, value)
        for key, value in metrics.items():
            self.client.log_metric(run_id, key, value)
        self.client.set_terminated(run_id, status)

    def abort(self, sweep_id: str, status: str) -> None:
        """End a sweep's own run early, and the runs below it. Those of this host get SIGTERM, and SIGKILL if that does
        not end them in time; those of other hosts see that the sweep has ended (`stopped_with`)."""
        self.client.set_terminated(sweep_id, status)
        below = f"tags.`{PARENT}` = '{sweep_id}' AND attributes.status = 'RUNNING'"
        for number in (signal.SIGTERM, signal.SIGKILL):
            for run in self._search(self._experiment_id, below):
                send_signal(run.tags, number)
            deadline = time.monotonic() + LONGEST_ENDING
            while self._search(self._experiment_id, below) and time.monotonic() < deadline:
                end_stale_runs(self._experiment_id)
                time.sleep(0.2)


def find_run(client: MlflowClient, run_id: str, uri: str) -> mlflow.entities.Run:
    """Return a run by its id.

    Raises:
        UserError: the store does not answer or has no such run.
    """
    with store_errors(uri):
        try:
            return client.get_run(run_id)
        except MlflowException as error:
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise
            raise UserError(
                f"The id of a run in {uri} was expected: 32 letters and digits, in the last lines that the run printed "
                f"and at the top of its page (make ui). Received: {run_id}."
            ) from error


def _recorded(run: mlflow.entities.Run) -> RecordedRun:
    return RecordedRun(
        id=run.info.run_id,
        name=run.info.run_name or "",
        status=run.info.status if run.info.lifecycle_stage == "active" else "DELETED",
        started=run.info.start_time,
        params=earlier_versions.rename_params(run.data.params),
        metrics=earlier_versions.rename_metrics(run.data.metrics),
        tags=earlier_versions.rename_tags(run.data.tags),
    )
