from collections import Counter

import pytest

from ndsc.sample.backgrounds import BACKGROUNDS
from ndsc.sample.overprints import OVERPRINTS
from ndsc.sample.plan import BACKDROPS, Listing, plan_listings
from tests.sample.conftest import LABELS

LARGE = plan_listings(200, seed=0)


def _of(label: str, listings: list[Listing]) -> list[Listing]:
    return [listing for listing in listings if listing.picture.label == label]


def test_the_plan_is_a_pure_function_of_its_arguments() -> None:
    assert plan_listings(30, seed=4) == plan_listings(30, seed=4)
    assert plan_listings(30, seed=4) != plan_listings(30, seed=5)


@pytest.mark.parametrize("count", [10, 11, 30, 39, 80, 200])
def test_each_label_has_the_requested_photos_and_at_least_ten_of_each_category(count: int) -> None:
    listings = plan_listings(count, seed=1)
    for label in LABELS:
        categories = Counter(listing.picture.category for listing in _of(label, listings))
        assert categories.total() == count
        assert min(categories.values()) >= 10
        assert len(categories) == min(8, count // 10)


def test_each_label_has_twelve_shops_with_unique_names() -> None:
    names = {label: {listing.shop.name for listing in _of(label, LARGE)} for label in LABELS}
    assert [len(names[label]) for label in LABELS] == [12, 12, 12]
    assert len(set.union(*names.values())) == 36


@pytest.mark.parametrize("label", LABELS)
def test_each_shop_is_in_one_split_and_a_fifth_of_the_photos_is_for_validation(label: str) -> None:
    sides = {(listing.shop.name, listing.shop.split) for listing in _of(label, LARGE)}
    assert len(sides) == 12
    assert Counter(listing.shop.split for listing in _of(label, LARGE)) == {"train": 160, "validation": 40}


@pytest.mark.parametrize("label", LABELS)
def test_every_label_has_every_background_backdrop_and_overprint(label: str) -> None:
    shops = [listing.shop for listing in _of(label, LARGE)]
    assert {shop.background for shop in shops} == set(BACKGROUNDS)
    assert {shop.backdrop for shop in shops} == set(BACKDROPS)
    assert {shop.overprint for shop in shops} == set(OVERPRINTS)
    assert min(len(BACKGROUNDS), len(OVERPRINTS)) >= 4


def test_no_two_shops_of_a_label_look_the_same() -> None:
    shops = {listing.shop for listing in _of("mobile", LARGE)}
    assert len({(shop.backdrop, shop.background, shop.overprint, shop.accent) for shop in shops}) == len(shops) == 12


def test_two_percent_of_the_listings_repost_the_photo_of_another_one() -> None:
    pictures = Counter(listing.picture.number for listing in LARGE)
    assert 600 - len(pictures) in range(9, 13)
    assert len({listing.image_path for listing in LARGE}) == 600
    assert len({listing.item_id for listing in LARGE}) == 600


def test_paths_reveal_only_the_domain() -> None:
    for listing in LARGE:
        folder, name = listing.image_path.split("/")
        assert folder == f"{listing.picture.label}_image"
        assert len(name) == 36
        assert int(name.removesuffix(".jpg"), 16) >= 0
