"""Verification that two photos show the very same picture.

Local features of both must fit one similarity transform. That alone joins too much: a status bar, a price tag or the
icons on a phone's screen fit as well as a repost does. So most features must fit where both photos overlap, and the
photos must look alike there.
"""

from dataclasses import dataclass, fields

import cv2
import numpy as np

from ndsc.duplicates.image_signatures import SIDE, SMALL_SIDE, ImageSignature

LEAST_INLIERS = 20
# Set on real photos, by eye (experiments/LOG.md): below them most pairs are two photos of one model or one template.
LEAST_SUPPORT = 0.2
LEAST_AGREEMENT = 0.5
MOST_DIFFERING_BITS = 64  # of the 256 bits of two descriptors
# A first look at every third feature: of 98,000 candidates it discards four fifths, and none of the 1,775 that show the
# same picture, whose share is 0.115 and more.
SCREENED = 3
SCREENED_BITS = 48
SCREENED_SHARE = 0.1
TOLERANCE = 3.0  # pixels of the copy with SIDE pixels
ATTEMPTS = 1000  # of RANSAC, which finds 20 inliers among 200 matches in 460 with a certainty of 99 %
BLOCK = 8  # pixels of the small copy
LEAST_CONTRAST = 4.0  # grey levels, standard deviation within a block; below that there is nothing to correlate
LEAST_CORRELATION = 0.5  # of a block's grey levels in both photos
# To be raised with every change here, LEAST_INLIERS and LEAST_SUPPORT included: matches by other rules must not be
# taken for these.
RULES = 2


@dataclass(frozen=True, slots=True)
class Match:
    """The fit of two photos on each other.

    `inliers`: local features that agree on one transform. `support`: their share of all features that the photo with
    more of them has where both overlap, 0 to 1. `agreement`: the share of blocks that look alike there, 0 to 1.
    """

    inliers: int
    support: float
    agreement: float

    @property
    def same_picture(self) -> bool:
        """Whether one is the other, changed."""
        return self.inliers >= LEAST_INLIERS and self.support >= LEAST_SUPPORT and self.agreement >= LEAST_AGREEMENT


NO_MATCH = Match(0, 0.0, 0.0)
FIELDS = tuple(field.name for field in fields(Match))


class Matcher:
    """Matches pairs of photos, one after the other. Each thread needs one of its own.

    Memory is reused: with new arrays for each pair, a third of the time would go into the system's paging.
    """

    def __init__(self) -> None:
        self._words = np.empty(0, np.uint64)
        self._bits, self._sum = np.empty(0, np.uint8), np.empty(0, np.uint16)

    def __call__(self, one: ImageSignature, other: ImageSignature) -> Match:
        """Fit one photo on the other. The same two in the same order always give the same match."""
        source, target = self._matched_points(one, other)
        if len(source) < LEAST_INLIERS:
            return NO_MATCH
        cv2.setRNGSeed(0)  # each thread has a generator of its own, which other pairs have advanced
        transform, inside = cv2.estimateAffinePartial2D(
            source, target, method=cv2.RANSAC, ransacReprojThreshold=TOLERANCE, maxIters=ATTEMPTS
        )
        if transform is None:
            return NO_MATCH
        inliers = int(inside.sum())
        shared = max(
            _falling_inside(one.points, transform, other.small),
            _falling_inside(other.points, cv2.invertAffineTransform(transform), one.small),
        )
        if inliers < max(LEAST_INLIERS, LEAST_SUPPORT * shared):
            return NO_MATCH
        return Match(inliers, inliers / max(shared, inliers), _agreement(one.small, other.small, transform))

    def _matched_points(self, one: ImageSignature, other: ImageSignature) -> tuple[np.ndarray, np.ndarray]:
        """(m, 2) each: the positions of features that are each other's nearest."""
        if min(len(one.points), len(other.points)) < LEAST_INLIERS or not self._promising(one, other):
            return one.points[:0], other.points[:0]
        differing = self._differing_bits(one.descriptors, other.descriptors)
        nearest, back = differing.argmin(axis=1), differing.argmin(axis=0)
        own = np.arange(len(nearest))
        good = (back[nearest] == own) & (differing[own, nearest] <= MOST_DIFFERING_BITS)
        return one.points[good], other.points[nearest[good]]

    def _promising(self, one: ImageSignature, other: ImageSignature) -> bool:
        """Whether a third of the features of the photo with fewer of them has near ones in the other photo at all."""
        fewer, more = sorted((one.descriptors, other.descriptors), key=len)
        nearest = self._differing_bits(fewer[::SCREENED], more).min(axis=1)
        return float((nearest <= SCREENED_BITS).mean()) >= SCREENED_SHARE

    def _differing_bits(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """(n, m) uint16, valid until the next call. OpenCV's matcher with cross-check takes twice the time."""
        shape = len(one), len(other)
        count = shape[0] * shape[1]
        if len(self._words) < count:
            self._words = np.empty(count, np.uint64)
            self._bits, self._sum = np.empty(count, np.uint8), np.empty(count, np.uint16)
        words, bits, total = (memory[:count].reshape(shape) for memory in (self._words, self._bits, self._sum))
        total.fill(0)
        first, second = (np.ascontiguousarray(np.ascontiguousarray(photo).view(np.uint64).T) for photo in (one, other))
        for word in range(len(first)):
            np.bitwise_xor(first[word][:, None], second[word][None, :], out=words)
            np.bitwise_count(words, out=bits)
            np.add(total, bits, out=total)
        return total


def _falling_inside(points: np.ndarray, transform: np.ndarray, small: np.ndarray) -> int:
    """The number of points of one photo that are on the other one, after the transform."""
    laid = points @ transform[:, :2].T + transform[:, 2]
    height, width = (side * SIDE / SMALL_SIDE for side in small.shape)
    return int(((laid >= 0) & (laid < (width, height))).all(axis=1).sum())


def _agreement(one: np.ndarray, other: np.ndarray, transform: np.ndarray) -> float:
    """The share of blocks with contrast in which one photo, transformed onto the other, correlates with it."""
    smaller = transform.copy()
    smaller[:, 2] *= SMALL_SIDE / SIDE
    size = other.shape[1], other.shape[0]
    laid = cv2.warpAffine(one, smaller, size, flags=cv2.INTER_AREA)
    inside = cv2.warpAffine(np.ones_like(one), smaller, size, flags=cv2.INTER_NEAREST)
    first, second, covered = (_blocks(levels) for levels in (laid, other, inside))
    whole = covered.all(axis=1)
    first, second = (blocks[whole] - blocks[whole].mean(axis=1, keepdims=True) for blocks in (first, second))
    spread_one, spread_other = first.std(axis=1), second.std(axis=1)
    contrast = np.maximum(spread_one, spread_other) >= LEAST_CONTRAST
    if not contrast.any():
        return 0.0
    product = (first * second).mean(axis=1)
    alike = product >= LEAST_CORRELATION * np.maximum(spread_one * spread_other, 1e-6)
    return float(alike[contrast].mean())


def _blocks(levels: np.ndarray) -> np.ndarray:
    """Cut (height, width) into (blocks, BLOCK * BLOCK) float32; pixels that do not fill a block are left out."""
    rows, columns = levels.shape[0] // BLOCK, levels.shape[1] // BLOCK
    cut = levels[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK)
    return cut.swapaxes(1, 2).reshape(rows * columns, -1).astype(np.float32)
