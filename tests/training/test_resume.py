"""A training that is killed after any epoch and started again gives the same result as one that was not killed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from ndsc.config.schema import Config, TrainingConfig
from ndsc.training.fit import FitResult, fit
from tests.training.features import ADAM, STOPPING, phase_of, split_data

PLATEAU = {
    "plateau": {"_target_": "keras.callbacks.ReduceLROnPlateau", "monitor": "val_loss", "patience": 1, "factor": 0.1}
}


class Killed(BaseException):
    """Has the effect of kill -9 on the state file: nothing is cleaned up."""


@pytest.fixture
def training(configured: Callable[..., Config]) -> TrainingConfig:
    return replace(configured().training, epochs=7, batch_size=8)


def trained(
    training: TrainingConfig, callbacks: dict, file: Path | None, killed_after: int | None = None
) -> tuple[list[np.ndarray], FitResult, list[int]]:
    keras.utils.set_random_seed(0)
    # Dropout draws random numbers in every step: its generator must resume, too.
    layers = [keras.Input((8,)), keras.layers.Dropout(0.5, seed=3), keras.layers.Dense(2, activation="softmax")]
    model = keras.Sequential(layers)
    reported = []

    def report(epoch: int, metrics: dict[str, float]) -> None:
        # The state is stored after the report: a process killed here has stored the epochs before this one.
        if killed_after is not None and epoch == killed_after:
            raise Killed
        reported.append(epoch)

    train, validation = split_data(40, 3, noise=3.0), split_data(20, 1, seed=1, noise=3.0)
    result = fit(model, train, validation, phase_of(training, ADAM, callbacks), report, file)
    return model.get_weights(), result, reported


@pytest.mark.parametrize("callbacks", [{}, STOPPING, PLATEAU], ids=["none", "early stopping", "plateau"])
@pytest.mark.parametrize("killed_after", [1, 3])
def test_a_resumed_training_gives_the_same_numbers_as_an_uninterrupted_one(
    training: TrainingConfig, tmp_path: Path, callbacks: dict, killed_after: int
):
    weights, undisturbed, reported = trained(training, callbacks, None)
    file = tmp_path / "unfinished" / "run.npz"
    with pytest.raises(Killed):
        trained(training, callbacks, file, killed_after)
    assert file.exists()
    resumed_weights, resumed, reported_again = trained(training, callbacks, file)
    assert resumed == undisturbed
    assert reported_again == reported
    for one, other in zip(resumed_weights, weights, strict=True):
        np.testing.assert_array_equal(one, other)
    assert not file.exists()


def test_a_training_that_had_stopped_early_is_not_continued(training: TrainingConfig, tmp_path: Path):
    file = tmp_path / "run.npz"
    stopping = {"stopping": {**STOPPING["stopping"], "patience": 1, "min_delta": 10.0}}
    _, undisturbed, reported = trained(training, stopping, None)
    assert len(reported) < training.epochs
    state = _state_at_the_end(training, stopping, file)
    file.write_bytes(state)
    _, resumed, reported_again = trained(training, stopping, file)
    assert resumed == undisturbed
    assert reported_again == reported


def _state_at_the_end(training: TrainingConfig, callbacks: dict, file: Path) -> bytes:
    """The state file as it is between the last epoch and the end of the run."""
    copies = []

    class Copying(type(file)):
        def unlink(self, missing_ok: bool = False) -> None:
            if self.name == file.name:
                copies.append(self.read_bytes())
            super().unlink(missing_ok)

    trained(training, callbacks, Copying(file))
    return copies[-1]


def test_a_damaged_state_file_is_reported_and_ignored(
    training: TrainingConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    file = tmp_path / "run.npz"
    with pytest.raises(Killed):
        trained(training, {}, file, 3)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)
    _, fitted, reported = trained(training, {}, file)
    assert "damaged" in caplog.text
    assert reported == list(range(7))
    assert fitted == trained(training, {}, None)[1]
