import numpy as np
import pytest
from scipy.stats import binom

from ndsc.evaluation.comparison import mcnemar


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
