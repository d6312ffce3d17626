from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from ndsc.config.schema import Config, TrainingConfig
from ndsc.training.batching import SplitData, in_batches, make_gather, schedule
from tests.training.features import split_data

EPOCHS = 6


@pytest.fixture
def training(configured: Callable[..., Config]) -> TrainingConfig:
    return replace(configured().training, epochs=EPOCHS, batch_size=8)


def batches(of: SplitData, training: TrainingConfig) -> list[tuple[np.ndarray, ...]]:
    gather = make_gather(of, training, classes=2, weighted=True)
    shown = in_batches(gather, *schedule(of, training.epochs, seed=0), training.batch_size)
    return list(shown.as_numpy_iterator())


def test_an_epoch_shows_each_photo_once_in_a_view_that_changes_from_epoch_to_epoch(training: TrainingConfig):
    steps = 5
    every = batches(split_data(37, 3), training)
    assert len(every) == EPOCHS * steps
    shown = []
    for epoch in range(EPOCHS):
        vectors = np.concatenate([features for features, _ in every[epoch * steps : (epoch + 1) * steps]])
        assert sorted(vectors[:, 6]) == list(range(37))
        shown.append(dict(zip(vectors[:, 6], vectors[:, 7], strict=True)))
    for photo in range(37):
        views = [epoch[photo] for epoch in shown]
        assert sorted(views[:3]) == sorted(views[3:]) == [0, 1, 2]
    assert {0.0, 1.0, 2.0} <= set(shown[0].values())


def test_each_photo_has_its_own_label(training: TrainingConfig):
    for features, labels in batches(split_data(37, 3), training):
        np.testing.assert_array_equal(labels, features[:, 6].astype(int) % 2)


def test_the_seed_decides_the_order():
    def order(seed: int) -> list[int]:
        return schedule(split_data(20, 1), EPOCHS, seed)[0].ravel().tolist()

    assert order(0) == order(0)
    assert order(0) != order(1)


def test_balanced_weights_have_a_mean_of_one_and_the_same_sum_in_both_classes(training: TrainingConfig):
    few = SplitData(split_data(40, 1).features, (np.arange(40) % 10 == 0).astype(np.int32))
    balanced = replace(training, class_weights="balanced", batch_size=40, epochs=1)
    ((_, labels, weights),) = batches(few, balanced)
    assert np.mean(weights) == pytest.approx(1)
    assert np.sum(weights[labels == 1]) == pytest.approx(np.sum(weights[labels == 0]))
    validation = make_gather(few, balanced, 2, weighted=False)
    assert len(validation.batch(validation.tensors, tf.range(40), tf.zeros(40, tf.int32))) == 2
