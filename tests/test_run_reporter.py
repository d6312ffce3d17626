"""The buffered metrics of epochs, the closing table, and the warning about test photos that calibrated a network."""

from pathlib import Path

import pandas as pd
import pytest

from ndsc.caching.openvino_cache import Network
from ndsc.config.schema import TrackingConfig
from ndsc.data.manifest import Manifest
from ndsc.run_reporter import EpochLog, closing_rows, log_quantized
from ndsc.tracking.tracked_run import UntrackedRun

METRICS = {
    **dict.fromkeys(("best/val_accuracy", "best/val_accuracy_low", "best/val_accuracy_high"), 0.5),
    "best/train_accuracy": 1.0,
    "best/epoch": 3.0,
    "cache/hits": 10,
    "cache/misses": 2000,
    "time/total_seconds": 12.34,
    "time/fit_seconds": 1.0,
}


class Curves(UntrackedRun):
    """A run that records the curves and their first steps."""

    def __init__(self) -> None:
        self.logged: list[tuple[int, dict[str, list[float]]]] = []

    def log_history(self, history, first_step: int = 1) -> None:
        self.logged.append((first_step, dict(history)))


def test_epochs_are_logged_in_one_call_with_consecutive_steps(monkeypatch: pytest.MonkeyPatch):
    run = Curves()
    epochs = EpochLog(run)
    for epoch in range(3):
        epochs(epoch, {"val/loss": float(epoch)})
    monkeypatch.setattr("ndsc.run_reporter.FLUSH_SECONDS", -1.0)  # as if the last flush were long ago
    epochs(3, {"val/loss": 3.0})
    epochs.flush()
    epochs(4, {"val/loss": 4.0})
    epochs.flush()
    assert run.logged == [(1, {"val/loss": [0.0, 1.0, 2.0, 3.0]}), (5, {"val/loss": [4.0]})]


def test_the_closing_table_has_rows_for_known_metrics_and_the_command_to_view_the_run():
    tracking = TrackingConfig(kind="local", root="mlruns")
    rows = closing_rows(METRICS, "random", None, tracking)
    assert list(rows) == ["validation accuracy", "training accuracy", "best epoch", "features", "seconds", "weights"]
    assert rows["features"] == "10 from the cache, 2,000 computed"
    assert rows["seconds"] == "12.3: fit 1.0"
    grouped = METRICS | {"data/duplicate_groups": 12, "data/leaks_prevented": 1}
    rows = closing_rows(grouped, "random", "a" * 32, tracking)
    assert rows["duplicate groups"] == "12 (1 would have leaked into validation)"
    assert rows["view with"] == "make ui"
    assert "serve with" not in rows
    whole = closing_rows(grouped, "random", "a" * 32, TrackingConfig(kind="local", root="mlruns", model="full"))
    assert whole["serve with"].startswith("MLFLOW_TRACKING_URI=sqlite:////")
    assert whole["serve with"].endswith(f"--model-uri runs:/{'a' * 32}/model --env-manager local")


def test_test_photos_that_calibrated_the_int8_network_are_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    rows = pd.DataFrame({"content": ["a", "b", "c"], "split": ["train", "test", "test"]})
    network = Network(tmp_path, "0" * 32, {"contents": ["a", "c"]})
    log_quantized(UntrackedRun(), "all", network, Manifest(rows, ("x", "y")))
    assert "1 of the 2 test photos" in caplog.text
