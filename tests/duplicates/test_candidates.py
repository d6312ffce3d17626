import numpy as np
import pytest

from ndsc.duplicates import candidates
from ndsc.duplicates.candidates import MOST_BITS, NEIGHBOURS, candidate_pairs


def found(hashes: np.ndarray, vectors: np.ndarray) -> set[tuple[int, int]]:
    pairs = candidate_pairs(hashes, vectors, lambda count: None)
    assert (pairs[:, 0] < pairs[:, 1]).all()
    assert len(np.unique(pairs, axis=0)) == len(pairs)
    return set(map(tuple, pairs.tolist()))


def far_hashes(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 2**63, count).astype(np.uint64)


@pytest.fixture(params=[7, 2048])
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """The search gives the same whatever the size of its blocks."""
    monkeypatch.setattr(candidates, "BLOCK", request.param)
    return request.param


def test_the_nearest_in_features_are_those_of_a_plain_search(block: int):
    random = np.random.default_rng(1)
    vectors = random.normal(size=(100, 8)).astype(np.float16)
    unit = vectors.astype(np.float64) / np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    cosine = unit @ unit.T
    np.fill_diagonal(cosine, -2)
    nearest = np.argsort(-cosine, axis=1)[:, :NEIGHBOURS]
    expected = {tuple(sorted((one, int(other)))) for one, row in enumerate(nearest) for other in row}
    # With random hashes none are within 8 bits of 64.
    assert found(far_hashes(100), vectors) == expected


def test_photos_within_eight_bits_are_found_whatever_their_features(block: int):
    hashes = far_hashes(100)
    hashes[70] = hashes[3] ^ np.uint64((1 << MOST_BITS) - 1)
    hashes[71] = hashes[3] ^ np.uint64(((1 << MOST_BITS + 1) - 1) << 20)
    vectors = np.random.default_rng(2).normal(size=(100, 8)).astype(np.float32)
    for near, direction in ((3, 1.0), (70, -1.0), (71, -1.0)):
        vectors[near] = direction
    pairs = found(hashes, vectors)
    assert (3, 70) in pairs
    assert (3, 71) not in pairs


def test_blank_photos_that_share_one_hash_do_not_give_every_pair(block: int):
    pairs = found(np.zeros(200, np.uint64), np.random.default_rng(3).normal(size=(200, 8)))
    assert len(pairs) <= 2 * NEIGHBOURS * 200


def test_features_of_zeros_are_accepted(block: int):
    assert found(far_hashes(30), np.zeros((30, 4), np.float16))


@pytest.mark.parametrize(("photos", "pairs"), [(0, 0), (1, 0), (2, 1), (5, 10)])
def test_few_photos_are_all_compared(photos: int, pairs: int, block: int):
    assert len(found(far_hashes(photos), np.eye(max(photos, 1), 6)[:photos])) == pairs


def test_progress_counts_every_photo(block: int):
    advanced: list[int] = []
    candidate_pairs(far_hashes(30), np.eye(30), advanced.append)
    assert sum(advanced) == 30
