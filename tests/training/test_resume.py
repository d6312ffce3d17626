"""A training that is killed after any epoch and started again ends as if nothing had happened."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from ndsc.config.schema import Config, TrainingConfig
from ndsc.training.fit import FitResult, fit
from tests.training.test_fit import ADAM, STOPPING, side

PLATEAU = {
    "plateau": {"_target_": "keras.callbacks.ReduceLROnPlateau", "monitor": "val_loss", "patience": 1, "factor": 0.1}
}


class Killed(BaseException):
    """Ends a process as kill -9 does, as far as the file is concerned: nothing is tidied up."""


@pytest.fixture
def training(configured: Callable[..., Config]) -> TrainingConfig:
    return replace(configured().training, epochs=7, batch_size=8)


def trained(
    training: TrainingConfig, callbacks: dict, file: Path | None, killed_after: int | None = None
) -> tuple[list[np.ndarray], FitResult, list[int]]:
    keras.utils.set_random_seed(0)
    # Dropout draws random numbers in every step: they, too, must go on where they were.
    layers = [keras.Input((8,)), keras.layers.Dropout(0.5, seed=3), keras.layers.Dense(2, activation="softmax")]
    model = keras.Sequential(layers)
    told = []

    def report(epoch: int, metrics: dict[str, float]) -> None:
        # The state is kept after the report: what is killed in epoch 3 has two epochs behind it.
        if killed_after is not None and epoch == killed_after:
            raise Killed
        told.append(epoch)

    sides = side(40, 3, noise=3.0), side(20, 1, seed=1, noise=3.0)
    fitted = fit(model, *sides, training, ADAM, callbacks, 0, report, file)
    return model.get_weights(), fitted, told


@pytest.mark.parametrize("callbacks", [{}, STOPPING, PLATEAU], ids=["none", "early stopping", "plateau"])
@pytest.mark.parametrize("killed_after", [1, 3])
def test_it_goes_on_as_if_nothing_had_happened(
    training: TrainingConfig, tmp_path: Path, callbacks: dict, killed_after: int
):
    weights, undisturbed, told = trained(training, callbacks, None)
    file = tmp_path / "unfinished" / "run.npz"
    with pytest.raises(Killed):
        trained(training, callbacks, file, killed_after)
    assert file.exists()
    resumed_weights, resumed, told_again = trained(training, callbacks, file)
    assert resumed == undisturbed
    assert told_again == told
    for one, other in zip(resumed_weights, weights, strict=True):
        np.testing.assert_array_equal(one, other)
    assert not file.exists()


def test_one_that_had_stopped_trains_no_further(training: TrainingConfig, tmp_path: Path):
    file = tmp_path / "run.npz"
    stopping = {"stopping": {**STOPPING["stopping"], "patience": 1, "min_delta": 10.0}}
    _, undisturbed, told = trained(training, stopping, None)
    assert len(told) < training.epochs
    kept = _kept_at_the_end(training, stopping, file)
    file.write_bytes(kept)
    _, resumed, told_again = trained(training, stopping, file)
    assert resumed == undisturbed
    assert told_again == told


def _kept_at_the_end(training: TrainingConfig, callbacks: dict, file: Path) -> bytes:
    """The file as it is between the last epoch and the end of the run."""
    kept = []

    class Copying(type(file)):
        def unlink(self, missing_ok: bool = False) -> None:
            if self.name == file.name:
                kept.append(self.read_bytes())
            super().unlink(missing_ok)

    trained(training, callbacks, Copying(file))
    return kept[-1]


def test_a_damaged_file_is_told_and_not_used(
    training: TrainingConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    file = tmp_path / "run.npz"
    with pytest.raises(Killed):
        trained(training, {}, file, 3)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)
    _, fitted, told = trained(training, {}, file)
    assert "damaged" in caplog.text
    assert told == list(range(7))
    assert fitted == trained(training, {}, None)[1]
