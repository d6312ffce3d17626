import itertools
import logging
import time

import numpy as np
import pytest

from ndsc.tracking import system_metrics as hardware
from ndsc.tracking.gpu import GpuReader
from ndsc.tracking.system_metrics import SystemMetricsMonitor, anonymous_memory


def test_memory_counts_allocated_memory():
    before = anonymous_memory()
    block = np.ones(25_000_000)
    assert 190e6 < anonymous_memory() - before < 230e6
    del block


def test_the_summary_has_the_peak_of_memory_that_was_freed():
    points = []
    monitor = SystemMetricsMonitor(0.1, points.extend)
    before = anonymous_memory() / 1e6
    monitor.start()
    block = np.ones(25_000_000)
    time.sleep(0.4)
    del block
    time.sleep(0.4)
    summary = monitor.stop()

    assert summary["system/peak_memory_megabytes"] > before + 190
    assert summary["system/mean_memory_megabytes"] < summary["system/peak_memory_megabytes"] - 20
    curve = [point for point in points if point.key == "system/process_memory_megabytes"]
    assert [point.step for point in curve] == list(range(len(curve)))
    assert max(point.value for point in curve) == summary["system/peak_memory_megabytes"]
    assert all(earlier.timestamp < later.timestamp for earlier, later in itertools.pairwise(curve))


def test_a_run_shorter_than_an_interval_has_readings():
    points = []
    monitor = SystemMetricsMonitor(60, points.extend)
    monitor.start()
    summary = monitor.stop()
    assert {"system/cpu_utilization_percentage", "system/network_receive_megabytes"} <= {point.key for point in points}
    assert {"system/mean_cpu_utilization_percentage", "system/peak_memory_megabytes"} <= summary.keys()


def test_readings_of_long_runs_are_published_while_they_run(monkeypatch):
    monkeypatch.setattr(hardware, "SECONDS_BETWEEN_WRITES", 0.2)
    batches = []
    monitor = SystemMetricsMonitor(0.1, batches.append)
    monitor.start()
    time.sleep(0.6)
    published = len(batches)
    monitor.stop()
    assert 1 <= published < len(batches)
    steps = [point.step for batch in batches for point in batch if point.key == "system/disk_usage_percentage"]
    assert steps == sorted(set(steps))


def test_the_summary_of_gpus_has_their_mean_utilisation_and_the_fullest_memory(monkeypatch, nvml):
    # The NVML of conftest.py is a fake, so the test needs no GPU.
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    monkeypatch.setattr(hardware, "GpuReader", lambda: GpuReader(nvml))
    points = []
    monitor = SystemMetricsMonitor(0.1, points.extend)
    monitor.start()
    summary = monitor.stop()
    assert summary["gpu/mean_utilization"] == pytest.approx(45)
    assert summary["gpu/peak_utilization"] == 45
    assert summary["gpu/peak_memory_megabytes"] == 2000
    assert "system/gpu_1_utilization_percentage" in {point.key for point in points}


def test_without_a_gpu_there_are_no_gpu_metrics(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monitor = SystemMetricsMonitor(0.1, [].extend)
    monitor.start()
    assert not [name for name in monitor.stop() if name.startswith("gpu/")]


def test_an_error_while_reading_is_a_warning_and_does_not_stop_the_run(caplog):
    def publish(_points):
        raise OSError("disk full")

    monitor = SystemMetricsMonitor(0.1, publish)
    with caplog.at_level(logging.WARNING):
        monitor.start()
        monitor.stop()
    assert "no longer recorded" in caplog.text
    assert "disk full" in caplog.text


def test_a_monitor_that_never_started_can_be_stopped():
    assert SystemMetricsMonitor(0.1, [].extend).stop() == {}
