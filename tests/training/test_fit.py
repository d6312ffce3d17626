from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest

from ndsc.config.schema import Config, TrainingConfig
from ndsc.errors import UserError
from ndsc.features.feature_extractor import MultiViewFeatures
from ndsc.training.batching import SplitData
from ndsc.training.fit import FitResult, fit, predict
from tests.training.features import ADAM, STOPPING, phase_of, split_data


def head(seed: int = 0) -> keras.Model:
    keras.utils.set_random_seed(seed)
    return keras.Sequential([keras.Input((8,)), keras.layers.Dense(2, activation="softmax")])


@pytest.fixture
def training(configured: Callable[..., Config]) -> TrainingConfig:
    return replace(configured().training, epochs=6, batch_size=8)


def fitted(
    training: TrainingConfig,
    optimizer: Mapping[str, Any] = ADAM,
    callbacks: Mapping[str, Any] | None = None,
    noise: float = 1.0,
    report: Callable[[int, dict[str, float]], None] = lambda epoch, metrics: None,
) -> tuple[keras.Model, FitResult]:
    model = head()
    train, validation = split_data(40, 3, noise=noise), split_data(20, 1, seed=1, noise=noise)
    return model, fit(model, train, validation, phase_of(training, optimizer, callbacks), report)


def test_the_same_fit_twice_gives_the_same_numbers(training: TrainingConfig):
    (one, first), (other, second) = fitted(training), fitted(training)
    assert first == second
    for weight, again in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, again)


def test_the_weights_of_the_best_epoch_are_restored_after_later_epochs(training: TrainingConfig):
    # Such a large learning rate overshoots: the best loss is somewhere before the end.
    model, result = fitted(training, {"_target_": "keras.optimizers.SGD", "learning_rate": 1.0}, noise=3.0)
    losses = result.history["val/loss"]
    assert result.best_epoch == int(np.argmin(losses)) < len(losses) - 1
    validation = split_data(20, 1, seed=1, noise=3.0)
    kernel, bias = (weight.astype(np.float64) for weight in model.get_weights())
    logits = validation.features.rows[0].astype(np.float64) @ kernel + bias
    cross_entropy = np.logaddexp.reduce(logits, axis=1) - logits[np.arange(20), validation.labels]
    assert cross_entropy.mean() == pytest.approx(losses[result.best_epoch], rel=1e-3)


def test_early_stopping_ends_the_training_before_the_last_epoch(training: TrainingConfig):
    _, result = fitted(
        replace(training, epochs=60), {"_target_": "keras.optimizers.SGD", "learning_rate": 1.0}, STOPPING
    )
    assert len(result.history["val/loss"]) < 60


def test_every_epoch_is_reported_under_its_logged_names(training: TrainingConfig):
    reported: list[tuple[int, dict[str, float]]] = []
    _, result = fitted(training, report=lambda epoch, metrics: reported.append((epoch, metrics)))
    assert [epoch for epoch, _ in reported] == list(range(6))
    assert set(result.history) == {"train/loss", "train/accuracy", "val/loss", "val/accuracy"}
    assert [metrics["val/loss"] for _, metrics in reported] == result.history["val/loss"]


def test_a_learning_rate_schedule_that_keras_logs_is_in_the_history(training: TrainingConfig):
    plateau = {"plateau": {"_target_": "keras.callbacks.ReduceLROnPlateau", "monitor": "val_loss", "patience": 1}}
    _, result = fitted(training, callbacks=plateau)
    assert len(result.history["train/learning_rate"]) == 6


def test_a_loss_that_is_not_finite_is_a_user_error(training: TrainingConfig):
    nan = {"stop_on_nan": {"_target_": "keras.callbacks.TerminateOnNaN"}}
    with pytest.raises(UserError, match="Training diverged"):
        fitted(training, {"_target_": "keras.optimizers.SGD", "learning_rate": 1e38}, nan)


def test_label_smoothing_raises_the_best_possible_loss(training: TrainingConfig):
    _, plain = fitted(replace(training, epochs=40))
    _, smoothed = fitted(replace(training, epochs=40, label_smoothing=0.2))
    assert min(smoothed.history["train/loss"]) > min(plain.history["train/loss"]) + 0.2


def test_balanced_class_weights_raise_the_probability_of_a_rare_class(training: TrainingConfig):
    random = np.random.default_rng(0)
    labels = (np.arange(40) % 10 == 0).astype(np.int32)
    rare = SplitData(MultiViewFeatures({0: random.normal(0, 1, (40, 8)).astype(np.float16)}), labels)

    def mean_probability(class_weights: str) -> float:
        model = head()
        phase = phase_of(replace(training, epochs=30, class_weights=class_weights))
        fit(model, rare, rare, phase, lambda *_: None)
        return float(predict(model, rare.features, 8)[:, 1].mean())

    assert mean_probability("balanced") > mean_probability("none") + 0.1


def test_an_argument_that_an_optimizer_does_not_have_is_a_user_error(training: TrainingConfig):
    with pytest.raises(UserError, match="optimizer cannot be built: Argument"):
        fitted(training, {"_target_": "keras.optimizers.Adam", "learning_speed": 1})


def test_features_too_large_for_memory_are_read_batch_by_batch_with_the_same_result(
    training: TrainingConfig, monkeypatch: pytest.MonkeyPatch
):
    _, in_memory = fitted(training)
    monkeypatch.setattr("ndsc.training.batching.IN_MEMORY_BYTES", 0)
    _, from_disk = fitted(training)
    assert from_disk == in_memory
