"""What a sweep finds done, in a real store."""

from ndsc.tracking.run import start_run
from ndsc.tracking.sweep_runs import SweepRuns


def test_a_run_that_ended_without_its_metrics_is_not_done(tracking):
    with start_run(tracking, "whole", {"ndsc.key": "a"}) as whole:
        whole.log_metrics({"best/val_accuracy": 0.9})
    # As a run whose store failed in its middle, and came back for its end.
    for key in ("a", "b"):
        with start_run(tracking, "without", {"ndsc.key": key, "ndsc.unsent": "mlruns/unsent/1"}):
            pass
    with SweepRuns.opened(tracking) as runs:
        assert {key: run.id for key, run in runs.finished(["a", "b"]).items()} == {"a": whole.id}
