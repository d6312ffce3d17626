from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from omegaconf import DictConfig

from ndsc.config.hydra_job import HydraJob
from ndsc.config.schema import typed
from ndsc.model.engines import EngineSpec
from ndsc.model.weights import Weights
from ndsc.run_reporter import Story
from ndsc.tracking.tracked_run import UntrackedRun


def test_the_seconds_of_a_step_are_its_own(
    composed: Callable[..., DictConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr("ndsc.run_reporter.time", SimpleNamespace(perf_counter=lambda: clock.now))
    config = composed()
    invocation = HydraJob((), {}, config, tmp_path, in_sweep=False)
    story = Story(UntrackedRun(), typed(config), invocation, Weights("random", "random"))
    clock.now = 100.0  # the backbone is built
    story.chose(EngineSpec("tensorflow", "float32", "asked for"))
    clock.now = 101.0
    story.indexed(SimpleNamespace(facts={}))
    clock.now = 150.0  # photos are drawn
    story.drawn(SimpleNamespace(excluded=None))
    clock.now = 153.0
    story.read(SimpleNamespace(rejected=pd.DataFrame(), photos=pd.DataFrame({"role": [], "label": []})))
    assert {name: story._metrics[f"time/{name}_seconds"] for name in ("index", "read")} == {"index": 1.0, "read": 3.0}
