"""Search for near duplicates: pairs of photos that show the very same picture, by signatures, candidates and
verification."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import astuple
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from ndsc.data.decoding import read_pixels_uint8
from ndsc.duplicates.candidates import candidate_pairs
from ndsc.duplicates.image_signatures import ImageSignature, compute_signature
from ndsc.duplicates.near_cache import MatchCache, SignatureCache
from ndsc.duplicates.verification import FIELDS, Match, Matcher
from ndsc.process import usable_cores
from ndsc.storage.photo_reader import PhotoReader
from ndsc.terminal import progress

# Results are cached after so many: a run that is killed repeats no more than these.
PHOTOS_AT_ONCE = 1024
PAIRS_AT_ONCE = 65_536
PAIRS_A_TASK = 256


def near_pairs(
    photos: pd.DataFrame, vectors: np.ndarray, reader: PhotoReader, cache_root: Path, threads: int | None
) -> tuple[np.ndarray, pd.DataFrame]:
    """Find all pairs of near duplicates. Cached signatures and matches are not computed again.

    Args:
        photos: content, archive, offset and size of different photos, sorted by content: then the same photos give the
            same pairs, in whatever order they were drawn.
        vectors: (n, d) features of their plain views.
        threads: None: one for each core.

    Returns:
        (m, 2) positions of the pairs, and the inliers, support and agreement of each.
    """
    contents = photos["content"].tolist()
    with _pool(threads) as pool:
        signatures = _signatures(photos, reader, SignatureCache(cache_root), pool)
        hashes = np.array([signature.hash for signature in signatures], np.uint64)
        with progress("neighbours", total=len(photos)) as advance:
            pairs = candidate_pairs(hashes, vectors, advance)
        matches = _matches(contents, signatures, pairs, MatchCache(cache_root), pool)
    same = np.array([Match(*match).same_picture for match in matches], bool)
    return pairs[same], pd.DataFrame(matches[same], columns=FIELDS)


@contextmanager
def _pool(threads: int | None) -> Iterator[ThreadPoolExecutor]:
    """A pool of our threads, with none of OpenCV's beside them: these cost more than they gain on small images."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with ThreadPoolExecutor(threads or usable_cores()) as pool:
            yield pool
    finally:
        cv2.setNumThreads(before)


def _signatures(
    photos: pd.DataFrame, reader: PhotoReader, cache: SignatureCache, pool: ThreadPoolExecutor
) -> Sequence[ImageSignature]:
    found = cache.find(photos["content"].tolist())
    missing = [position for position, signature in enumerate(found) if signature is None]
    if not missing:
        return found

    def compute(archive: str, offset: float, size: float) -> ImageSignature:
        signature = compute_signature(read_pixels_uint8(reader.read(archive, int(offset), int(size))))
        advance(1)
        return signature

    with progress("local features", total=len(missing)) as advance:
        for start in range(0, len(missing), PHOTOS_AT_ONCE):
            positions = missing[start : start + PHOTOS_AT_ONCE]
            rows = photos.iloc[positions]
            computed = list(pool.map(compute, rows["archive"], rows["offset"], rows["size"]))
            for position, signature in zip(positions, computed, strict=True):
                found[position] = signature
            cache.add(rows["content"].tolist(), computed)
    return found


def _matches(
    contents: list[str],
    signatures: Sequence[ImageSignature],
    pairs: np.ndarray,
    cache: MatchCache,
    pool: ThreadPoolExecutor,
) -> np.ndarray:
    """(m, 3) inliers, support and agreement of the pairs."""
    matches = cache.find(contents, pairs)
    missing = np.flatnonzero(np.isnan(matches[:, 0]))
    if not len(missing):
        return matches

    def compare(task: np.ndarray) -> list[Match]:
        match = Matcher()
        matched = [match(signatures[one], signatures[other]) for one, other in task.tolist()]
        advance(len(matched))
        return matched

    with progress("comparing", total=len(missing), unit="pairs") as advance:
        for start in range(0, len(missing), PAIRS_AT_ONCE):
            rows = missing[start : start + PAIRS_AT_ONCE]
            tasks = np.split(pairs[rows], range(PAIRS_A_TASK, len(rows), PAIRS_A_TASK))
            compared = list(chain.from_iterable(pool.map(compare, tasks)))
            matches[rows] = [astuple(match) for match in compared]
            cache.add(contents, pairs[rows], compared)
    return matches
