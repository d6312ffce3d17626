"""System metrics of a run: curves of the machine's utilisation, and a mean and a peak at the end.

MLflow's own monitor is not used: it logs its first values after a whole interval and its last ones never, requests the
status of the run each time, and shows every GPU of the host.
"""

import logging
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from mlflow.entities import Metric
from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor

from ndsc.tracking.gpu import BYTES_IN_MEGABYTE, GpuReader

# Utilisation is a difference between two readings; closer together than this, it is noise.
SHORTEST_SECONDS = 0.1
SECONDS_BETWEEN_WRITES = 10.0

Publish = Callable[[Sequence[Metric]], None]

logger = logging.getLogger(__name__)


def anonymous_memory() -> int:
    """Return the anonymous memory of this process in bytes: what it allocated, without memory-mapped caches.

    Only Linux reports it. Elsewhere it is the memory that this process shares with no other.
    """
    if sys.platform != "linux":
        return psutil.Process().memory_full_info().uss
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("RssAnon:"))
    return int(line.split()[1]) * 1024


@dataclass
class RunningStatistics:
    """Mean over time and peak of a quantity that is read at intervals."""

    total: float = 0.0
    seconds: float = 0.0
    peak: float = 0.0

    def add(self, value: float, seconds: float) -> None:
        """Add a reading that stands for the last `seconds`; the last one of a run may stand for less than others."""
        self.total += value * seconds
        self.seconds += seconds
        self.peak = max(self.peak, value)


class SystemMetricsMonitor:
    """Read CPU, memory, disk, network and GPUs every `interval` seconds in a thread.

    Readings are passed to `publish` every ten seconds, and at the end. If they cannot be read, a warning is logged and
    the run continues.
    """

    def __init__(self, interval: float, publish: Publish) -> None:
        self._interval = interval
        self._publish = publish
        self._statistics: dict[str, RunningStatistics] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="hardware", daemon=True)

    def start(self) -> None:
        """Start reading. The first values are available after a tenth of a second."""
        self._thread.start()

    def stop(self) -> dict[str, float]:
        """Take a last reading and return the summary: `system/mean_…`, `system/peak_…`, and `gpu/…` with a GPU.

        Utilisation in percent of the whole machine, or of the mean over the visible GPUs; memory in megabytes (10⁶
        bytes) of this process, or of the fullest visible GPU. Between two readings memory may have been higher.
        """
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join()
        summary = {}
        for name, one in self._statistics.items():
            group, quantity = name.split("/")
            summary[f"{group}/mean_{quantity}"] = one.total / one.seconds
            summary[f"{group}/peak_{quantity}"] = one.peak
        return summary

    def _watch(self) -> None:
        try:
            readings = _Readings(self._publish, self._statistics)
            time.sleep(SHORTEST_SECONDS)
            readings.take()
            while not self._stopped.wait(self._interval):
                readings.take()
            readings.take()
            readings.write()
        except Exception:  # a counter that cannot be read is no reason to fail a training
            logger.warning("The utilisation of the hardware is no longer recorded.", exc_info=True)


class _Readings:
    """Take readings, summarize them in `statistics`, and publish those that have waited long enough.

    CPU, memory, disk and network come from MLflow's own readers, and have its names.
    """

    def __init__(self, publish: Publish, statistics: dict[str, RunningStatistics]) -> None:
        self._publish = publish
        self._statistics = statistics
        self._readers = (CPUMonitor(), DiskMonitor(), NetworkMonitor())
        self._gpus = GpuReader()
        self._unwritten: list[Metric] = []
        self._count = 0
        # The first answer in a thread is always 0.
        psutil.cpu_percent()
        self._last_reading = self._last_write = time.monotonic()

    def take(self) -> None:
        """Read everything once, unless the last reading is too recent to measure against."""
        elapsed = time.monotonic() - self._last_reading
        if elapsed < SHORTEST_SECONDS:
            return
        self._last_reading += elapsed
        values = self._read()
        for name, value in _summarized(values).items():
            self._statistics.setdefault(name, RunningStatistics()).add(value, elapsed)
        now = time.time_ns() // 1_000_000
        self._unwritten += [Metric(f"system/{name}", value, now, self._count) for name, value in values.items()]
        self._count += 1
        if self._last_reading - self._last_write >= SECONDS_BETWEEN_WRITES:
            self.write()

    def write(self) -> None:
        """Publish what has not been published."""
        self._publish(self._unwritten)
        self._unwritten = []
        self._last_write = self._last_reading

    def _read(self) -> dict[str, float]:
        values: dict[str, float] = {}
        for reader in self._readers:
            reader.collect_metrics()
            values |= reader.aggregate_metrics()
            reader.clear_metrics()
        values["process_memory_megabytes"] = anonymous_memory() / BYTES_IN_MEGABYTE
        return values | self._gpus.read()


def _summarized(values: Mapping[str, float]) -> dict[str, float]:
    """Return the quantities of one reading that get a mean and a peak, keyed `group/quantity`."""
    summarized = {
        "system/cpu_utilization_percentage": values["cpu_utilization_percentage"],
        "system/memory_megabytes": values["process_memory_megabytes"],
    }
    gpus = {name: value for name, value in values.items() if name.startswith("gpu_")}
    utilizations = [value for name, value in gpus.items() if name.endswith("_utilization_percentage")]
    memories = [value for name, value in gpus.items() if name.endswith("_memory_usage_megabytes")]
    if utilizations:
        summarized["gpu/utilization"] = sum(utilizations) / len(utilizations)
    if memories:
        summarized["gpu/memory_megabytes"] = max(memories)
    return summarized
