"""The feature cache on disk: what a frozen backbone makes of photos is computed once and found again by every run."""

from ndsc.features.store.feature_store import FeatureStore
from ndsc.features.store.rows import FeatureRows

__all__ = ["FeatureRows", "FeatureStore"]
