"""The NVIDIA GPUs that this process may use, and their utilisation.

MLflow would show every GPU of a shared machine, also those of other users.
"""

import itertools
import logging
import os
from types import ModuleType
from typing import NamedTuple

import pynvml

logger = logging.getLogger(__name__)

BYTES_IN_MEGABYTE = 1e6


class VisibleGpus(NamedTuple):
    """NVML's handles of the visible GPUs, in the order in which this process counts them; a reason if there is none."""

    handles: list[object]
    reason: str


def visible_gpus(nvml: ModuleType = pynvml) -> VisibleGpus:
    """Find the GPUs that CUDA_VISIBLE_DEVICES leaves to this process.

    A shared machine has more GPUs, which other people use. Entries are indices or (beginnings of)
    UUIDs. CUDA counts the fastest GPU first unless CUDA_DEVICE_ORDER=PCI_BUS_ID, NVML counts by bus: on a machine with
    different models, select by UUID or set that variable.
    """
    try:
        nvml.nvmlInit()
        every = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]
    except nvml.NVMLError as error:
        return VisibleGpus([], f"NVML: {error}")
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return VisibleGpus(every, "" if every else "NVML counts no GPU")
    # CUDA too ignores everything after the first entry that names no device; "-1" and "" hide all of them.
    entries = (_find(nvml, every, entry.strip()) for entry in visible.split(","))
    chosen = list(itertools.takewhile(lambda handle: handle is not None, entries))
    return VisibleGpus(chosen, "" if chosen else f"CUDA_VISIBLE_DEVICES={visible!r} leaves none of {len(every)}")


def gpu_names(nvml: ModuleType = pynvml) -> list[str]:
    """Name the visible GPUs, `["NVIDIA H100 80GB HBM3", …]`."""
    return [nvml.nvmlDeviceGetName(handle) for handle in visible_gpus(nvml).handles]


def _find(nvml: ModuleType, every: list[object], entry: str) -> object | None:
    if entry.isdecimal():
        return every[int(entry)] if int(entry) < len(every) else None
    if entry.startswith("MIG-"):
        try:
            return nvml.nvmlDeviceGetHandleByUUID(entry)
        except nvml.NVMLError as error:
            logger.info("CUDA_VISIBLE_DEVICES names %s, which NVML does not know: %s", entry, error)
            return None
    if not entry.startswith("GPU-"):
        return None
    return next((handle for handle in every if nvml.nvmlDeviceGetUUID(handle).startswith(entry)), None)


class GpuReader:
    """Read the counters of the visible GPUs under MLflow's names, `gpu_<position>_utilization_percentage` and so on.

    A counter that a GPU does not have (slices have no utilisation, virtual GPUs no power) is left out from then on.
    """

    def __init__(self, nvml: ModuleType = pynvml) -> None:
        self._nvml = nvml
        self._handles = visible_gpus(nvml).handles
        self._counters = {"memory": self._memory, "utilization": self._utilization, "power": self._power}
        self._missing: set[tuple[int, str]] = set()

    def read(self) -> dict[str, float]:
        """Read all counters once: percent, megabytes (10⁶ bytes) and watts."""
        values: dict[str, float] = {}
        for position, handle in enumerate(self._handles):
            for kind, counter in self._counters.items():
                if (position, kind) in self._missing:
                    continue
                try:
                    values |= {f"gpu_{position}_{name}": value for name, value in counter(handle).items()}
                except self._nvml.NVMLError as error:
                    self._missing.add((position, kind))
                    logger.info("GPU %d has no counter of its %s: %s", position, kind, error)
        return values

    def _memory(self, handle: object) -> dict[str, float]:
        memory = self._nvml.nvmlDeviceGetMemoryInfo(handle)
        return {
            "memory_usage_percentage": 100 * memory.used / memory.total,
            "memory_usage_megabytes": memory.used / BYTES_IN_MEGABYTE,
        }

    def _utilization(self, handle: object) -> dict[str, float]:
        return {"utilization_percentage": float(self._nvml.nvmlDeviceGetUtilizationRates(handle).gpu)}

    def _power(self, handle: object) -> dict[str, float]:
        used = self._nvml.nvmlDeviceGetPowerUsage(handle)
        limit = self._nvml.nvmlDeviceGetEnforcedPowerLimit(handle)
        return {"power_usage_watts": used / 1000, "power_usage_percentage": 100 * used / limit}
