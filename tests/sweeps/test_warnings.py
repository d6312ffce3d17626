"""Sweeps in which every warning is an error: `make hydra14` runs them with the next version of Hydra."""

import pytest

from tests.sweeps.conftest import SweepWorkspace

# As in pyproject.toml; the last one is of the launcher for Ray.
OF_OTHERS = ("__array__ implementation", "The ``noload`` loader strategy", "register_new_resolver")


@pytest.mark.soak
@pytest.mark.parametrize("launcher", ["basic", "joblib"])
def test_a_sweep_warns_of_nothing(launcher: str, workspace: SweepWorkspace, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTHONWARNINGS", ",".join(["error", *(f"ignore:{text}" for text in OF_OTHERS)]))
    library_objects = ("augmentation.views=2", "callbacks=checkpoint", "optimizer=adamw")
    output = workspace.sweep(f"hydra/launcher={launcher}", *library_objects, "seed=0,1")
    assert "2 finished" in output
    assert "Warning" not in output
