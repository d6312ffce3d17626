from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest

from ndsc.config import Config, TrainingConfig
from ndsc.errors import UserError
from ndsc.training.features import ViewedFeatures
from ndsc.training.fit import Fitted, Side, _epochs, fit, predict

ADAM = {"_target_": "keras.optimizers.Adam", "learning_rate": 0.01}
STOPPING = {"stopping": {"_target_": "keras.callbacks.EarlyStopping", "monitor": "val_loss", "patience": 2}}


def side(count: int, views: int, seed: int = 0, noise: float = 1.0) -> Side:
    """Two classes, apart by their first coordinate; coordinate 6 is the photo's number, coordinate 7 its view."""
    random = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int32) % 2
    rows = {}
    for view in range(views):
        vectors = random.normal(0, noise, (count, 8)).astype(np.float16)
        vectors[:, 0] += labels * 4 - 2
        vectors[:, 6], vectors[:, 7] = np.arange(count), view
        rows[view] = vectors
    return Side(ViewedFeatures(rows), labels)


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
) -> tuple[keras.Model, Fitted]:
    model = head()
    train, validation = side(40, 3, noise=noise), side(20, 1, seed=1, noise=noise)
    return model, fit(model, train, validation, training, optimizer, callbacks or {}, 0, report)


def test_an_epoch_shows_each_photo_once_in_a_view_that_changes_from_epoch_to_epoch(training: TrainingConfig):
    batches = list(_epochs(side(37, 3), training, classes=2, seed=0).as_numpy_iterator())
    steps = 5
    assert len(batches) == 6 * steps
    shown = []
    for epoch in range(6):
        vectors = np.concatenate([features for features, _ in batches[epoch * steps : (epoch + 1) * steps]])
        assert sorted(vectors[:, 6]) == list(range(37))
        shown.append(dict(zip(vectors[:, 6], vectors[:, 7], strict=True)))
    for photo in range(37):
        views = [epoch[photo] for epoch in shown]
        assert sorted(views[:3]) == sorted(views[3:]) == [0, 1, 2]
    assert {0.0, 1.0, 2.0} <= set(shown[0].values())


def test_labels_stay_with_their_photos(training: TrainingConfig):
    for features, labels in _epochs(side(37, 3), training, classes=2, seed=0).as_numpy_iterator():
        np.testing.assert_array_equal(labels, features[:, 6].astype(int) % 2)


def test_the_seed_decides_the_order(training: TrainingConfig):
    def order(seed: int) -> list[float]:
        return [
            n for features, _ in _epochs(side(20, 1), training, 2, seed).as_numpy_iterator() for n in features[:, 6]
        ]

    assert order(0) == order(0)
    assert order(0) != order(1)


def test_the_same_fit_twice_gives_the_same_numbers(training: TrainingConfig):
    (one, first), (other, second) = fitted(training), fitted(training)
    assert first == second
    for weight, again in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, again)


def test_the_best_epoch_is_kept_whatever_comes_after_it(training: TrainingConfig):
    # So large a rate overshoots: the loss is best somewhere before the end.
    model, result = fitted(training, {"_target_": "keras.optimizers.SGD", "learning_rate": 1.0}, noise=3.0)
    losses = result.history["val/loss"]
    assert result.best_epoch == int(np.argmin(losses)) < len(losses) - 1
    validation = side(20, 1, seed=1, noise=3.0)
    kernel, bias = (weight.astype(np.float64) for weight in model.get_weights())
    logits = validation.features.rows[0].astype(np.float64) @ kernel + bias
    surprise = np.logaddexp.reduce(logits, axis=1) - logits[np.arange(20), validation.labels]
    assert surprise.mean() == pytest.approx(losses[result.best_epoch], rel=1e-3)


def test_early_stopping_stops_early(training: TrainingConfig):
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


def test_a_loss_that_is_not_finite_stops_the_run(training: TrainingConfig):
    nan = {"stop_on_nan": {"_target_": "keras.callbacks.TerminateOnNaN"}}
    with pytest.raises(UserError, match="Training diverged"):
        fitted(training, {"_target_": "keras.optimizers.SGD", "learning_rate": 1e38}, nan)


def test_label_smoothing_raises_the_best_possible_loss(training: TrainingConfig):
    _, plain = fitted(replace(training, epochs=40))
    _, smoothed = fitted(replace(training, epochs=40, label_smoothing=0.2))
    assert min(smoothed.history["train/loss"]) > min(plain.history["train/loss"]) + 0.2


def test_balanced_class_weights_weigh_a_rare_class_up(training: TrainingConfig):
    random = np.random.default_rng(0)
    labels = (np.arange(40) % 10 == 0).astype(np.int32)
    rare = Side(ViewedFeatures({0: random.normal(0, 1, (40, 8)).astype(np.float16)}), labels)

    def mean_probability(class_weights: str) -> float:
        model = head()
        fit(model, rare, rare, replace(training, epochs=30, class_weights=class_weights), ADAM, {}, 0, lambda *_: None)
        return float(predict(model, rare.features, 8)[:, 1].mean())

    assert mean_probability("balanced") > mean_probability("none") + 0.1


def test_an_optimizer_that_keras_refuses_is_one_sentence(training: TrainingConfig):
    with pytest.raises(UserError, match="optimizer cannot be built: Argument"):
        fitted(training, {"_target_": "keras.optimizers.Adam", "learning_speed": 1})


def test_maps_too_large_for_memory_are_read_from_where_they_lie(
    training: TrainingConfig, monkeypatch: pytest.MonkeyPatch
):
    _, in_memory = fitted(training)
    monkeypatch.setattr("ndsc.training.fit.IN_MEMORY_BYTES", 0)
    _, from_disk = fitted(training)
    assert from_disk == in_memory
