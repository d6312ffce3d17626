from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest

from ndsc.config.schema import Config
from ndsc.training.fit import fit
from tests.training.features import phase_of, split_data

ADAMW = {"_target_": "keras.optimizers.AdamW", "learning_rate": 0.01, "weight_decay": 0.1}
PLATEAU = {"plateau": {"_target_": "keras.callbacks.ReduceLROnPlateau", "monitor": "val_loss", "patience": 1}}


def network() -> keras.Model:
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(16, activation="relu"), keras.layers.Dropout(0.5, seed=1)]
    return keras.Sequential([keras.Input((8,)), *layers, keras.layers.Dense(2, activation="softmax")])


@pytest.mark.parametrize("changed", [{}, {"label_smoothing": 0.1, "class_weights": "balanced"}], ids=["plain", "all"])
def test_graph_epochs_give_the_numbers_of_keras_batch_by_batch(
    configured: Callable[..., Config], monkeypatch: pytest.MonkeyPatch, changed: Mapping[str, Any]
):
    training = replace(configured().training, epochs=6, batch_size=8, **changed)

    def fitted() -> tuple[list[np.ndarray], dict[str, list[float]]]:
        model = network()
        # The last batch of an epoch is a smaller one, in training and in validation.
        train, validation = split_data(43, 3, noise=3), split_data(21, 1, seed=1, noise=3)
        result = fit(model, train, validation, phase_of(training, ADAMW, PLATEAU), lambda *_: None)
        return model.get_weights(), result.history

    weights, history = fitted()
    monkeypatch.setattr("ndsc.training.fit.use_graph_epochs", pytest.fail)
    monkeypatch.setattr("ndsc.training.batching.IN_MEMORY_BYTES", 0)
    others, batch_by_batch = fitted()
    assert history.keys() == batch_by_batch.keys()
    for name, values in history.items():
        np.testing.assert_allclose(values, batch_by_batch[name], rtol=1e-6)
    for weight, other in zip(weights, others, strict=True):
        np.testing.assert_allclose(weight, other, rtol=1e-5, atol=1e-7)
