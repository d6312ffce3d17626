"""Keras callbacks of our own."""

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np


class KeepBest(keras.callbacks.Callback):
    """Remembers the weights of the epoch with the lowest `val_loss`.

    Keras' own EarlyStopping gives the best weights back only if it is the one that stops the training.
    """

    def __init__(self) -> None:
        super().__init__()
        self.epoch = -1
        self.loss = math.inf
        self._weights: list[np.ndarray] | None = None

    @property
    def _trained(self) -> keras.Model:
        """The model that is being fitted; Keras sets it before the first epoch."""
        assert self.model is not None
        return self.model

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Take the weights if this epoch is the best so far."""
        loss = float((logs or {})["val_loss"])
        if loss < self.loss:
            self.epoch, self.loss, self._weights = epoch, loss, self._trained.get_weights()

    def restore(self) -> None:
        """Give the model the weights of the best epoch.

        Raises:
            ValueError: no epoch had a finite validation loss.
        """
        if self._weights is None:
            raise ValueError("no epoch had a finite validation loss")
        self._trained.set_weights(self._weights)


class Report(keras.callbacks.Callback):
    """Calls a function with the number of each epoch that ends, and its metrics."""

    def __init__(self, report: Callable[[int, dict[str, float]], None]) -> None:
        super().__init__()
        self._report = report

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Pass the metrics on as plain numbers."""
        self._report(epoch, {name: float(value) for name, value in (logs or {}).items()})
