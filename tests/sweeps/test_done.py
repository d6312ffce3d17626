"""The jobs of a sweep that are launched if some runs are FINISHED. The launcher only counts; nothing is trained."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import OmegaConf

from ndsc.config.schema import BackboneConfig, Config
from ndsc.errors import UserError
from ndsc.model.weights import RANDOM_FALLBACK, Weights
from ndsc.sweeps.sweep import JobResult, Sweep, resumable_run_id
from ndsc.tracking.history import RecordedRun
from ndsc.tracking.stale_runs import HOST, host
from tests.sweeps.conftest import job_of


class Counting:
    """A launcher whose jobs all have an accuracy of 90 %."""

    def __init__(self) -> None:
        self.launched: list[list[str]] = []

    def launch(self, batch: list[list[str]], initial_job_idx: int) -> list[JobReturn]:
        self.launched += batch
        return [JobReturn(_return_value=0.9, status=JobStatus.COMPLETED) for _ in batch]


def sweep_with(weights: str) -> tuple[Sweep, Counting]:
    """Return a sweep whose jobs all have a finished run on these weights, and its launcher."""
    metrics, tags = {"best/val_accuracy": 0.4}, {"weights": weights}
    run = RecordedRun("1", "run", "FINISHED", 0, params={}, metrics=metrics, tags=tags)
    launcher = Counting()
    sweep = Sweep(launcher, OmegaConf.create({"hydra": {"launcher": {}}}), [])
    sweep._runs = SimpleNamespace(finished=lambda keys: dict.fromkeys(keys, run))
    return sweep, launcher


@pytest.mark.parametrize(("now", "launched"), [(RANDOM_FALLBACK, 0), ("imagenet", 2)])
def test_a_run_on_random_weights_counts_only_as_long_as_imagenet_s_are_unavailable(
    configured: Callable[..., Config], monkeypatch: pytest.MonkeyPatch, now: str, launched: int
):
    asked = []

    def locate(backbone: BackboneConfig, **_: object) -> Weights:
        asked.append(backbone.name)
        return Weights("either", now)

    monkeypatch.setattr("ndsc.sweeps.sweep.locate_weights", locate)
    sweep, launcher = sweep_with(RANDOM_FALLBACK)
    sweep.launch([job_of(configured(), key) for key in ("one", "two")])
    assert len(launcher.launched) == launched
    assert asked == ["resnet50"]  # once, because a silent network is slow to answer


@pytest.mark.parametrize("weights", ["random", "imagenet"])
def test_a_finished_run_on_the_requested_weights_is_not_repeated(configured: Callable[..., Config], weights: str):
    sweep, launcher = sweep_with(weights)
    assert sweep.launch([job_of(configured(), "key")]) == [JobResult(0.4)]
    assert launcher.launched == []


def parent(status: str, at: str) -> RecordedRun:
    """Return the parent run of a sweep that was started on the host `at`."""
    return RecordedRun("1", "sweep", status, 0, params={}, metrics={}, tags={HOST: at})


def test_the_same_sweep_is_resumed_unless_it_is_running():
    assert resumable_run_id(None) is None
    assert resumable_run_id(parent("KILLED", "another")) == "1"
    with pytest.raises(UserError, match="another process is running"):
        resumable_run_id(parent("RUNNING", host()))


def test_a_sweep_that_seems_to_run_on_another_host_is_reported_and_not_resumed(caplog: pytest.LogCaptureFixture):
    assert resumable_run_id(parent("RUNNING", "replaced pid:[1]")) is None
    assert "another host (replaced pid:[1]): run 1" in caplog.text


def test_finished_runs_are_repeated_if_the_configuration_says_so(configured: Callable[..., Config]):
    sweep, launcher = sweep_with("imagenet")
    assert sweep.launch([job_of(configured("rerun_finished=true"), "key")]) == [JobResult(0.9)]
    assert len(launcher.launched) == 1
