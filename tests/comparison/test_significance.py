import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from ndsc.comparison.comparison_table import Configuration
from ndsc.comparison.significance import compare_top_two, mcnemar, mcnemar_by_photo
from tests.comparison.runs import recorded


def test_discordant_photos_are_counted_in_both_directions():
    first = np.array([1, 1, 1, 1, 0, 0, 0, 1], dtype=bool)
    second = np.array([1, 0, 0, 0, 1, 0, 0, 1], dtype=bool)
    result = mcnemar(first, second)
    assert (result.only_first, result.only_second) == (3, 1)
    assert result.p_value == pytest.approx(2 * binom.cdf(1, 4, 0.5))  # 0.625


def test_ten_to_zero_is_significant_and_the_test_is_symmetric():
    first, second = np.ones(100, dtype=bool), np.arange(100) >= 10
    assert mcnemar(first, second).p_value == pytest.approx(2 / 2**10)
    assert mcnemar(second, first).p_value == mcnemar(first, second).p_value


def test_classifiers_with_the_same_mistakes_do_not_differ():
    assert mcnemar([True, False], [True, False]) == (0, 0, 1.0)


def test_arrays_of_different_lengths_are_rejected():
    with pytest.raises(ValueError, match=r"Received: shapes \(2,\) and \(3,\)"):
        mcnemar([True, False], [True, False, True])


def right(**photos: int) -> pd.Series:
    return pd.Series(photos, dtype=float)


def test_a_photo_counts_for_the_side_that_is_right_in_more_pairs():
    pairs = [
        (right(a=1, b=1, c=0), right(a=0, b=0, c=1)),
        (right(a=1, b=0, c=0), right(a=0, b=1, c=1)),
        (right(a=0, d=1), right(a=1, d=0)),
    ]
    # a: two to one; b: a tie; c: two to none for the second; d: one to none.
    assert mcnemar_by_photo(pairs)[:2] == (2, 1)


def test_for_one_pair_the_test_by_photo_is_mcnemars_test():
    random = np.random.default_rng(0)
    names = [str(number) for number in range(200)]
    first, second = (pd.Series(random.random(200) < share, index=names).astype(float) for share in (0.9, 0.8))
    assert mcnemar_by_photo([(first, second)]) == mcnemar(first, second)


def test_the_false_positive_rate_is_at_most_the_level():
    random = np.random.default_rng(0)
    by_photo, added_up = [], []
    for _ in range(100):
        # Two configurations, each right about 80 % of the photos, and about the same ones with every seed.
        first, second = (pd.Series(random.random(100) < 0.8).astype(float) for _ in range(2))
        by_photo.append(mcnemar_by_photo([(first, second)] * 3).p_value < 0.05)
        added_up.append(mcnemar(pd.concat([first] * 3), pd.concat([second] * 3)).p_value < 0.05)
    assert np.mean(by_photo) < 0.08
    assert np.mean(added_up) > 0.15


def configuration(*seeds: str) -> Configuration:
    return Configuration({}, tuple(recorded(seed=seed) for seed in seeds))


def predictions(correct: str, photos: str | None = None, label: str = "beauty") -> pd.DataFrame:
    """Return one row per letter: 1 is right, 0 is wrong. Photos are named a, b, c, … by default."""
    names = list(photos or "abcdefghijklmnopqrstuvwxyz"[: len(correct)])
    return pd.DataFrame({"content": names, "true": label, "correct": [letter == "1" for letter in correct]})


def test_for_one_pair_of_runs_the_order_of_rows_does_not_matter():
    first, second = configuration("0"), configuration("0")
    logged = {first.runs[0].id: predictions("111110"), second.runs[0].id: predictions("100000", "fedcba")}
    found = compare_top_two(first, second, lambda run: logged[run.id])
    assert found.result is not None
    assert found.result[:2] == (5, 1)  # a to e for the first, f for the second
    assert found.pairs == ((first.runs[0], second.runs[0]),)


def test_a_photo_counts_once_over_several_seeds():
    first, second = configuration("0", "1", "2"), configuration("0", "1", "2")
    logged = {run.id: predictions("1111") for run in first.runs} | {run.id: predictions("0111") for run in second.runs}
    found = compare_top_two(first, second, lambda run: logged[run.id])
    assert len(found.pairs) == 3
    assert found.photos == 4
    assert found.result == (1, 0, 1.0)  # adding up three seeds would give 3 to 0


def test_pairs_with_different_photos_are_combined():
    first, second = configuration("0", "1"), configuration("0", "1")
    logged = {
        first.runs[0].id: predictions("111", "abc"),
        second.runs[0].id: predictions("000", "abc"),
        first.runs[1].id: predictions("111", "def"),
        second.runs[1].id: predictions("000", "def"),
    }
    found = compare_top_two(first, second, lambda run: logged[run.id])
    assert found.photos == 6
    assert found.result is not None
    assert found.result.p_value == pytest.approx(2 * binom.cdf(0, 6, 0.5))


def test_equal_seeds_are_paired_first_and_each_run_once():
    first, second = configuration("0", "1", "5"), configuration("1", "2")
    found = compare_top_two(first, second, lambda _run: predictions("10"))
    assert [(one.seed, other.seed) for one, other in found.pairs] == [("1", "1"), ("0", "2")]


@pytest.mark.parametrize(
    ("other", "shared"),
    [
        (predictions("11", "bc"), "at most 1 of 2"),
        (predictions("1", "a"), "at most 1 of 2"),
        (predictions("11", "ab", label="7"), "at most 0 of 2"),
    ],
    ids=["other photos", "fewer photos", "other labels"],
)
def test_different_photos_or_labels_are_not_tested(other: pd.DataFrame, shared: str):
    first, second = configuration("0"), configuration("0")
    logged = {first.runs[0].id: predictions("11", "ab"), second.runs[0].id: other}
    found = compare_top_two(first, second, lambda run: logged[run.id])
    assert found.result is None
    assert shared in found.obstacle


@pytest.mark.parametrize("logged", [None, predictions("11").drop(columns="content")])
def test_runs_without_predictions_by_content_are_not_tested(logged: pd.DataFrame | None):
    first, second = configuration("0"), configuration("0", "1")
    tables = {run.id: logged for run in second.runs}
    found = compare_top_two(first, second, lambda run: tables.get(run.id, predictions("11")))
    assert found.result is None
    assert found.obstacle.startswith("the runs of row 2 logged no predictions with content hashes")


def test_a_run_without_predictions_does_not_affect_other_pairs():
    first, second = configuration("0", "1"), configuration("0", "1")
    missing = second.runs[0].id
    found = compare_top_two(first, second, lambda run: None if run.id == missing else predictions("11"))
    assert [one.seed for one, _ in found.pairs] == ["1"]


def test_duplicates_of_a_photo_count_once():
    first, second = configuration("0"), configuration("0")
    logged = {first.runs[0].id: predictions("1111", "aaab"), second.runs[0].id: predictions("0001", "aaab")}
    found = compare_top_two(first, second, lambda run: logged[run.id])
    assert (found.photos, found.result) == (2, (1, 0, 1.0))
