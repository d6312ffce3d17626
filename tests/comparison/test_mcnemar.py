import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from ndsc.comparison.mcnemar import mcnemar, mcnemar_by_photo


def test_discordant_photos_are_counted_each_way():
    first = np.array([1, 1, 1, 1, 0, 0, 0, 1], dtype=bool)
    second = np.array([1, 0, 0, 0, 1, 0, 0, 1], dtype=bool)
    result = mcnemar(first, second)
    assert (result.only_first, result.only_second) == (3, 1)
    assert result.p_value == pytest.approx(2 * binom.cdf(1, 4, 0.5))  # 0.625


def test_ten_to_none_is_significant_and_the_test_is_symmetric():
    first, second = np.ones(100, dtype=bool), np.arange(100) >= 10
    assert mcnemar(first, second).p_value == pytest.approx(2 / 2**10)
    assert mcnemar(second, first).p_value == mcnemar(first, second).p_value


def test_classifiers_with_the_same_mistakes_do_not_differ():
    assert mcnemar([True, False], [True, False]) == (0, 0, 1.0)


def test_other_photos_are_refused():
    with pytest.raises(ValueError, match=r"Received: shapes \(2,\) and \(3,\)"):
        mcnemar([True, False], [True, False, True])


def right(**photos: int) -> pd.Series:
    return pd.Series(photos, dtype=float)


def test_over_pairs_a_photo_goes_to_the_side_that_is_right_more_often():
    pairs = [
        (right(a=1, b=1, c=0), right(a=0, b=0, c=1)),
        (right(a=1, b=0, c=0), right(a=0, b=1, c=1)),
        (right(a=0, d=1), right(a=1, d=0)),
    ]
    # a: two against one; b: a draw; c: two against none for the second; d: one against none.
    assert mcnemar_by_photo(pairs)[:2] == (2, 1)


def test_of_one_pair_it_is_mcnemars_test():
    random = np.random.default_rng(0)
    names = [str(number) for number in range(200)]
    first, second = (pd.Series(random.random(200) < share, index=names).astype(float) for share in (0.9, 0.8))
    assert mcnemar_by_photo([(first, second)]) == mcnemar(first, second)


def test_equal_configurations_are_found_different_no_more_often_than_the_level_says():
    random = np.random.default_rng(0)
    by_photo, added_up = [], []
    for _ in range(100):
        # Two configurations that know 80 of 100 photos, not the same ones, and know them with every seed.
        first, second = (pd.Series(random.random(100) < 0.8).astype(float) for _ in range(2))
        by_photo.append(mcnemar_by_photo([(first, second)] * 3).p_value < 0.05)
        added_up.append(mcnemar(pd.concat([first] * 3), pd.concat([second] * 3)).p_value < 0.05)
    assert np.mean(by_photo) < 0.08
    assert np.mean(added_up) > 0.15
