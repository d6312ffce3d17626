"""The feature extractor: the frozen part over views of photos. Features missing from the cache are computed once."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from ndsc.caching.openvino_cache import Network
from ndsc.config.schema import CacheConfig
from ndsc.data.decoding import DECODER
from ndsc.errors import UserError
from ndsc.features.image_pipeline import ImagePipeline
from ndsc.features.store import FeatureRows, FeatureStore
from ndsc.model.backbone import Backbone
from ndsc.model.engines import BATCH, Engine, EngineSpec, build_engine, engine_version
from ndsc.model.freeze_line import Cut, cut
from ndsc.model.quantization import CALIBRATION_BATCH, choose_calibration_photos, quantized
from ndsc.process import Timer
from ndsc.startup import numeric_variables
from ndsc.terminal import progress

# int8 networks of a run that is repeated, by `freeze`; or, where the run logged none, the photos that calibrated it.
QuantizedNetworks = Mapping[str, Network | pd.DataFrame]


class CacheStats:
    """Hits and misses of the cache in a run, and the seconds that the misses took (decoding and the backbone).

    Counts are views of photos. Each view is counted once, even if a run asks for it several times.
    """

    def __init__(self) -> None:
        self.hits = 0
        self.misses = 0
        self.timer = Timer()
        self._counted: dict[tuple[str, int], np.ndarray] = {}  # content hashes by line and view

    def count(self, line: str, view: int, contents: np.ndarray, missing: np.ndarray) -> None:
        """Count the photos of one view.

        Args:
            contents: (n, 16) bytes, their content hashes.
            missing: (n,) booleans.
        """
        names = np.ascontiguousarray(contents).view("V16").ravel()
        before = self._counted.get((line, view), names[:0])
        new = ~np.isin(names, before)
        computed = len(np.unique(names[new & missing]))
        self.misses += computed
        self.hits += len(np.unique(names[new])) - computed
        self._counted[line, view] = np.union1d(before, names)

    def metrics(self) -> dict[str, float]:
        """Return the counts and the throughput by the names under which they are logged."""
        metrics: dict[str, float] = {"cache/hits": self.hits, "cache/misses": self.misses}
        if self.misses:
            metrics["throughput/backbone_images_per_second"] = self.misses / self.timer.seconds["backbone"]
        return metrics


@dataclass(frozen=True)
class MultiViewFeatures:
    """Features of photos in several views, read on access.

    `features[photos, views]` is (n, *shape), in the type of the cache.
    """

    rows: Mapping[int, FeatureRows | np.ndarray]  # by view

    @property
    def shape(self) -> tuple[int, ...]:
        """(photos, *shape of one feature)."""
        return next(iter(self.rows.values())).shape

    @property
    def views(self) -> tuple[int, ...]:
        """The numbers of the views."""
        return tuple(self.rows)

    @property
    def nbytes(self) -> int:
        """Bytes in memory if everything were loaded."""
        return sum(int(np.prod(rows.shape)) * rows.dtype.itemsize for rows in self.rows.values())

    def __getitem__(self, at: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        photos, views = at
        first = next(iter(self.rows.values()))
        gathered = np.empty((len(photos), *first.shape[1:]), first.dtype)
        for view in np.unique(views):
            here = np.flatnonzero(views == view)
            gathered[here] = self.rows[int(view)][photos[here]]
        return gathered

    def load(self) -> np.ndarray:
        """Return all features in memory: (views, photos, *shape of one feature), in the order of `views`."""
        first = next(iter(self.rows.values()))
        loaded = np.empty((len(self.rows), *first.shape), first.dtype)
        for position, rows in enumerate(self.rows.values()):
            loaded[position] = rows[:]
        return loaded


@dataclass(frozen=True)
class FeatureExtractor:
    """The frozen part of a backbone with its engine, image pipeline and cache.

    Attributes:
        cut: the backbone, cut at the freeze line.
        digest: of the weights below the line.
        quantized: the network that runs at int8, None at other precisions.
    """

    cut: Cut
    digest: str
    engine_spec: EngineSpec
    pipeline: ImagePipeline
    cache: CacheConfig
    stats: CacheStats
    quantized: Network | None = None

    @cached_property
    def engine(self) -> Engine:
        """The engine, built on first use: a run whose features are all cached needs none."""
        return build_engine(self.cut, self.digest, self.engine_spec, Path(self.cache.root), self.quantized)

    def extract(self, photos: pd.DataFrame, views: Sequence[int]) -> MultiViewFeatures:
        """Return the features of photos in several views.

        Args:
            photos: rows with content, archive, offset, size and header, as in a manifest.
            views: view numbers; 0 is the original photo.

        Raises:
            UserError: features do not fit the type of the cache.
        """
        contents = content_bytes(photos)
        with ExitStack() as stack:
            plain, augmented = self._open(stack, False), self._open(stack, True)
            stores = {view: plain if view == 0 else augmented for view in views}
            missing = self._missing(contents, stores)
            if missing.any():
                # Wait for other processes that compute the same rows, then look for what they stored.
                for store in {id(store): store for store in stores.values()}.values():
                    stack.enter_context(store.exclusive())
                missing = self._missing(contents, stores)
            for column, view in enumerate(views):
                self.stats.count(self.cut.line, view, contents, missing[:, column])
            if missing.any():
                with self.stats.timer("backbone"):
                    self._compute(photos, contents, stores, missing)
            found = {view: store.rows(contents, np.full(len(contents), view)) for view, store in stores.items()}
        return MultiViewFeatures(found)

    def fingerprint(self, augmented: bool) -> dict[str, object]:
        """Return everything that shapes the numbers, besides the photo and the view number.

        View 0 is shared by all augmentation policies.
        """
        rounded = self.engine_spec.precision == "bfloat16"
        stem = {"float32": self.cut.stem.line} if rounded and self.cut.stem is not None else {}
        calibration = {"calibration": self.quantized.digest} if self.quantized is not None else {}
        variables = {"environment": found} if (found := numeric_variables()) else {}
        engine = self.engine_spec.engine
        policy = self.pipeline.policy.description
        return {
            **self.cut.identity,
            "weights": self.digest,
            "resize": self.pipeline.resize,
            "decoder": DECODER,
            "augmentation": f"keras-{keras.__version__} {policy}" if augmented else "none",
            "engine": f"{engine} {engine_version(engine)}",
            "precision": self.engine_spec.precision,
            **stem,
            **calibration,
            **variables,
            "batch": BATCH,
        }

    def batches(self, photos: pd.DataFrame, views: np.ndarray, wanted: np.ndarray) -> Iterator[np.ndarray]:
        """Yield batches of BATCH views as the engine takes them, the last one padded with black.

        See `ImagePipeline.batches`.
        """
        for batch in self.pipeline.batches(photos, views, wanted, BATCH):
            padding = BATCH - len(batch)
            yield np.pad(batch, [(0, padding), (0, 0), (0, 0), (0, 0)]) if padding else batch

    def _open(self, stack: ExitStack, augmented: bool) -> FeatureStore:
        shape = self.cut.frozen.output_shape[1:]
        store = FeatureStore.open(Path(self.cache.root), self.fingerprint(augmented), shape, self.cache.dtype)
        return stack.enter_context(store)

    @staticmethod
    def _missing(contents: np.ndarray, stores: Mapping[int, FeatureStore]) -> np.ndarray:
        """(photos, views) booleans. Of several rows of the same photo, only the first is missing."""
        first = np.zeros(len(contents), bool)
        first[np.unique(contents, axis=0, return_index=True)[1]] = True
        columns = [~store.find(contents, np.full(len(contents), view)) & first for view, store in stores.items()]
        return np.stack(columns, axis=1)

    def _compute(
        self, photos: pd.DataFrame, contents: np.ndarray, stores: Mapping[int, FeatureStore], missing: np.ndarray
    ) -> None:
        views = np.array(list(stores))
        at_photo, at_view = np.nonzero(missing)
        done = 0
        with progress("backbone", total=len(at_photo), unit="views") as advance:
            for features in self.engine.run(self.batches(photos, views, missing)):
                rows = _rounded(features[: len(at_photo) - done], self.cache.dtype)  # without the padding
                part = slice(done, done + len(rows))
                batch_contents, batch_views = contents[at_photo[part]], views[at_view[part]]
                for store in set(stores.values()):
                    here = np.array([stores[int(view)] is store for view in batch_views])
                    if here.any():
                        store.append(batch_contents[here], batch_views[here], rows[here])
                done += len(rows)
                advance(len(rows))


@dataclass(frozen=True)
class FeatureExtractors:
    """Builds the feature extractors of a run, which share everything but the freeze line.

    Attributes:
        float32_until: the line up to which the frozen part stays at float32 if the rest runs at bfloat16.
        quantized: int8 networks to use when a run is repeated; others are read from the cache or made.
    """

    backbone: Backbone
    engine_spec: EngineSpec
    pipeline: ImagePipeline
    cache: CacheConfig
    float32_until: str
    stats: CacheStats
    quantized: QuantizedNetworks

    def at(self, freeze: str, calibration: pd.DataFrame) -> FeatureExtractor:
        """Build the extractor at a freeze line, at int8 with its quantized network.

        Args:
            calibration: photos, as in a manifest, of which some calibrate the quantized network if it has to be made.

        Raises:
            UserError: no such line.
        """
        at_line = cut(self.backbone, freeze, self.float32_until)
        digest = self.backbone.frozen_digest(at_line.line, at_line.frozen)
        network = self.quantized.get(freeze)
        if isinstance(network, pd.DataFrame):
            network = self._quantize(at_line, digest, network, exactly=True)
        elif self.engine_spec.precision == "int8" and network is None:
            network = self._quantize(at_line, digest, calibration)
        return FeatureExtractor(at_line, digest, self.engine_spec, self.pipeline, self.cache, self.stats, network)

    def _quantize(self, at_line: Cut, digest: str, calibration: pd.DataFrame, exactly: bool = False) -> Network:
        chosen = calibration.iloc[choose_calibration_photos(content_bytes(calibration))]

        def batches() -> Iterator[np.ndarray]:
            wanted = np.ones((len(chosen), 1), bool)
            return self.pipeline.batches(chosen, np.array([0]), wanted, CALIBRATION_BATCH)

        return quantized(at_line, digest, Path(self.cache.root), chosen["content"].tolist(), batches, exactly)


def content_bytes(photos: pd.DataFrame) -> np.ndarray:
    """Return (n, 16) bytes: the content hashes of photos."""
    return np.frombuffer(bytes.fromhex("".join(photos["content"])), np.uint8).reshape(-1, 16)


def _rounded(features: np.ndarray, dtype: str) -> np.ndarray:
    """Features in the type of the cache."""
    with np.errstate(over="ignore"):  # an overflow is an error below
        rows = features.astype(dtype)
    if not np.isfinite(rows).all():
        raise UserError(
            f"Features were expected to fit {dtype}, but some are not finite (largest before rounding: "
            f"{np.abs(features).max():.3g}). Set cache.dtype=float32, or use other weights. Received: "
            f"cache.dtype={dtype}."
        )
    return rows
