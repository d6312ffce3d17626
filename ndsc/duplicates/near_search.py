"""All pairs of photos that show the very same picture: traits, candidates, verification."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from ndsc.data.decoding import read_levels
from ndsc.duplicates.candidates import candidate_pairs
from ndsc.duplicates.image_signatures import ImageSignature, compute_signature
from ndsc.duplicates.match import Match
from ndsc.duplicates.near_cache import MatchCache, SignatureCache
from ndsc.duplicates.verification import Comparison
from ndsc.process import usable_cores
from ndsc.storage.photo_reader import PhotoReader
from ndsc.terminal import progress

# What is kept at a time: whoever is killed loses no more than this.
PHOTOS_AT_ONCE = 1024
PAIRS_AT_ONCE = 65_536
PAIRS_A_TASK = 256


@dataclass(frozen=True)
class NearPairs:
    """Pairs that show the same picture: (m, 2) positions, and (m, 3) inliers, support and agreement."""

    pairs: np.ndarray
    matches: np.ndarray


def near_pairs(
    photos: pd.DataFrame, vectors: np.ndarray, reader: PhotoReader, cache_root: Path, threads: int | None
) -> NearPairs:
    """Find all pairs. What the cache knows of photos and pairs is not found out again.

    Args:
        photos: content, archive, offset and size of different photos, sorted by content: then the same photos give the
            same pairs, in whatever order they were drawn.
        vectors: (n, d) features of their plain views.
        threads: None: as many as there are cores.
    """
    contents = photos["content"].tolist()
    with _pool(threads) as pool:
        traits = _all_traits(photos, reader, SignatureCache(cache_root), pool)
        hashes = np.array([one.hash for one in traits], np.uint64)
        with progress("neighbours", total=len(photos)) as advance:
            pairs = candidate_pairs(hashes, vectors, advance)
        matches = _all_matches(contents, traits, pairs, MatchCache(cache_root), pool)
    same = np.array([Match(*match).same_picture for match in matches], bool)
    return NearPairs(pairs[same], matches[same])


@contextmanager
def _pool(threads: int | None) -> Iterator[ThreadPoolExecutor]:
    """Threads of ours, and none of OpenCV's beside them, which would cost more than they bring for what is so small."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with ThreadPoolExecutor(threads or usable_cores()) as pool:
            yield pool
    finally:
        cv2.setNumThreads(before)


def _all_traits(
    photos: pd.DataFrame, reader: PhotoReader, kept: SignatureCache, pool: ThreadPoolExecutor
) -> Sequence[ImageSignature]:
    found = kept.find(photos["content"].tolist())
    missing = [at for at, traits in enumerate(found) if traits is None]
    if not missing:
        return found

    def one(place: tuple[str, float, float]) -> ImageSignature:
        return compute_signature(read_levels(reader.read(place[0], int(place[1]), int(place[2]))))

    with progress("local features", total=len(missing)) as advance:
        for start in range(0, len(missing), PHOTOS_AT_ONCE):
            rows = photos.iloc[missing[start : start + PHOTOS_AT_ONCE]]
            made = _followed(pool.map(one, zip(rows["archive"], rows["offset"], rows["size"], strict=True)), advance)
            for at, traits in zip(missing[start:], made, strict=False):
                found[at] = traits
            kept.add(rows["content"].tolist(), made)
    return found


def _all_matches(
    contents: list[str], traits: Sequence[ImageSignature], pairs: np.ndarray, kept: MatchCache, pool: ThreadPoolExecutor
) -> np.ndarray:
    matches = kept.find(contents, pairs)
    missing = np.flatnonzero(np.isnan(matches[:, 0]))
    if not len(missing):
        return matches
    with progress("comparing", total=len(missing), unit="pairs") as advance:
        for start in range(0, len(missing), PAIRS_AT_ONCE):
            rows = missing[start : start + PAIRS_AT_ONCE]
            tasks = np.split(pairs[rows], range(PAIRS_A_TASK, len(rows), PAIRS_A_TASK))
            made: list[Match] = []
            for several in pool.map(lambda task: _compared(task, traits), tasks):
                made += several
                advance(len(several))
            matches[rows] = [astuple(match) for match in made]
            kept.add(contents, pairs[rows], made)
    return matches


def _compared(pairs: np.ndarray, traits: Sequence[ImageSignature]) -> list[Match]:
    compare = Comparison()
    return [compare(traits[one], traits[other]) for one, other in pairs.tolist()]


def _followed(results: Iterator, advance: Callable[[int], None]) -> list:
    """All results; each is told when it is there."""
    made = []
    for result in results:
        made.append(result)
        advance(1)
    return made
