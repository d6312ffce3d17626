import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, bootstrap

from ndsc.evaluation.intervals import accuracy_by, accuracy_interval, size_bucket

RIGHT = np.arange(500) % 20 != 0  # 475 of 500


def test_the_interval_of_single_photos_is_binomial():
    low, high = accuracy_interval(RIGHT, None, seed=0)
    np.testing.assert_allclose([low, high], binom.ppf([0.025, 0.975], 500, 0.95) / 500, atol=0.002)


def test_the_interval_agrees_with_scipys_bootstrap():
    theirs = bootstrap((RIGHT,), np.mean, method="percentile", rng=np.random.default_rng(0)).confidence_interval
    np.testing.assert_allclose(accuracy_interval(RIGHT, None, seed=0), [theirs.low, theirs.high], atol=0.003)


def test_the_interval_of_uneven_groups_agrees_with_a_plain_bootstrap_over_groups():
    random = np.random.default_rng(5)
    groups = random.integers(0, 60, 400) ** 2 // 90
    right = random.random(400) < 0.8
    members = [right[groups == group] for group in np.unique(groups)]
    resampled = [
        np.concatenate([members[n] for n in random.integers(0, len(members), len(members))]).mean()
        for _ in range(5_000)
    ]
    interval = accuracy_interval(right, groups, seed=0)
    np.testing.assert_allclose(interval, np.quantile(resampled, [0.025, 0.975]), atol=0.006)


def test_equal_seeds_give_equal_intervals_and_other_seeds_other_intervals():
    assert accuracy_interval(RIGHT, np.arange(500) // 3, seed=1) == accuracy_interval(RIGHT, np.arange(500) // 3, 1)
    assert accuracy_interval(RIGHT, np.arange(500) // 3, seed=1) != accuracy_interval(RIGHT, np.arange(500) // 3, 2)


def test_duplicates_do_not_make_the_interval_narrower():
    low, high = accuracy_interval(RIGHT, None, seed=0)
    copies = np.repeat(RIGHT, 10)
    assert accuracy_interval(copies, np.repeat(np.arange(500), 10), seed=0) == pytest.approx((low, high))
    naive_low, naive_high = accuracy_interval(copies, None, seed=0)
    assert naive_high - naive_low < 0.5 * (high - low)


def test_photos_without_a_group_are_groups_of_their_own():
    groups = np.where(np.arange(500) < 20, "a repost", None)
    named = np.where(np.arange(500) < 20, "a repost", np.arange(500).astype(str))
    assert accuracy_interval(RIGHT, groups, seed=0) == accuracy_interval(RIGHT, named, seed=0)


def test_nine_of_nine_right_photos_have_an_interval_below_certainty():
    assert accuracy_interval(np.ones(9), None, seed=0) == pytest.approx((0.05 ** (1 / 9), 1.0))
    assert accuracy_interval(np.zeros(9), None, seed=0) == pytest.approx((0.0, 1 - 0.05 ** (1 / 9)))
    assert accuracy_interval(np.ones(9), [0] * 9, seed=0) == pytest.approx((0.05, 1.0))


def test_slices_are_sorted_by_number_of_photos():
    table = pd.DataFrame({"source": ["a", "b", "b", None, "c"], "correct": [True, True, False, False, True]})
    slices = accuracy_by(table, "source", seed=0)
    assert list(slices.columns) == ["source", "photos", "accuracy", "low", "high"]
    assert list(slices["source"].fillna("missing")) == ["b", "a", "c", "missing"]
    assert list(slices["photos"]) == [2, 1, 1, 1]
    assert list(slices["accuracy"]) == [0.5, 1, 1, 0]
    assert np.all(slices["low"] <= slices["accuracy"])
    assert np.all(slices["accuracy"] <= slices["high"])


def test_difficulties_and_sizes_are_in_natural_order():
    table = pd.DataFrame({"difficulty": ["hard", "hard", "easy", "medium", "odd"], "correct": True})
    assert list(accuracy_by(table, "difficulty", seed=0)["difficulty"]) == ["easy", "medium", "hard", "odd"]
    table["size"] = size_bucket(pd.Series([900, 900, 224, 100, 500]), pd.Series([900, 800, 500, 900, 448]))
    assert list(accuracy_by(table, "size", seed=0)["size"]) == [
        "under 224 px",
        "224 to 447 px",
        "448 to 799 px",
        "800 px and more",
    ]


def test_slices_respect_duplicate_groups():
    correct = pd.Series(RIGHT).repeat(4).reset_index(drop=True)
    table = pd.DataFrame({"source": "shop", "correct": correct, "group": np.arange(2000) // 4})
    grouped, naive = accuracy_by(table, "source", seed=0), accuracy_by(table.drop(columns="group"), "source", seed=0)
    assert np.all(grouped["low"] < naive["low"])


def test_sizes_depend_on_the_shorter_side():
    width = pd.Series([223, 224, 447, 448, 799, 800, 4000], index=list("abcdefg"))
    sizes = size_bucket(width, pd.Series([5000] * 7, index=width.index))
    assert list(sizes) == [
        "under 224 px",
        "224 to 447 px",
        "224 to 447 px",
        "448 to 799 px",
        "448 to 799 px",
        "800 px and more",
        "800 px and more",
    ]
    assert list(sizes.index) == list("abcdefg")
    assert list(size_bucket(pd.Series([5000]), pd.Series([10]))) == ["under 224 px"]
