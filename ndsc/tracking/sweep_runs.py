"""The runs of a sweep, as the process that launches them sees the store."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from ndsc.config.schema import TrackingConfig
from ndsc.tracking.history import recorded
from ndsc.tracking.recorded_run import RecordedRun
from ndsc.tracking.stale_runs import end_dead_runs
from ndsc.tracking.store import Store, open_store

KEY, KIND, SWEEP = "ndsc.key", "ndsc.kind", "ndsc.sweep"
METRIC = "best/val_accuracy"


class SweepRuns:
    """Runs of one experiment, found by what they are the runs of."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @classmethod
    @contextmanager
    def opened(cls, tracking: TrackingConfig) -> Iterator["SweepRuns"]:
        """Opens the store, creating what is missing, and marks runs KILLED that died on this host.

        Raises:
            UserError: the store cannot be opened.
        """
        with open_store(tracking) as store:
            end_dead_runs(store.client, store.experiment_id)
            yield cls(store)

    def finished(self, keys: Iterable[str]) -> dict[str, RecordedRun]:
        """By key the newest FINISHED run that is no sweep's own. One whose store failed in its middle ended FINISHED
        too, but has no accuracy there: it is as good as none."""
        found = {}
        for key in dict.fromkeys(keys):
            runs = self._search(f"tags.`{KEY}` = '{key}' AND attributes.status = 'FINISHED'")
            if alone := [run for run in runs if KIND not in run.tags and METRIC in run.metrics]:
                found[key] = alone[0]
        return found

    def sweep(self, sweep_key: str) -> RecordedRun | None:
        """The newest run of this sweep, whatever became of it."""
        runs = self._search(f"tags.`{SWEEP}` = '{sweep_key}'")
        return runs[0] if runs else None

    def curve(self, run: RecordedRun, metric: str) -> list[float]:
        """A metric's values by step."""
        points = self._store.client.get_metric_history(run.id, metric)
        return [point.value for point in sorted(points, key=lambda point: (point.step, point.timestamp))]

    def close(self, run_id: str, tags: Mapping[str, str], metrics: Mapping[str, float], status: str) -> None:
        """Say what became of a sweep's own run, which nobody is recording into any more."""
        client = self._store.client
        for key, value in tags.items():
            client.set_tag(run_id, key, value)
        for key, value in metrics.items():
            client.log_metric(run_id, key, value)
        client.set_terminated(run_id, status)

    def _search(self, condition: str) -> list[RecordedRun]:
        found = self._store.client.search_runs(
            [self._store.experiment_id], condition, order_by=["attributes.start_time DESC"]
        )
        return [recorded(run) for run in found]
