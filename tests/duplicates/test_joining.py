import numpy as np
import pytest

from ndsc.duplicates import joining
from ndsc.duplicates.joining import MOST_IN_GROUP, join_pairs


def test_pairs_that_share_a_photo_are_one_group():
    groups, refused = join_pairs(6, np.array([[0, 3], [3, 5], [1, 2]]), np.array([30, 40, 50]))
    assert groups.tolist() == [0, 1, 1, 0, 4, 0]
    assert not refused.any()


def test_without_pairs_every_photo_is_alone():
    groups, refused = join_pairs(3, np.zeros((0, 2), np.int64), np.zeros(0))
    assert groups.tolist() == [0, 1, 2]
    assert len(refused) == 0


def test_a_chain_does_not_swallow_the_data():
    chain = np.stack([np.arange(999), np.arange(1, 1000)], axis=1)
    groups, refused = join_pairs(1000, chain, np.full(999, 20.0))
    sizes = np.bincount(groups)
    assert sizes.max() <= MOST_IN_GROUP
    assert sizes[sizes > 0].mean() > MOST_IN_GROUP / 2
    assert refused.sum() == len(set(groups.tolist())) - 1


def test_the_weakest_pair_is_the_one_that_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(joining, "MOST_IN_GROUP", 3)
    # Two groups of two and three photos, tied to each other by a weak pair that stands first.
    pairs = np.array([[2, 3], [0, 1], [1, 2], [3, 4]])
    groups, refused = join_pairs(5, pairs, np.array([21, 200, 150, 100]))
    assert groups.tolist() == [0, 0, 0, 3, 3]
    assert refused.tolist() == [True, False, False, False]


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_pairs_does_not_matter(seed: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(joining, "MOST_IN_GROUP", 4)
    random = np.random.default_rng(seed)
    pairs = np.unique(np.sort(random.integers(0, 40, (60, 2)), axis=1), axis=0)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    strength = random.permutation(len(pairs)).astype(float)
    order = random.permutation(len(pairs))
    groups, refused = join_pairs(40, pairs, strength)
    again, refused_again = join_pairs(40, pairs[order], strength[order])
    assert groups.tolist() == again.tolist()
    assert refused[order].tolist() == refused_again.tolist()
