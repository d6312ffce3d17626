import pytest

from ndsc.tracking.gpu import GpuReader, gpu_names, visible_gpus


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        (None, ["GPU-aaa1", "GPU-aab2", "GPU-ccc3"]),
        ("", []),
        ("-1", []),
        ("1", ["GPU-aab2"]),
        ("2, 0", ["GPU-ccc3", "GPU-aaa1"]),
        ("0,7,1", ["GPU-aaa1"]),
        ("GPU-aab2", ["GPU-aab2"]),
        ("GPU-ccc", ["GPU-ccc3"]),
        ("GPU-nowhere", []),
        ("nonsense", []),
        ("MIG-slice", ["MIG-slice"]),
        ("MIG-nowhere", []),
    ],
)
def test_only_the_gpus_in_cuda_visible_devices_are_read(monkeypatch, nvml, visible, expected):
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    found = visible_gpus(nvml)
    assert found.handles == expected
    assert bool(found.reason) == (expected == [])
    assert gpu_names(nvml) == [f"Fake {uuid}" for uuid in expected]


def test_the_counters_of_a_gpu_have_mlflows_names(monkeypatch, nvml):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert GpuReader(nvml).read() == {
        "gpu_0_memory_usage_percentage": 50.0,
        "gpu_0_memory_usage_megabytes": 2000.0,
        "gpu_0_utilization_percentage": 80.0,
        "gpu_0_power_usage_watts": 150.0,
        "gpu_0_power_usage_percentage": 50.0,
    }


def test_a_counter_that_a_gpu_does_not_have_is_left_out(monkeypatch, nvml):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-slice,2")
    reader = GpuReader(nvml)
    for _ in range(2):
        assert reader.read().keys() == {
            "gpu_0_memory_usage_percentage",
            "gpu_0_memory_usage_megabytes",
            "gpu_1_memory_usage_percentage",
            "gpu_1_memory_usage_megabytes",
            "gpu_1_utilization_percentage",
        }


def test_this_machine_has_gpus_or_a_reason_for_none():
    found = visible_gpus()
    assert bool(found.handles) != bool(found.reason)
    assert bool(GpuReader().read()) == bool(found.handles)
