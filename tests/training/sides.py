"""Features without photos, for what only trains on them."""

import numpy as np

from ndsc.features.feature_extractor import MultiViewFeatures
from ndsc.training.batching import SplitData


def side(count: int, views: int, seed: int = 0, noise: float = 1.0) -> SplitData:
    """Two classes, apart by their first coordinate; coordinate 6 is the photo's number, coordinate 7 its view."""
    random = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int32) % 2
    rows = {}
    for view in range(views):
        vectors = random.normal(0, noise, (count, 8)).astype(np.float16)
        vectors[:, 0] += labels * 4 - 2
        vectors[:, 6], vectors[:, 7] = np.arange(count), view
        rows[view] = vectors
    return SplitData(MultiViewFeatures(rows), labels)
