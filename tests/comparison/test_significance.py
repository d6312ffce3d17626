import pandas as pd
import pytest
from scipy.stats import binom

from ndsc.comparison.comparison_table import Configuration
from ndsc.comparison.significance import compare_top_two
from tests.comparison.runs import recorded


def configuration(*seeds: str) -> Configuration:
    return Configuration({}, tuple(recorded(seed=seed) for seed in seeds))


def predictions(correct: str, photos: str | None = None, label: str = "beauty") -> pd.DataFrame:
    """A row a letter: 1 is right, 0 wrong; photos are named a, b, c, …, or as said."""
    names = list(photos or "abcdefghijklmnopqrstuvwxyz"[: len(correct)])
    return pd.DataFrame({"content": names, "true": label, "correct": [letter == "1" for letter in correct]})


def test_one_pair_of_runs_is_mcnemars_test_whatever_the_order_of_rows():
    first, second = configuration("0"), configuration("0")
    logged = {first.runs[0].id: predictions("111110"), second.runs[0].id: predictions("100000", "fedcba")}
    found = compare_top_two(first, second, lambda run: logged[run.id])
    assert found.result is not None
    assert found.result[:2] == (5, 1)  # a to e for the first, f for the second
    assert found.pairs == ((first.runs[0], second.runs[0]),)


def test_over_several_seeds_a_photo_counts_once():
    first, second = configuration("0", "1", "2"), configuration("0", "1", "2")
    logged = {run.id: predictions("1111") for run in first.runs} | {run.id: predictions("0111") for run in second.runs}
    found = compare_top_two(first, second, lambda run: logged[run.id])
    assert len(found.pairs) == 3
    assert found.photos == 4
    assert found.result == (1, 0, 1.0)  # to add up three seeds would give three photos to none


def test_seeds_that_validate_on_different_photos_are_put_together():
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


def test_equal_seeds_are_paired_first_and_no_run_twice():
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


def test_one_run_without_predictions_leaves_the_other_pairs():
    first, second = configuration("0", "1"), configuration("0", "1")
    missing = second.runs[0].id
    found = compare_top_two(first, second, lambda run: None if run.id == missing else predictions("11"))
    assert [one.seed for one, _ in found.pairs] == ["1"]


def test_copies_of_a_photo_count_once():
    first, second = configuration("0"), configuration("0")
    logged = {first.runs[0].id: predictions("1111", "aaab"), second.runs[0].id: predictions("0001", "aaab")}
    found = compare_top_two(first, second, lambda run: logged[run.id])
    assert (found.photos, found.result) == (2, (1, 0, 1.0))
