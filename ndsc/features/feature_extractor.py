"""The frozen part over views of photos: what the cache does not hold is computed, once, and put there."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from ndsc.caching.openvino_cache import Network
from ndsc.config.schema import Config
from ndsc.data.decoding import DECODER, resizer
from ndsc.errors import UserError
from ndsc.features.image_pipeline import ViewPipeline
from ndsc.features.store import FeatureRows, FeatureStore
from ndsc.features.views import Policy
from ndsc.model.backbone import Backbone, Cut
from ndsc.model.engines import BATCH, Engine, EngineSpec, build_engine
from ndsc.model.quantization import CALIBRATION_BATCH, choose_calibration_photos, quantized
from ndsc.storage.photo_reader import PhotoReader
from ndsc.terminal import progress

# Of a photo: what is needed to find it again and to read it.
PLACES = ["image_path", "content", "archive", "offset", "size", "format", "orientation", "alpha", "animated"]


@dataclass
class CacheStats:
    """What the cache gave and what had to be computed in a run. Counts are views of photos, each counted once however
    often it is asked for."""

    hits: int = 0
    misses: int = 0
    seconds: float = 0.0  # of making features, looking them up included
    backbone_seconds: float = 0.0  # of these, decoding and running the backbone
    _counted: dict[tuple[str, int], np.ndarray] = field(default_factory=dict)  # contents by line and view

    def count(self, line: str, view: int, contents: np.ndarray, missing: np.ndarray) -> None:
        """Count the photos of one view, (n, 16) bytes, and which of them are missing, (n,) booleans."""
        names = np.ascontiguousarray(contents).view("V16").ravel()
        before = self._counted.get((line, view), names[:0])
        new = ~np.isin(names, before)
        computed = len(np.unique(names[new & missing]))
        self.misses += computed
        self.hits += len(np.unique(names[new])) - computed
        self._counted[line, view] = np.union1d(before, names)


@dataclass(frozen=True)
class MultiViewFeatures:
    """Features of photos in several views, read when asked for: `features[photos, views]` is (n, *shape), in the type
    that the cache keeps."""

    rows: dict[int, FeatureRows | np.ndarray]  # by view

    @property
    def shape(self) -> tuple[int, ...]:
        """(photos, *shape of one feature)."""
        return next(iter(self.rows.values())).shape

    @property
    def views(self) -> tuple[int, ...]:
        """The views that there are."""
        return tuple(self.rows)

    @property
    def nbytes(self) -> int:
        """Size in memory if everything were loaded."""
        return sum(int(np.prod(rows.shape)) * rows.dtype.itemsize for rows in self.rows.values())

    def __getitem__(self, at: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        photos, views = at
        first = next(iter(self.rows.values()))
        gathered = np.empty((len(photos), *first.shape[1:]), first.dtype)
        for view in np.unique(views):
            here = np.flatnonzero(views == view)
            gathered[here] = self.rows[int(view)][photos[here]]
        return gathered

    def in_memory(self) -> np.ndarray:
        """All of them, loaded: (views, photos, *shape of one feature), the views in the order of `views`."""
        first = next(iter(self.rows.values()))
        loaded = np.empty((len(self.rows), *first.shape), first.dtype)
        for place, rows in enumerate(self.rows.values()):
            loaded[place] = rows[:]
        return loaded


@dataclass
class FeatureExtractor:
    """Everything below the freeze line, ready to make features: line, engine, augmentation policy and cache."""

    backbone: Backbone
    cut: Cut
    choice: EngineSpec
    policy: Policy
    config: Config
    reader: PhotoReader
    cost: CacheStats
    _quantized: Network | None = None

    @property
    def digest(self) -> str:
        """The digest of the weights below the line."""
        return self.backbone.frozen_digest(self.cut)

    @cached_property
    def engine(self) -> Engine:
        """Built when something has to be computed: a run out of a full cache needs none."""
        return build_engine(self.cut, self.digest, self.choice, Path(self.config.cache.root), self._quantized)

    def features(self, photos: pd.DataFrame, views: Sequence[int]) -> MultiViewFeatures:
        """Features of every photo in each of these views.

        Args:
            photos: rows with content, archive, offset, size and header, as in a manifest.
            views: view numbers; 0 is the plain photo.

        Raises:
            UserError: features do not fit the type that the cache keeps.
        """
        started = time.perf_counter()
        contents = _contents(photos)
        self.calibrate(photos)
        with ExitStack() as stack:
            plain, augmented = self._open(stack, False), self._open(stack, True)
            stores = {view: plain if view == 0 else augmented for view in views}
            missing = self._missing(contents, stores)
            if missing.any():
                # Whoever else computes the same rows is waited for; what it made is then found.
                for store in {id(store): store for store in stores.values()}.values():
                    stack.enter_context(store.exclusive())
                missing = self._missing(contents, stores)
            for column, view in enumerate(views):
                self.cost.count(self.cut.line, view, contents, missing[:, column])
            if missing.any():
                self._compute(photos, contents, stores, missing)
            found = {view: store.rows(contents, np.full(len(contents), view)) for view, store in stores.items()}
        self.cost.seconds += time.perf_counter() - started
        return MultiViewFeatures(found)

    def calibrate(self, photos: pd.DataFrame, locate: Callable[[pd.DataFrame], pd.DataFrame] | None = None) -> None:
        """At the precision int8, settle the quantized network: the kept one, or one measured now on plain views of the
        photos with the lowest content hashes. Later calls, and those at other precisions, change nothing.

        Args:
            locate: given for a repetition, which takes no network that was measured on others. Finds out where these
                photos lie now; asked only if they have to be read.

        Raises:
            UserError: they have to be read and `locate` does not find them.
        """
        if self.choice.precision != "int8" or self._quantized is not None:
            return
        chosen = photos.iloc[choose_calibration_photos(_contents(photos))][PLACES]

        def measure() -> tuple[list[dict[str, object]], Iterator[np.ndarray]]:
            found, every = locate(chosen) if locate else chosen, np.ones((len(chosen), 1), bool)
            return found.to_dict("records"), self._pipeline.batches(found, np.array([0]), every, CALIBRATION_BATCH)

        cache, contents = Path(self.config.cache.root), chosen["content"].tolist()
        self._quantized = quantized(self.cut, self.digest, cache, contents, measure, exactly=locate is not None)

    @property
    def calibration(self) -> pd.DataFrame | None:
        """The photos that the quantized network was measured on, by this run or by the one that made it: PLACES. None
        at other precisions, before one is settled, and of a network that an earlier version kept."""
        noted = None if self._quantized is None else self._quantized.notes.get("photos")
        return None if noted is None else pd.DataFrame(noted, columns=PLACES)

    def fingerprint(self, augmented: bool) -> dict[str, object]:
        """Everything that shapes the numbers, besides the photo and the number of the view. Plain views are shared by
        all policies. At the precision int8 it is known once `calibrate` or `features` was called."""
        rounded = self.choice.precision == "bfloat16"
        stem = {"float32": self.cut.stem.line} if rounded and self.cut.stem is not None else {}
        calibration = {"calibration": self._quantized.digest} if self._quantized is not None else {}
        return {
            **self.cut.identity,
            "weights": self.digest,
            "resize": self.config.backbone.resize,
            "decoder": DECODER,
            "augmentation": f"keras-{keras.__version__} {self.policy.described}" if augmented else "none",
            "engine": f"{self.choice.engine} {_engine_version(self.choice.engine)}",
            "precision": self.choice.precision,
            **stem,
            **calibration,
            "batch": BATCH,
        }

    def batches(self, photos: pd.DataFrame, views: np.ndarray, wanted: np.ndarray) -> Iterator[np.ndarray]:
        """Batches of BATCH views as the backbone is shown them, the last one filled up with black.

        See `ndsc.features.image_pipeline.ViewPipeline.batches`.
        """
        for batch in self._pipeline.batches(photos, views, wanted, BATCH):
            missing = BATCH - len(batch)
            yield np.pad(batch, [(0, missing), (0, 0), (0, 0), (0, 0)]) if missing else batch

    def pixels(self, photos: pd.DataFrame) -> np.ndarray:
        """(photos, views, size, size, 3) grey levels 0 to 255 of all views, as the backbone is shown them."""
        views = np.arange(self.policy.views)
        every = np.ones((len(photos), len(views)), bool)
        shown = np.concatenate(list(self.batches(photos, views, every)))[: every.size]
        return shown.reshape(len(photos), len(views), *shown.shape[1:])

    @cached_property
    def _pipeline(self) -> ViewPipeline:
        return ViewPipeline(self.policy, resizer(self.backbone.size, self.config.backbone.resize), self.reader)

    def _open(self, stack: ExitStack, augmented: bool) -> FeatureStore:
        cache = self.config.cache
        shape = self.cut.frozen.output_shape[1:]
        store = FeatureStore.open(Path(cache.root), self.fingerprint(augmented), shape, cache.dtype)
        return stack.enter_context(store)

    @staticmethod
    def _missing(contents: np.ndarray, stores: dict[int, FeatureStore]) -> np.ndarray:
        """(photos, views) booleans. A photo that is listed twice is missing once."""
        first = np.zeros(len(contents), bool)
        first[np.unique(contents, axis=0, return_index=True)[1]] = True
        columns = [~store.find(contents, np.full(len(contents), view)) & first for view, store in stores.items()]
        return np.stack(columns, axis=1)

    def _compute(
        self, photos: pd.DataFrame, contents: np.ndarray, stores: dict[int, FeatureStore], missing: np.ndarray
    ) -> None:
        started = time.perf_counter()
        views = np.array(list(stores))
        at_photo, at_view = np.nonzero(missing)
        done = 0
        with progress("backbone", total=len(at_photo), unit="views") as advance:
            for features in self.engine.run(self.batches(photos, views, missing)):
                mine = slice(done, min(done + BATCH, len(at_photo)))
                count = mine.stop - mine.start
                rows = _rounded(features[:count], self.config.cache.dtype)
                for store in set(stores.values()):
                    here = np.array([stores[int(view)] is store for view in views[at_view[mine]]])
                    if here.any():
                        store.append(contents[at_photo[mine]][here], views[at_view[mine]][here], rows[here])
                done += count
                advance(count)
        self.cost.backbone_seconds += time.perf_counter() - started


def _contents(photos: pd.DataFrame) -> np.ndarray:
    """(n, 16) bytes of the photos' content hashes."""
    return np.frombuffer(bytes.fromhex("".join(photos["content"])), np.uint8).reshape(-1, 16)


def _rounded(features: np.ndarray, dtype: str) -> np.ndarray:
    """Features in the cache's type."""
    with np.errstate(over="ignore"):  # what overflows is refused below, in words
        rows = features.astype(dtype)
    if not np.isfinite(rows).all():
        raise UserError(
            f"Features were expected to fit {dtype}, but some are not finite (largest before rounding: "
            f"{np.abs(features).max():.3g}). Say cache.dtype=float32, or use other weights. Received: "
            f"cache.dtype={dtype}."
        )
    return rows


def _engine_version(engine: str) -> str:
    if engine == "openvino":
        import openvino

        return openvino.__version__.split("-")[0]
    return tf.__version__
