"""The frozen part as Keras runs it in float32, nothing rounded and nothing on disk: the reference for ours."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ndsc.features.feature_extractor import FeatureExtractor, MultiViewFeatures


@dataclass(frozen=True)
class UncachedExtractor(FeatureExtractor):
    """A feature extractor that runs Keras. Each view passes through the network once, since every epoch would give the
    same, and stays in memory in float32.

    Attributes:
        computed: features by content and view, shared by all runs of a benchmark.
    """

    computed: dict[tuple[str, int], np.ndarray] = field(default_factory=dict)

    @classmethod
    def like(cls, extractor: FeatureExtractor, computed: dict[tuple[str, int], np.ndarray]) -> "UncachedExtractor":
        """Return an uncached extractor at the same line of the same backbone."""
        return cls(**vars(extractor), computed=computed)

    def extract(self, photos: pd.DataFrame, views: Sequence[int]) -> MultiViewFeatures:
        """See `FeatureExtractor.extract`."""
        contents = photos["content"].tolist()
        wanted = np.array([[(content, view) not in self.computed for view in views] for content in contents])
        if wanted.any():
            waiting = iter([(contents[at], views[column]) for at, column in zip(*np.nonzero(wanted), strict=True)])
            for batch in self.batches(photos, np.array(views), wanted):
                # The last batch is padded with black photos, which have no name.
                for features, name in zip(self.cut.frozen.predict_on_batch(batch), waiting, strict=False):
                    self.computed[name] = features
        return MultiViewFeatures({view: self._gathered(contents, view) for view in views})

    def _gathered(self, contents: Sequence[str], view: int) -> np.ndarray:
        rows = np.empty((len(contents), *self.cut.frozen.output_shape[1:]), np.float32)
        for at, content in enumerate(contents):
            rows[at] = self.computed[content, view]
        return rows
