from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ndsc.config.schema import SamplingConfig, SplitConfig
from ndsc.data.catalogue import Catalogue
from ndsc.data.sampling import Queue, SamplePlan, draw
from ndsc.errors import UserError
from tests.data.listings import catalogue_of, sampling, split

SIZES = {"beauty": 200, "fashion": 120, "mobile": 40}


def listings(sizes: dict[str, int] = SIZES) -> list[tuple[str, str]]:
    return [(f"{label}/{number}.jpg", label) for label, count in sizes.items() for number in range(count)]


def drawn(catalogue: Catalogue, sampling: SamplingConfig, split: SplitConfig, seed: int = 0) -> SamplePlan:
    """Draw, and check that each listing is in at most one queue."""
    made = draw(catalogue, sampling, split, seed)
    positions = np.concatenate([queue.order for queue in made.queues])
    assert len(set(positions.tolist())) == len(positions)
    return made


def front(catalogue: Catalogue, made: SamplePlan) -> dict[str, list[str]]:
    """Paths that are taken for each role when every photo is sound."""
    paths, taken = catalogue.rows.column("image_path").to_pylist(), {}
    for queue in made.queues:
        start = 0
        for quota in queue.quotas:
            taken.setdefault(quota.role, []).extend(paths[at] for at in queue.order[start : start + quota.wanted])
            start += quota.wanted
    return taken


def counts(catalogue: Catalogue, made: SamplePlan) -> dict[str, Counter]:
    """How many of each class have each role."""
    roles = front(catalogue, made).items()
    return {role: Counter(path.split("/")[0] for path in paths) for role, paths in roles if paths}


def order(catalogue: Catalogue, made: SamplePlan, label: str) -> list[str]:
    """The paths of a class, best first."""
    paths = catalogue.rows.column("image_path").to_pylist()
    return [paths[at] for queue in made.queues if queue.label == label for at in queue.order]


def test_a_class_gives_the_wanted_number_or_all_its_listings():
    catalogue = catalogue_of(listings())
    made = drawn(catalogue, sampling(per_class=100), split())
    assert counts(catalogue, made) == {"sample": {"beauty": 100, "fashion": 100, "mobile": 40}}


def test_replacements_are_queued_behind_the_wanted_photos():
    catalogue = catalogue_of(listings())
    queues = {queue.label: queue for queue in drawn(catalogue, sampling(per_class=100, test=3), split()).queues}
    assert {label: len(queue.order) for label, queue in queues.items()} == SIZES
    assert {label: queue.wanted for label, queue in queues.items()} == {"beauty": 120, "fashion": 112, "mobile": 44}


def test_a_fraction_is_of_every_class_and_at_least_one():
    catalogue = catalogue_of(listings({**SIZES, "rare": 4}))
    made = drawn(catalogue, sampling(fraction=0.1), split())
    assert counts(catalogue, made)["sample"] == {"beauty": 20, "fashion": 12, "mobile": 4, "rare": 1}


def test_without_limits_all_listings_are_drawn():
    catalogue = catalogue_of(listings())
    assert counts(catalogue, drawn(catalogue, sampling(), split()))["sample"] == SIZES


def test_a_fraction_and_a_number_for_each_class_can_be_combined():
    catalogue = catalogue_of(listings())
    made = drawn(catalogue, sampling(per_class=15, fraction=0.1), split())
    assert counts(catalogue, made)["sample"] == {"beauty": 15, "fashion": 12, "mobile": 4}


def test_a_larger_sample_contains_the_smaller_one_in_the_same_order():
    catalogue = catalogue_of(listings())
    small, large = (drawn(catalogue, sampling(per_class=count, test=3), split()) for count in (50, 80))
    for small_queue, large_queue in zip(small.queues, large.queues, strict=True):
        np.testing.assert_array_equal(small_queue.order, large_queue.order)
    assert front(catalogue, small)["pool"] == front(catalogue, large)["pool"]
    assert set(front(catalogue, small)["sample"]) < set(front(catalogue, large)["sample"])


