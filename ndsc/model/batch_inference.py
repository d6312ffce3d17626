"""Batch inference for any number of photos, which threads read and decode ahead of the engine."""

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ndsc.caching.digests import file_digest
from ndsc.model.engines import BATCH, Engine, build_engine, choose_engine
from ndsc.model.freeze_line import Cut
from ndsc.model.photo_classifier import PhotoClassifier
from ndsc.process import usable_cores
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
    waiting: deque[tuple[list[str], list[str]]] = deque()

    def batches() -> Iterator[np.ndarray]:
        for paths, outcomes in _prepared(photos, reader, classifier):
            batch = np.zeros((BATCH, classifier.size, classifier.size, 3), np.float32)
            for at, outcome in enumerate(outcomes):
                if not isinstance(outcome, str):
                    batch[at] = outcome
            waiting.append((paths, [outcome if isinstance(outcome, str) else "" for outcome in outcomes]))
            yield batch

    for probabilities in engine.run(batches()):
        yield _rows(*waiting.popleft(), probabilities, classifier.classes)


def classifier_engine(classifier: PhotoClassifier, path: Path, precision: str, cache_root: Path) -> Engine:
    """Return the fastest engine for a classifier's body on this machine. OpenVINO's export of it is cached.

    Args:
        path: the file of the classifier.
    """
    body = Cut("probabilities", {"part": "from a resized photo to probabilities"}, classifier.body, None)
    # Of the whole file, since the weights' own digest does not cover the preprocessing of photos.
    return build_engine(body, file_digest(path), choose_engine("auto", precision), cache_root)


def _prepared(
    photos: pa.Table, reader: PhotoReader, classifier: PhotoClassifier
) -> Iterator[tuple[list[str], list[np.ndarray | str]]]:
    """Yield the paths of up to BATCH photos, and for each its prepared pixels or the reason why there are none."""

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

    ahead: deque[tuple[list[str], list[Future]]] = deque()
    with ThreadPoolExecutor(min(usable_cores(), MOST_THREADS)) as threads:
        for start in range(0, photos.num_rows, BATCH):
            rows = photos.slice(start, BATCH).to_pylist()
            ahead.append(([row["path"] for row in rows], [threads.submit(prepare, row) for row in rows]))
            if len(ahead) > BATCHES_AHEAD:
                yield _outcomes(*ahead.popleft())
        while ahead:
            yield _outcomes(*ahead.popleft())


def _outcomes(paths: list[str], futures: list[Future]) -> tuple[list[str], list[np.ndarray | str]]:
    return paths, [future.result() for future in futures]


def _rows(paths: list[str], reasons: list[str], probabilities: np.ndarray, classes: tuple[str, ...]) -> pa.RecordBatch:
    probabilities = probabilities[: len(paths)]
    unreadable = np.array([bool(reason) for reason in reasons])
    labels = np.array(classes, dtype=object)[probabilities.argmax(axis=1)]
    known = [pa.array(labels, pa.string(), mask=unreadable), *(pa.array(p, mask=unreadable) for p in probabilities.T)]
    return pa.record_batch([pa.array(paths), *known, pa.array(reasons)], schema=result_schema(classes))
