"""Resume: a long training continues from its last epoch when its process was killed."""

import json
import logging
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ndsc.caching.atomic import atomic_cache_write
from ndsc.training.callbacks import KeepBest

log = logging.getLogger(__name__)


class ResumeState(keras.callbacks.Callback):
    """Stores the state of a training in a file after each epoch, and restores it if the file exists.

    The other callbacks are restored by showing them the earlier epochs one after the other, as Keras would. It stands
    last among them. The file holds plain arrays and JSON: nothing in it can run code.

    Args:
        path: the file; its name identifies the training.
        best: the callback that holds the best weights.
    """

    def __init__(self, path: Path, best: KeepBest) -> None:
        super().__init__()
        self._path, self._best = path, best
        self._others: Sequence[keras.callbacks.Callback] = ()
        self._stored = self._read()
        described = {"logs": [], "stopped": False, "best": -1}
        if self._stored is not None:
            described = json.loads(str(self._stored["described"]))
            log.info("resuming after epoch %d of an interrupted training", len(described["logs"]))
        self._logs: list[dict[str, float]] = described["logs"]
        self._stopped: bool = described["stopped"]
        self._best_epoch: int = described["best"]

    def attach(self, callbacks: Sequence[keras.callbacks.Callback], epochs: int) -> int:
        """Name the callbacks to restore; return the first epoch that is left to train, out of `epochs`."""
        self._others = callbacks
        return epochs if self._stopped else len(self._logs)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Restore the model, its optimizer and the other callbacks."""
        if self._stored is None:
            return
        model = self._trained
        model.optimizer.build(model.trainable_variables)
        last, best = self._arrays("last"), self._arrays("best")
        for epoch, shown in enumerate(self._logs):
            # Only the epoch whose weights a callback stores needs its weights.
            if epoch == self._best_epoch:
                model.set_weights(best)
            for callback in self._others:
                callback.on_epoch_end(epoch, dict(shown))
        for variable, value in zip([*model.variables, *model.optimizer.variables], last, strict=True):
            variable.assign(value)
        model.stop_training = self._stopped
        self._stored = None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Store the state after this epoch."""
        model = self._trained
        self._logs.append({name: float(value) for name, value in (logs or {}).items()})
        described = {"logs": self._logs, "stopped": bool(model.stop_training), "best": self._best.epoch}
        last = [keras.ops.convert_to_numpy(one) for one in [*model.variables, *model.optimizer.variables]]
        arrays = {f"last-{at}": array for at, array in enumerate(last)}
        arrays |= {f"best-{at}": array for at, array in enumerate(self._best.weights)}
        with atomic_cache_write(self._path) as temporary, temporary.open("wb") as file:
            np.savez(file, described=np.array(json.dumps(described)), **arrays)

    def delete(self) -> None:
        """Delete the file: the training is over, and the model holds its result."""
        self._path.unlink(missing_ok=True)

    @property
    def _trained(self) -> keras.Model:
        assert self.model is not None
        return self.model

    def _read(self) -> dict[str, np.ndarray] | None:
        if not self._path.exists():
            return None
        try:
            with np.load(self._path, allow_pickle=False) as stored:
                return dict(stored)
        except (ValueError, OSError, zipfile.BadZipFile) as damage:
            log.warning("%s is damaged (%s): the training starts from its first epoch", self._path, damage)
            return None

    def _arrays(self, kind: str) -> list[np.ndarray]:
        assert self._stored is not None
        count = sum(name.startswith(f"{kind}-") for name in self._stored)
        return [self._stored[f"{kind}-{at}"] for at in range(count)]