def test_new_listings_do_not_change_the_order_of_the_others():
    before, more = listings(), listings({"beauty": 300, "fashion": 120, "other": 50, "mobile": 40})
    old, new = catalogue_of(before), catalogue_of(more[::-1])
    in_old = order(old, drawn(old, sampling(), split()), "beauty")
    in_new = order(new, drawn(new, sampling(), split()), "beauty")
    assert [path for path in in_new if path in set(in_old)] == in_old


def test_the_order_is_random_and_depends_on_the_seed():
    catalogue = catalogue_of(listings())
    first, again, other = (
        order(catalogue, drawn(catalogue, sampling(), split(), seed), "beauty") for seed in (0, 0, 1)
    )
    assert first == again != other
    numbers = np.array([int(path[7:-4]) for path in first])
    # Neither the first rows first (they come in blocks by category) nor any other trend.
    assert abs(np.corrcoef(numbers, np.arange(len(numbers)))[0, 1]) < 0.2
    same_places = sum(one == two for one, two in zip(first, other, strict=True))
    assert same_places < 10


def test_listings_that_share_a_path_have_different_ranks():
    catalogue = catalogue_of([*listings(), *listings(), *listings()])
    places = order(catalogue, drawn(catalogue, sampling(), split()), "beauty")
    assert Counter(places) == dict.fromkeys(set(places), 3)
    # They are spread and not next to each other.
    assert sum(one == two for one, two in pairwise(places)) < 30


def test_the_test_pool_is_small_in_small_classes_and_never_more_than_half():
    catalogue = catalogue_of(listings({"large": 1000, "middle": 100, "small": 12, "tiny": 3, "two": 2, "one": 1}))
    taken = counts(catalogue, drawn(catalogue, sampling(per_class=50, test=3), split()))
    assert taken["pool"] == {"large": 30, "middle": 10, "small": 3, "tiny": 1, "two": 1}
    assert taken["sample"] == {"large": 50, "middle": 50, "small": 9, "tiny": 2, "two": 1, "one": 1}


def test_without_test_photos_there_is_no_pool():
    catalogue = catalogue_of(listings())
    assert "pool" not in counts(catalogue, drawn(catalogue, sampling(per_class=10, test=0), split()))


# A split by groups


def grouped(sizes: dict[str, int] = SIZES, shops: int = 30) -> Catalogue:
    rows = listings(sizes)
    return catalogue_of(rows, shop=[f"shop {hash_of(path) % shops}" for path, _ in rows])


def hash_of(path: str) -> int:
    return sum(ord(letter) * 31**place for place, letter in enumerate(path))


def test_no_group_is_on_two_sides():
    catalogue = grouped()
    shops = np.array(catalogue.rows.column("shop").to_pylist())
    sides = {role: set() for role in ("train", "validation")}
    for queue in drawn(catalogue, sampling(per_class=50, test=3), split("group", by="shop")).queues:
        role = queue.quotas[-1].role
        if role in sides:
            sides[role] |= set(shops[queue.order])
    assert sides["train"]
    assert sides["validation"]
    assert not sides["train"] & sides["validation"]


def test_a_group_split_divides_the_number_for_each_class_by_the_share():
    catalogue = grouped({"beauty": 1000, "fashion": 800}, shops=200)
    taken = counts(catalogue, drawn(catalogue, sampling(per_class=100, test=3), split("group", by="shop")))
    assert taken["train"] == {"beauty": 80, "fashion": 80}
    assert taken["validation"] == {"beauty": 20, "fashion": 20}
    assert set(taken["pool"]) == {"beauty", "fashion"}


def test_a_group_split_without_limits_uses_all_listings():
    catalogue = grouped()
    taken = counts(catalogue, drawn(catalogue, sampling(), split("group", by="shop")))
    assert taken["train"] + taken["validation"] == SIZES


def test_listings_without_a_group_are_groups_of_their_own():
    rows = listings({"a": 100, "b": 100})
    for missing in (None, ""):
        catalogue = catalogue_of(rows, shop=[missing] * len(rows))
        taken = counts(catalogue, drawn(catalogue, sampling(), split("group", by="shop")))
        assert taken["validation"] == {"a": 20, "b": 20}


