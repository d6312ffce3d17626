"""The feature cache on disk: outputs of the backbone, computed once and found by every later run."""

from ndsc.features.store.feature_store import FeatureStore
from ndsc.features.store.index import FeatureRows

__all__ = ["FeatureRows", "FeatureStore"]
