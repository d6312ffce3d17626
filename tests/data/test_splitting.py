import numpy as np
import pytest

from ndsc.data.splitting import choose_groups, keyed_hash


def shares(groups: np.ndarray, labels: np.ndarray, share: float = 0.2, seed: int = 0) -> dict[str, float]:
    """The part of each class that falls on the validation side."""
    validation = choose_groups(groups, labels, share, seed)
    return {str(label): float(validation[labels == label].mean()) for label in np.unique(labels)}


def texts(prefix: str, numbers: np.ndarray) -> np.ndarray:
    return np.array([f"{prefix}{number}" for number in numbers], dtype=object)


def test_groups_of_one_row_give_an_exact_stratified_split():
    labels = np.repeat(np.array(["a", "b", "c"], dtype=object), [1000, 55, 4])
    validation = choose_groups(texts("", np.arange(len(labels))), labels, 0.2, 0)
    assert {label: int(validation[labels == label].sum()) for label in "abc"} == {"a": 200, "b": 11, "c": 1}


def test_no_group_is_divided():
    chance = np.random.default_rng(0)
    groups = texts("shop ", chance.integers(0, 300, 5000))
    validation = choose_groups(groups, texts("", chance.integers(0, 5, 5000)), 0.2, 0)
    assert not set(groups[validation]) & set(groups[~validation])


def test_every_class_is_close_to_its_share_if_groups_are_uneven_and_mixed():
    chance = np.random.default_rng(0)
    # Sizes as of real sources: most are small, a few hold a fifth of a class.
    sizes = np.concatenate([chance.integers(1, 30, 200), [400, 300, 300]])
    groups = np.repeat(texts("shop ", np.arange(len(sizes))), sizes)
    main = np.repeat(chance.integers(0, 3, len(sizes)), sizes)
    labels = texts("class ", np.where(chance.random(len(main)) < 0.9, main, chance.integers(0, 3, len(main))))
    for seed in range(5):
        for share in shares(groups, labels, 0.2, seed).values():
            assert share == pytest.approx(0.2, abs=0.02)


def test_a_class_whose_only_group_is_too_large_stays_whole():
    labels = np.array(["a"] * 10 + ["b"] * 10, dtype=object)
    groups = np.array(["one"] * 10 + [str(number) for number in range(10)], dtype=object)
    assert shares(groups, labels) == {"a": 0.0, "b": 0.2}


def test_a_group_larger_than_the_wanted_count_is_taken_only_if_it_brings_a_class_nearer():
    labels = np.full(100, "a", dtype=object)
    small_first = np.array(["large"] * 30 + [str(number) for number in range(70)], dtype=object)
    for seed in range(10):
        assert shares(small_first, labels, 0.2, seed) == {"a": 0.2}
    only_large = np.array(["one"] * 30 + ["two"] * 35 + ["three"] * 35, dtype=object)
    for seed in range(10):
        assert 0.3 <= shares(only_large, labels, 0.2, seed)["a"] <= 0.35


def test_the_order_of_rows_does_not_matter():
    chance = np.random.default_rng(0)
    groups, labels = texts("shop ", chance.integers(0, 100, 500)), texts("", chance.integers(0, 3, 500))
    order = chance.permutation(500)
    shuffled = choose_groups(groups[order], labels[order], 0.3, 7)
    np.testing.assert_array_equal(shuffled, choose_groups(groups, labels, 0.3, 7)[order])


def test_another_seed_chooses_other_groups():
    groups, labels = texts("", np.arange(100)), np.full(100, "a", dtype=object)
    first, again, other = (choose_groups(groups, labels, 0.2, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_new_rows_move_few_others_to_another_side():
    groups, labels = texts("", np.arange(2000)), np.full(2000, "a", dtype=object)
    some, all_ = choose_groups(groups[:1000], labels[:1000], 0.2, 0), choose_groups(groups, labels, 0.2, 0)
    assert (some != all_[:1000]).sum() < 50


def test_no_rows_give_no_groups():
    assert choose_groups(np.array([], dtype=object), np.array([], dtype=object), 0.2, 0).tolist() == []


def test_the_hash_of_a_name_does_not_depend_on_other_names():
    names = texts("beauty_image/", np.arange(10))
    np.testing.assert_array_equal(keyed_hash(names, 5)[3:], keyed_hash(names[3:], 5))
    assert not np.isin(keyed_hash(names, 5), keyed_hash(names, 6)).any()
