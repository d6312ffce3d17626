from types import SimpleNamespace

import pytest

from ndsc.config.schema import TrackingConfig
from ndsc.tracking.store import create_store


@pytest.fixture
def settings():
    """Return a function that makes tracking settings: a local store in `root`, five readings a second."""
    return make_settings


def make_settings(root, **changes):
    values = {
        "kind": "local",
        "experiment": "ndsc",
        "root": str(root),
        "model": "full",
        "figures": True,
        "run_name": None,
        "system_metrics_interval": 0.2,
    }
    return TrackingConfig(**(values | changes))


@pytest.fixture(scope="session")
def store_root(tmp_path_factory):
    """Return the folder of a local store that all tests share, since a new database takes two seconds."""
    root = tmp_path_factory.mktemp("store") / "mlruns"
    create_store(make_settings(root))
    return root


@pytest.fixture
def tracking(store_root, request):
    """Return settings for the shared store, with one experiment per test."""
    return make_settings(store_root, experiment=request.node.name)


@pytest.fixture
def client(store_root):
    """Return MLflow's client of the shared store."""
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{store_root}/mlflow.db")


SLICE = "MIG-slice"


class FakeNvml:
    """A fake of NVML, which works only with NVIDIA's driver. It is the only mock of these tests.

    A machine with three GPUs and one slice of a fourth; handles are their UUIDs. The third GPU reports no power.
    """

    class NVMLError(Exception):
        pass

    uuids = ("GPU-aaa1", "GPU-aab2", "GPU-ccc3")

    def __init__(self):
        self.utilization = {"GPU-aaa1": 10, "GPU-aab2": 80, "GPU-ccc3": 40}
        self.megabytes = {"GPU-aaa1": 1000, "GPU-aab2": 2000, "GPU-ccc3": 3000, SLICE: 500}

    def nvmlInit(self):
        pass

    def nvmlDeviceGetCount(self):
        return len(self.uuids)

    def nvmlDeviceGetHandleByIndex(self, index):
        return self.uuids[index]

    def nvmlDeviceGetHandleByUUID(self, uuid):
        if uuid != SLICE:
            raise self.NVMLError("Not Found")
        return SLICE

    def nvmlDeviceGetUUID(self, handle):
        return handle

    def nvmlDeviceGetName(self, handle):
        return f"Fake {handle}"

    def nvmlDeviceGetMemoryInfo(self, handle):
        return SimpleNamespace(used=self.megabytes[handle] * 1_000_000, total=4_000_000_000)

    def nvmlDeviceGetUtilizationRates(self, handle):
        if handle == SLICE:
            raise self.NVMLError("Not Supported")
        return SimpleNamespace(gpu=self.utilization[handle])

    def nvmlDeviceGetPowerUsage(self, handle):
        if handle in ("GPU-ccc3", SLICE):
            raise self.NVMLError("Not Supported")
        return 150_000

    def nvmlDeviceGetEnforcedPowerLimit(self, _handle):
        return 300_000


@pytest.fixture
def nvml():
    """The fake of NVML."""
    return FakeNvml()
