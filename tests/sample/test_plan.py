from collections import Counter

import pytest

from ndsc.sample.plan import Listing, plan_listings
from tests.sample.conftest import LABELS

LARGE = plan_listings(200, seed=0)


def _of(label: str, listings: list[Listing]) -> list[Listing]:
    return [listing for listing in listings if listing.picture.label == label]


def test_the_plan_is_a_pure_function_of_its_arguments() -> None:
    assert plan_listings(30, seed=4) == plan_listings(30, seed=4)
    assert plan_listings(30, seed=4) != plan_listings(30, seed=5)


@pytest.mark.parametrize("count", [10, 11, 30, 39, 80, 200])
def test_each_label_gets_exactly_the_photos_asked_for_and_ten_of_each_category(count: int) -> None:
    listings = plan_listings(count, seed=1)
    for label in LABELS:
        categories = Counter(listing.picture.category for listing in _of(label, listings))
        assert categories.total() == count
        assert min(categories.values()) >= 10
        assert len(categories) == min(8, count // 10)


def test_shops_are_a_dozen_a_label_with_names_of_their_own() -> None:
    names = {label: {listing.shop.name for listing in _of(label, LARGE)} for label in LABELS}
    assert [len(names[label]) for label in LABELS] == [12, 12, 12]
    assert len(set.union(*names.values())) == 36


@pytest.mark.parametrize("label", LABELS)
def test_no_shop_is_on_both_sides_and_a_fifth_of_the_photos_is_for_validation(label: str) -> None:
    sides = {(listing.shop.name, listing.shop.split) for listing in _of(label, LARGE)}
    assert len(sides) == 12
    assert Counter(listing.shop.split for listing in _of(label, LARGE)) == {"train": 160, "validation": 40}


def test_no_ground_colour_or_overprint_belongs_to_one_label() -> None:
    for look in ("busy_ground", "backdrop", "overprint"):
        seen = [{getattr(listing.shop, look) for listing in _of(label, LARGE)} for label in LABELS]
        assert seen[0] == seen[1] == seen[2]
        assert len(seen[0]) >= 6


def test_shops_of_one_label_differ_in_their_look() -> None:
    looks = {
        (listing.shop.backdrop, listing.shop.busy_ground, listing.shop.overprint, listing.shop.accent)
        for listing in _of("mobile", LARGE)
    }
    assert len(looks) == 12


def test_a_fiftieth_are_reposts_under_a_listing_of_their_own() -> None:
    pictures = Counter(listing.picture.number for listing in LARGE)
    assert 600 - len(pictures) in range(9, 13)
    assert len({listing.image_path for listing in LARGE}) == 600
    assert len({listing.item_id for listing in LARGE}) == 600


def test_paths_say_nothing_but_the_domain() -> None:
    for listing in LARGE:
        folder, name = listing.image_path.split("/")
        assert folder == f"{listing.picture.label}_image"
        assert len(name) == 36
        assert int(name.removesuffix(".jpg"), 16) >= 0
