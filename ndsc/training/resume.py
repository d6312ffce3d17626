"""Resume: a long training whose process was killed continues after its last epoch."""

import json
import logging
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ndsc.caching.atomic import atomic_cache_write
from ndsc.training.callbacks import KeepBest

log = logging.getLogger(__name__)


class ResumeState(keras.callbacks.Callback):
    """Stores the state of a training in a file after each epoch, and restores it if the file exists.

    It must be the last callback. The other callbacks are restored by calling them with the earlier epochs one after the
    other, as Keras would. The file holds plain arrays and JSON: nothing in it can run code.

    Args:
        path: the file; its name identifies the training.
        best: the callback that holds the best weights.
        callbacks: all other callbacks, `best` included.
    """

    def __init__(self, path: Path, best: KeepBest, callbacks: Sequence[keras.callbacks.Callback]) -> None:
        super().__init__()
        self._path, self._best, self._others = path, best, callbacks
        self._stored = _read(path)
        described = {"logs": [], "stopped": False, "best": -1}
        if self._stored is not None:
            described = json.loads(str(self._stored["described"]))
            log.info("resuming after epoch %d of an interrupted training", len(described["logs"]))
        self._logs: list[dict[str, float]] = described["logs"]
        self._stopped: bool = described["stopped"]
        self._best_epoch: int = described["best"]

    def first_epoch(self, epochs: int) -> int:
        """Return the number of the epoch to continue with; `epochs`, the number of all epochs, if none is left."""
        return epochs if self._stopped else len(self._logs)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Restore the model, its optimizer and the other callbacks."""
        if self._stored is None:
            return
        model = self.model
        assert model is not None
        model.optimizer.build(model.trainable_variables)
        last, best = _arrays(self._stored, "last"), _arrays(self._stored, "best")
        for epoch, logged in enumerate(self._logs):
            # Callbacks store weights of the best epoch only.
            if epoch == self._best_epoch:
                model.set_weights(best)
            for callback in self._others:
                callback.on_epoch_end(epoch, dict(logged))
        for variable, value in zip([*model.variables, *model.optimizer.variables], last, strict=True):
            variable.assign(value)
        model.stop_training = self._stopped
        self._stored = None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Store the state after this epoch."""
        model = self.model
        assert model is not None
        self._logs.append({name: float(value) for name, value in (logs or {}).items()})
        described = {"logs": self._logs, "stopped": bool(model.stop_training), "best": self._best.epoch}
        last = [keras.ops.convert_to_numpy(one) for one in [*model.variables, *model.optimizer.variables]]
        arrays = {f"last-{at}": array for at, array in enumerate(last)}
        arrays |= {f"best-{at}": array for at, array in enumerate(self._best.weights)}
        with atomic_cache_write(self._path) as temporary, temporary.open("wb") as file:
            np.savez(file, described=np.array(json.dumps(described)), **arrays)


def _read(path: Path) -> dict[str, np.ndarray] | None:
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            return dict(stored)
    except (ValueError, OSError, zipfile.BadZipFile) as damage:
        log.warning("%s is damaged (%s): the training starts from its first epoch", path, damage)
        return None


def _arrays(stored: Mapping[str, np.ndarray], kind: str) -> list[np.ndarray]:
    count = sum(name.startswith(f"{kind}-") for name in stored)
    return [stored[f"{kind}-{at}"] for at in range(count)]
