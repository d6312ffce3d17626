"""Batch inference for any number of photos, which threads read and decode ahead of the engine."""

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ndsc.caching.digests import file_digest
from ndsc.model.engines import BATCH, Engine, build_engine, choose_engine
from ndsc.model.freeze_line import Cut
from ndsc.model.photo_classifier import PhotoClassifier
from ndsc.process import map_ahead, usable_cores
from ndsc.storage.archive import ShortRead
from ndsc.storage.image_header import MAX_BYTES, Unusable
from ndsc.storage.photo_reader import PhotoReader

BATCHES_AHEAD = 3
# A photo at the limit of pixels takes half a gigabyte while it is resized.
MOST_THREADS = 8


def result_schema(classes: tuple[str, ...]) -> pa.Schema:
    """Return the columns path, label, `p_<class>` for each class, and reason: empty, or why the photo is unreadable."""
    probabilities = [(f"p_{name}", pa.float32()) for name in classes]
    return pa.schema([("path", pa.string()), ("label", pa.string()), *probabilities, ("reason", pa.string())])


def classify_photos(
    photos: pa.Table, reader: PhotoReader, classifier: PhotoClassifier, engine: Engine
) -> Iterator[pa.RecordBatch]:
    """Yield rows as in `result_schema`, up to BATCH at a time, in the order of the photos.

    Args:
        photos: rows with path, archive, offset, size and reason (see `ndsc.data.prediction_files`).
        engine: see `classifier_engine`.
    """
    waiting: deque[list[str]] = deque()

    def batches() -> Iterator[np.ndarray]:
        for outcomes in _prepared(photos, reader, classifier):
            batch = np.zeros((BATCH, classifier.size, classifier.size, 3), np.float32)
            for at, outcome in enumerate(outcomes):
                if not isinstance(outcome, str):
                    batch[at] = outcome
            waiting.append([outcome if isinstance(outcome, str) else "" for outcome in outcomes])
            yield batch

    start = 0
    for probabilities in engine.run(batches()):
        reasons = waiting.popleft()
        paths = photos.column("path").slice(start, len(reasons)).combine_chunks()
        yield _rows(paths, reasons, probabilities, classifier.classes)
        start += len(reasons)


def classifier_engine(classifier: PhotoClassifier, path: Path, precision: str, cache_root: Path) -> Engine:
    """Return the fastest engine for a classifier's body on this machine. OpenVINO's export of it is cached.

    Args:
        path: the file of the classifier.
    """
    body = Cut("probabilities", {"part": "from a resized photo to probabilities"}, classifier.body, None)
    # Of the whole file, since the weights' own digest does not cover the preprocessing of photos.
    return build_engine(body, file_digest(path), choose_engine("auto", precision), cache_root)


def _prepared(photos: pa.Table, reader: PhotoReader, classifier: PhotoClassifier) -> Iterator[list[np.ndarray | str]]:
    """Yield, for up to BATCH photos at a time, the prepared pixels of each or the reason why there are none."""

    def prepare(row: dict[str, Any]) -> np.ndarray | str:
        if row["size"] is None:
            return row["reason"]
        if row["size"] > MAX_BYTES:
            return "file over the limit"
        try:
            data = reader.read(os.fsdecode(row["archive"]), row["offset"], row["size"])
            return classifier.prepare(data)
        except (ShortRead, Unusable) as error:
            return str(error)

    rows = (row for part in photos.to_batches(max_chunksize=BATCH) for row in part.to_pylist())
    with ThreadPoolExecutor(min(usable_cores(), MOST_THREADS)) as threads:
        outcomes = map_ahead(threads, prepare, rows, BATCHES_AHEAD * BATCH)
        while batch := list(islice(outcomes, BATCH)):
            yield batch


def _rows(paths: pa.Array, reasons: list[str], probabilities: np.ndarray, classes: tuple[str, ...]) -> pa.RecordBatch:
    probabilities = probabilities[: len(paths)]
    unreadable = np.array([bool(reason) for reason in reasons])
    labels = np.array(classes, dtype=object)[probabilities.argmax(axis=1)]
    known = [pa.array(labels, pa.string(), mask=unreadable), *(pa.array(p, mask=unreadable) for p in probabilities.T)]
    return pa.record_batch([paths, *known, pa.array(reasons)], schema=result_schema(classes))