def test_the_sides_of_groups_do_not_depend_on_the_number_drawn():
    catalogue = grouped()
    small, large = (drawn(catalogue, sampling(per_class=count), split("group", by="shop")) for count in (10, 80))
    for role in ("train", "validation"):
        assert set(front(catalogue, small)[role]) < set(front(catalogue, large)[role])


def test_groups_can_be_numbers():
    rows = listings({"a": 50, "b": 50})
    catalogue = catalogue_of(rows, shop=[number // 5 for number in range(100)])
    taken = counts(catalogue, drawn(catalogue, sampling(), split("group", by="shop")))
    assert taken["validation"] == {"a": 10, "b": 10}


# A split by a column


def stated(**sides: list[str | None]) -> Catalogue:
    """Listings of these classes, one for each side stated."""
    rows = [(f"{label}/{number}.jpg", label) for label, column in sides.items() for number in range(len(column))]
    return catalogue_of(rows, side=[side for column in sides.values() for side in column])


def test_with_a_split_column_only_training_is_limited():
    sides = ["train"] * 60 + ["validation"] * 40
    catalogue = stated(a=sides, b=sides)
    taken = counts(catalogue, drawn(catalogue, sampling(per_class=10, test=3), split("column", by="side")))
    assert taken["train"] == {"a": 10, "b": 10}
    # What is left of the pool goes back to validation, see the manifest.
    assert taken["pool"] == {"a": 4, "b": 4}
    assert taken["validation"] == {"a": 36, "b": 36}
    taken = counts(catalogue, drawn(catalogue, sampling(fraction=0.5), split("column", by="side")))
    assert taken == {"train": {"a": 30, "b": 30}, "validation": {"a": 40, "b": 40}}


def test_test_photos_of_a_split_column_are_used_and_no_others_are_chosen():
    catalogue = stated(a=["train"] * 10 + ["validation"] * 5 + ["test"] * 2, b=["train"] * 10 + ["validation"] * 5)
    taken = counts(catalogue, drawn(catalogue, sampling(test=3), split("column", by="side")))
    assert taken["test"] == {"a": 2}
    assert "pool" not in taken


def test_listings_without_a_value_in_the_column_are_left_out():
    catalogue = stated(a=["train"] * 5 + ["validation"] + [None] * 7, b=["train"] * 5 + ["validation"] + [""] * 7)
    taken = counts(catalogue, drawn(catalogue, sampling(), split("column", by="side")))
    assert taken == {"train": {"a": 5, "b": 5}, "validation": {"a": 1, "b": 1}}


@pytest.mark.parametrize("sides", [["train", "val"], ["train", "train"], ["Train", "validation"]])
def test_a_split_column_with_other_values_is_an_error(sides: list[str | None]):
    with pytest.raises(UserError, match=r"must be train, validation, test or nothing.*split\.by="):
        draw(stated(a=sides, b=sides), sampling(), split("column", by="side"), 0)


@pytest.mark.parametrize("kind", ["group", "column"])
def test_a_missing_split_column_is_an_error(kind: str):
    with pytest.raises(UserError, match="shop"):
        draw(catalogue_of(listings()), sampling(), split(kind, by="shop"), 0)


# A list of test photos


@pytest.fixture
def write_list(tmp_path: Path):
    """Writes a test list of image_path and difficulty, gives its path."""

    def write(rows: list[tuple[str, str | None]], **more: list[object]) -> str:
        path = tmp_path / "test.csv"
        pd.DataFrame(rows, columns=["image_path", "difficulty"]).assign(**more).to_csv(path, index=False)
        return str(path)

    return write


def test_listed_photos_are_test_photos_with_their_difficulties_and_nothing_else(write_list):
    rows = [*listings(), ("mobile/3.jpg", "mobile")]
    catalogue = catalogue_of(rows)
    path = write_list([("mobile/3.jpg", "hard"), ("beauty/0.jpg", "easy")], label=["mobile", "beauty"])
    made = drawn(catalogue, sampling(test=3, list=path), split())
    taken = front(catalogue, made)
    assert sorted(taken["test"]) == ["beauty/0.jpg", "mobile/3.jpg"]
    assert {rows[at][0]: level for at, level in made.difficulty.items()} == {
        "mobile/3.jpg": "hard",
        "beauty/0.jpg": "easy",
    }
    # Not even by the listing that repeats its path, nor as a replacement.
    everywhere = [rows[at][0] for queue in made.queues for at in queue.order]
    assert Counter(everywhere)["mobile/3.jpg"] == 1
    assert taken["pool"] == []


def test_listed_photos_are_taken_from_the_sides_of_a_column(write_list):
    catalogue = stated(a=["train"] * 5 + ["validation"] * 5, b=["train"] * 5 + ["validation"] * 5)
    path = write_list([("a/0.jpg", "easy"), ("b/7.jpg", "hard")])
    taken = counts(catalogue, drawn(catalogue, sampling(test=3, list=path), split("column", by="side")))
    assert taken == {
        "test": {"a": 1, "b": 1},
        "train": {"a": 4, "b": 5},
        "validation": {"a": 5, "b": 4},
    }


def test_a_test_list_takes_precedence_over_the_split_column(write_list):
    sides = ["train"] * 5 + ["validation"] * 3 + ["test"] * 4
    catalogue = stated(a=sides, b=sides)
    path = write_list([("a/0.jpg", "easy"), ("b/9.jpg", "hard")])
    made = drawn(catalogue, sampling(test=3, list=path), split("column", by="side"))
    assert sorted(front(catalogue, made)["test"]) == ["a/0.jpg", "b/9.jpg"]
    # The column's are nowhere, not even among replacements.
    everywhere = {at for queue in made.queues for at in queue.order.tolist()}
    assert everywhere == {*range(8), *range(12, 20), 21}


def test_listed_paths_without_an_extension_are_repaired(write_list):
    catalogue = catalogue_of(listings())
    made = drawn(catalogue, sampling(list=write_list([("beauty/0", "easy")])), split())
    assert front(catalogue, made)["test"] == ["beauty/0.jpg"]


def test_listed_paths_that_look_like_numbers_are_text(write_list):
    catalogue = catalogue_of([("007", "a"), ("8", "a"), ("9", "b"), ("10", "b")])
    made = drawn(catalogue, sampling(list=write_list([("007", "easy")])), split())
    assert front(catalogue, made)["test"] == ["007"]


def test_a_listed_photo_that_is_not_in_the_data_is_an_error(write_list):
    with pytest.raises(UserError, match=r"1 of 2 photos that are not in the data, first nowhere/1\.jpg"):
        draw(
            catalogue_of(listings()),
            sampling(list=write_list([("nowhere/1.jpg", "easy"), ("beauty/0.jpg", "easy")])),
            split(),
            0,
        )


def test_a_list_without_its_columns_difficulties_or_file_is_an_error(tmp_path: Path, write_list):
    catalogue = catalogue_of(listings())
    (tmp_path / "columns.csv").write_text("path,label\nbeauty/0.jpg,beauty\n")
    for path, complaint in (
        (str(tmp_path / "columns.csv"), "image_path, difficulty"),
        (write_list([("beauty/0.jpg", None)]), "1 other values, first '' for beauty/0.jpg"),
        (str(tmp_path / "nowhere.csv"), "does not exist"),
    ):
        with pytest.raises(UserError, match=f"sampling.test.list.*{complaint}"):
            draw(catalogue, sampling(list=path), split(), 0)


@pytest.mark.parametrize(
    ("rows", "labels", "complaint"),
    [
        ([("beauty/0.jpg", "Hard"), ("beauty/1.jpg", "easy")], None, "1 other values, first 'Hard' for beauty/0.jpg"),
        ([("beauty/0.jpg", "hard"), ("beauty/0", "easy")], None, "1 rows that contradict .* first of beauty/0.jpg"),
        (
            [("beauty/0.jpg", "hard"), ("beauty/1.jpg", "easy"), ("beauty/2.jpg", "easy")],
            ["beauty", "mobile", None],
            "1 photos under another label, first beauty/1.jpg: mobile in the list, beauty in the data",
        ),
    ],
)
def test_a_list_that_contradicts_the_data_or_itself_is_an_error(write_list, rows, labels, complaint: str):
    path = write_list(rows, **({} if labels is None else {"label": labels}))
    with pytest.raises(UserError, match=f"sampling.test.list.*{complaint}"):
        draw(catalogue_of(listings()), sampling(list=path), split(), 0)


def test_a_photo_listed_twice_with_one_difficulty_is_tested_once(write_list):
    catalogue = catalogue_of(listings())
    made = drawn(catalogue, sampling(list=write_list([("beauty/0.jpg", "easy"), ("beauty/0", "easy")])), split())
    assert front(catalogue, made)["test"] == ["beauty/0.jpg"]


# Too little


def test_a_single_class_is_an_error():
    with pytest.raises(UserError, match="At least two classes"):
        draw(catalogue_of(listings({"a": 5})), sampling(), split(), 0)


def test_a_class_without_training_listings_is_an_error_that_names_it(write_list):
    catalogue = stated(a=["train"] * 5 + ["validation"] * 5, empty=["validation"] * 5)
    with pytest.raises(UserError, match="nothing to train on in empty"):
        draw(catalogue, sampling(), split("column", by="side"), 0)
    listed = write_list([("few/0.jpg", "easy"), ("few/1.jpg", "hard")])
    with pytest.raises(UserError, match="nothing to train on in few"):
        draw(catalogue_of(listings({"a": 5, "few": 2})), sampling(list=listed), split(), 0)


def test_a_queue_sums_its_quotas(configured):
    config = configured()
    made = draw(catalogue_of(listings()), config.sampling, config.split, config.seed)
    assert all(isinstance(queue, Queue) and queue.wanted > 0 for queue in made.queues)


def sides(catalogue: Catalogue, made: SamplePlan) -> dict[str, set[str]]:
    """The paths for each role."""
    return {role: set(paths) for role, paths in front(catalogue, made).items()}


def test_a_listing_without_a_group_is_a_group_of_its_own_however_it_is_missing():
    rows = listings({"bags": 40, "hats": 40})
    for missing in (None, "", "  ", "NaN"):
        catalogue = catalogue_of(rows, shop=pa.array([missing] * 80, pa.string()))
        assert counts(catalogue, drawn(catalogue, sampling(), split("group", "shop")))["validation"] == {
            "bags": 8,
            "hats": 8,
        }
    catalogue = catalogue_of(rows, shop=pa.array([float("nan")] * 80))
    assert len(sides(catalogue, drawn(catalogue, sampling(), split("group", "shop")))["validation"]) == 16


def test_groups_and_sides_are_compared_without_blanks_around_them():
    rows = listings({"bags": 40, "hats": 40})
    plain, sloppy = [f"s{number % 8}" for number in range(80)], [" ", "\t", ""]
    catalogues = [
        catalogue_of(rows, shop=pa.array(plain)),
        catalogue_of(rows, shop=pa.array([f"{name}{sloppy[at % 3]}" for at, name in enumerate(plain)])),
    ]
    first, second = (sides(one, drawn(one, sampling(), split("group", "shop"))) for one in catalogues)
    assert first == second
    stated = [["train ", "validation", None][number % 3] for number in range(80)]
    catalogue = catalogue_of(rows, side=pa.array(stated))
    assert counts(catalogue, drawn(catalogue, sampling(), split("column", "side")))["train"] == {"bags": 14, "hats": 13}


def test_a_split_by_a_column_of_lists_is_an_error_that_names_it():
    catalogue = catalogue_of(listings({"bags": 4, "hats": 4}), shop=pa.array([["a"]] * 8))
    with pytest.raises(UserError, match=r"split\.by=shop: the column must hold one text .* the type list"):
        drawn(catalogue, sampling(), split("group", "shop"))


def test_too_few_groups_are_an_error_that_names_the_column_and_its_groups():
    rows = listings({"bags": 40, "hats": 40})
    catalogue = catalogue_of(rows, shop=["only"] * 80, kind=[label for _, label in rows])
    with pytest.raises(UserError, match=r"split\.by=shop, a column with 1 value \(only\), .* nothing to validate on\."):
        drawn(catalogue, sampling(), split("group", "shop"))
    with pytest.raises(
        UserError, match=r"split\.by=kind, a column with 2 values \(bags, hats\), which leaves nothing to"
    ):
        drawn(catalogue, sampling(), split("group", "kind", validation=0.5))
