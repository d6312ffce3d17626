"""Candidates for near duplicates: pairs of photos that are near in perceptual hash or in frozen features.

Both searches compare every photo with every other, in blocks: 20,000 photos take less than a minute. Time grows with
the square of the number of photos; hundreds of thousands take hours.
"""

from collections.abc import Callable

import numpy as np

NEIGHBOURS = 20
MOST_BITS = 8
BLOCK = 2048


def candidate_pairs(hashes: np.ndarray, vectors: np.ndarray, advance: Callable[[int], None]) -> np.ndarray:
    """Return the pairs to be verified.

    Args:
        hashes: (n,) uint64.
        vectors: (n, d) features of the same photos.
        advance: called with the number of photos searched for, n in all.

    Returns:
        (pairs, 2) int64 positions, the smaller one first, sorted, each pair once.
    """
    found = []
    for start in range(0, len(hashes), BLOCK):
        rows = slice(start, min(start + BLOCK, len(hashes)))
        found += [_near_in_hash(hashes, rows), _near_in_features(vectors, rows)]
        advance(rows.stop - rows.start)
    pairs = np.sort(np.concatenate(found), axis=1) if found else np.zeros((0, 2), np.int64)
    return np.unique(pairs, axis=0)


def unit_rows(vectors: np.ndarray) -> np.ndarray:
    """Scale the rows to length one, for cosines: (n, d) float32. A row of zeros stays."""
    rows = vectors.astype(np.float32)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.finfo(np.float32).tiny)


def _near_in_hash(hashes: np.ndarray, rows: slice) -> np.ndarray:
    """Return (m, 2) of a photo among `rows` and one of its nearest by hash: at most NEIGHBOURS within MOST_BITS bits.

    The limit is for blank photos, which all share one hash.
    """
    ones, others, distances = [], [], []
    for start in range(0, len(hashes), BLOCK):
        bits = np.bitwise_count(hashes[rows, None] ^ hashes[None, start : start + BLOCK])
        one, other = np.nonzero(bits <= MOST_BITS)
        distances.append(bits[one, other])
        ones.append(one + rows.start)
        others.append(other + start)
    one, other, distance = np.concatenate(ones), np.concatenate(others), np.concatenate(distances)
    different = one != other
    return _first_of_each(one[different], other[different], distance[different])


def _near_in_features(vectors: np.ndarray, rows: slice) -> np.ndarray:
    """Return (m, 2) of a photo among `rows` and one of its NEIGHBOURS nearest by cosine."""
    mine = unit_rows(vectors[rows])
    similarity = np.zeros((len(mine), 0), np.float32)
    nearest = np.zeros((len(mine), 0), np.int64)
    for start in range(0, len(vectors), BLOCK):
        block = unit_rows(vectors[start : start + BLOCK])
        products = mine @ block.T
        own = np.arange(rows.start, rows.stop) - start
        inside = (own >= 0) & (own < len(block))
        products[np.flatnonzero(inside), own[inside]] = -np.inf
        similarity = np.concatenate([similarity, products], axis=1)
        positions = np.broadcast_to(np.arange(start, start + len(block)), products.shape)
        nearest = np.concatenate([nearest, positions], axis=1)
        best = np.argpartition(-similarity, min(NEIGHBOURS, similarity.shape[1] - 1), axis=1)[:, :NEIGHBOURS]
        similarity = np.take_along_axis(similarity, best, axis=1)
        nearest = np.take_along_axis(nearest, best, axis=1)
    one = np.repeat(np.arange(rows.start, rows.stop), nearest.shape[1])
    other, real = nearest.ravel(), np.isfinite(similarity.ravel())
    return np.stack([one[real], other[real]], axis=1)


def _first_of_each(one: np.ndarray, other: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Return the NEIGHBOURS pairs of each photo with the smallest distance; among equals, those that come first."""
    order = np.lexsort((other, distance, one))
    one, other = one[order], other[order]
    rank = np.arange(len(one)) - np.searchsorted(one, one, side="left")
    return np.stack([one, other], axis=1)[rank < NEIGHBOURS]
