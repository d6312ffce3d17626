"""The frozen part as Keras runs it in float32, nothing rounded and nothing on disk: what ours is held against."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

import numpy as np
import pandas as pd

from ndsc.features.feature_extractor import FeatureExtractor, MultiViewFeatures
from ndsc.training.finetuning import Study

Known = dict[tuple[str, int], np.ndarray]  # features by content and view


@dataclass
class UncachedPart(FeatureExtractor):
    """A frozen part whose features Keras makes. A view is passed through the network once, since it would come out the
    same in every epoch, and kept in `known`, in float32."""

    known: Known = field(default_factory=dict)

    def features(self, photos: pd.DataFrame, views: Sequence[int]) -> MultiViewFeatures:
        """See `FeatureExtractor.features`."""
        contents = photos["content"].tolist()
        wanted = np.array([[(content, view) not in self.known for view in views] for content in contents])
        if wanted.any():
            waiting = iter([(contents[at], views[column]) for at, column in zip(*np.nonzero(wanted), strict=True)])
            for batch in self.batches(photos, np.array(views), wanted):
                # The last batch is filled up with black photos, for which nobody waits.
                for made, name in zip(self.cut.frozen.predict_on_batch(batch), waiting, strict=False):
                    self.known[name] = made
        return MultiViewFeatures({view: self._gathered(contents, view) for view in views})

    def _gathered(self, contents: Sequence[str], view: int) -> np.ndarray:
        rows = np.empty((len(contents), *self.cut.frozen.output_shape[1:]), np.float32)
        for at, content in enumerate(contents):
            rows[at] = self.known[content, view]
        return rows


@dataclass(frozen=True)
class UncachedStudy(Study):
    """A study whose features Keras makes at `backbone.freeze`, its only line."""

    known: Known = field(default_factory=dict)

    def frozen_part(self, freeze: str) -> UncachedPart:
        """See `Study.frozen_part`."""
        part = super().frozen_part(freeze)
        return UncachedPart(**{one.name: getattr(part, one.name) for one in fields(part)}, known=self.known)
