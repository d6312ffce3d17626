"""Keras callbacks: the best weights, and the pruning of a search."""

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from ndsc.errors import JobPruned

if TYPE_CHECKING:
    import optuna


class KeepBest(keras.callbacks.Callback):
    """Stores the weights of the epoch with the lowest `val_loss`.

    Keras' own EarlyStopping restores the best weights only if it stops the training itself.
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
        """Store the weights if this epoch is the best so far."""
        loss = float((logs or {})["val_loss"])
        if loss < self.loss:
            self.epoch, self.loss, self._weights = epoch, loss, self._trained.get_weights()

    @property
    def weights(self) -> list[np.ndarray]:
        """The weights of the best epoch; an empty list before the first one."""
        return self._weights or []

    def restore(self) -> None:
        """Set the model to the weights of the best epoch.

        Raises:
            ValueError: no epoch had a finite validation loss.
        """
        if self._weights is None:
            raise ValueError("no epoch had a finite validation loss")
        self._trained.set_weights(self._weights)


class PruneTrial(keras.callbacks.Callback):
    """Prunes a run of a search when others were better at the same epoch. Added by the search itself.

    It asks after 1, 2, 4, 8, … epochs only: each question takes longer than an epoch of a linear head.

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
        done = epoch + 1
        self._best = max(self._best, float((logs or {})["val_accuracy"]))
        if done & (done - 1) == 0:
            self._report(done)

    def _report(self, epochs: int) -> None:
        import optuna

        storage, name, number = self._trial
        study = _study(storage, name)
        trial = optuna.Trial(study, study.get_trials(deepcopy=False)[number]._trial_id)
        trial.report(self._best, epochs)
        if trial.should_prune():
            raise JobPruned(f"validation accuracy {self._best:.2%} after {epochs} epochs")


@lru_cache(maxsize=1)  # opening the database takes longer than some trials
def _study(storage: str, name: str) -> "optuna.Study":
    import optuna

    return optuna.load_study(study_name=name, storage=storage)
