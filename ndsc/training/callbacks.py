"""Keras callbacks: the best weights, and the pruning of a search."""

import math
from functools import lru_cache
from typing import Any

import keras
import numpy as np

from ndsc.errors import JobPruned


class KeepBest(keras.callbacks.Callback):
    """Stores the weights of the epoch with the lowest `val_loss`.

    Keras' own EarlyStopping restores the best weights only if it stops the training itself.

    Attributes:
        epoch: the best epoch so far; -1 before the first epoch with a finite loss.
        loss: its validation loss.
        weights: the weights after it; empty before the first epoch with a finite loss.
    """

    def __init__(self) -> None:
        super().__init__()
        self.epoch = -1
        self.loss = math.inf
        self.weights: list[np.ndarray] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Store the weights if this epoch is the best so far."""
        loss = float((logs or {})["val_loss"])
        if loss < self.loss:
            assert self.model is not None
            self.epoch, self.loss, self.weights = epoch, loss, self.model.get_weights()


class PruneTrial(keras.callbacks.Callback):
    """Stops a run of a search if other runs were better at the same epoch. The search adds this callback itself.

    It asks Optuna after 1, 2, 4, 8, … epochs only: each request takes longer than an epoch of a linear head.

    Args:
        storage: the address of Optuna's database.
        study, trial: the name of the study and the number of the trial in it.
    """

    def __init__(self, storage: str, study: str, trial: int) -> None:
        super().__init__()
        self._trial = storage, study, trial
        self._best = -math.inf

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Report the best validation accuracy so far.

        Raises:
            JobPruned: Optuna prunes the trial.
        """
        epochs = epoch + 1
        self._best = max(self._best, float((logs or {})["val_accuracy"]))
        if epochs & (epochs - 1):
            return
        import optuna

        storage, name, number = self._trial
        study = _study(storage, name)
        trial = optuna.Trial(study, study.get_trials(deepcopy=False)[number]._trial_id)
        trial.report(self._best, epochs)
        if trial.should_prune():
            raise JobPruned(f"validation accuracy {self._best:.2%} after {epochs} epochs")


@lru_cache(maxsize=1)  # opening the database takes longer than some trials
def _study(storage: str, name: str) -> Any:
    import optuna

    return optuna.load_study(study_name=name, storage=storage)
