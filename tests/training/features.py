"""Features without photos and settings of a phase, for tests of training."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ndsc.config.schema import TrainingConfig
from ndsc.features.feature_extractor import MultiViewFeatures
from ndsc.training.batching import SplitData
from ndsc.training.fit import Phase

ADAM = {"_target_": "keras.optimizers.Adam", "learning_rate": 0.01}
STOPPING = {"stopping": {"_target_": "keras.callbacks.EarlyStopping", "monitor": "val_loss", "patience": 2}}


def phase_of(
    training: TrainingConfig, optimizer: Mapping[str, Any] = ADAM, callbacks: Mapping[str, Any] | None = None
) -> Phase:
    """A phase that trains above the whole backbone."""
    return Phase("first", "all", "backbone.freeze", "inference", training, optimizer, callbacks or {}, seed=0)


def split_data(count: int, views: int, seed: int = 0, noise: float = 1.0) -> SplitData:
    """Two classes, separated by coordinate 0; coordinate 6 is the number of the photo, coordinate 7 its view."""
    random = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int32) % 2
    rows = {}
    for view in range(views):
        vectors = random.normal(0, noise, (count, 8)).astype(np.float16)
        vectors[:, 0] += labels * 4 - 2
        vectors[:, 6], vectors[:, 7] = np.arange(count), view
        rows[view] = vectors
    return SplitData(MultiViewFeatures(rows), labels)
