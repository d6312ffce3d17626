"""A training that takes long goes on from its last epoch when its process was killed."""

import json
import logging
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ndsc.caching.tables import written_whole
from ndsc.training.callbacks import KeepBest

log = logging.getLogger(__name__)


class ResumeState(keras.callbacks.Callback):
    """Keeps the state of a training in a file after each epoch, and starts from it where there is one.

    Callbacks are brought to where they were by showing them the epochs that were done, one after the other, as Keras
    would. It stands last among them. Plain arrays and JSON: nothing in the file can run code.

    Args:
        path: the file; its name says which training it is.
        best: the callback that holds the best weights.
    """

    def __init__(self, path: Path, best: KeepBest) -> None:
        super().__init__()
        self._path, self._best = path, best
        self._others: list[keras.callbacks.Callback] = []
        self._logs: list[dict[str, float]] = []
        self._kept = self._read()
        self.stopped = False
        if self._kept is not None:
            described = json.loads(str(self._kept["described"]))
            self._logs, self.stopped = described["logs"], described["stopped"]
            self._best_epoch: int = described["best"]
            log.info("going on after epoch %d of an unfinished training", len(self._logs))

    @property
    def epochs(self) -> int:
        """How many epochs were done before."""
        return len(self._logs)

    def show_to(self, callbacks: list[keras.callbacks.Callback]) -> None:
        """Name the callbacks that are to be brought to where they were."""
        self._others = callbacks

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Put everything back as it was."""
        if self._kept is None:
            return
        model = self._trained
        model.optimizer.build(model.trainable_variables)
        last, best = self._arrays("last"), self._arrays("best")
        for epoch, shown in enumerate(self._logs):
            # What keeps the weights of the best epoch is shown these; the others do not matter.
            if epoch == self._best_epoch:
                model.set_weights(best)
            for callback in self._others:
                callback.on_epoch_end(epoch, dict(shown))
        for variable, value in zip([*model.variables, *model.optimizer.variables], last, strict=True):
            variable.assign(value)
        model.stop_training = self.stopped
        self._kept = None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keep this epoch."""
        model = self._trained
        self._logs.append({name: float(value) for name, value in (logs or {}).items()})
        described = {"logs": self._logs, "stopped": bool(model.stop_training), "best": self._best.epoch}
        last = [keras.ops.convert_to_numpy(one) for one in [*model.variables, *model.optimizer.variables]]
        arrays = {f"last-{at}": array for at, array in enumerate(last)}
        arrays |= {f"best-{at}": array for at, array in enumerate(self._best.weights)}
        with written_whole(self._path) as temporary, temporary.open("wb") as file:
            np.savez(file, described=np.array(json.dumps(described)), **arrays)

    def forget(self) -> None:
        """The training is over, and its result is safe."""
        self._path.unlink(missing_ok=True)

    @property
    def _trained(self) -> keras.Model:
        assert self.model is not None
        return self.model

    def _read(self) -> dict[str, np.ndarray] | None:
        if not self._path.exists():
            return None
        try:
            with np.load(self._path, allow_pickle=False) as kept:
                return dict(kept)
        except (ValueError, OSError, zipfile.BadZipFile) as damage:
            log.warning("%s is damaged (%s): the training starts from its first epoch", self._path, damage)
            return None

    def _arrays(self, kind: str) -> list[np.ndarray]:
        assert self._kept is not None
        count = sum(name.startswith(f"{kind}-") for name in self._kept)
        return [self._kept[f"{kind}-{at}"] for at in range(count)]
