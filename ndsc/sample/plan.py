"""The plan: which listings the sample has, who posted them and what their photos show, before anything is drawn."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ndsc.sample.drawing.palette import pick
from ndsc.sample.photo import Picture
from ndsc.sample.products.products import PRODUCTS
from ndsc.sample.shops import Shop, invent_shops

PHOTOS_PER_CATEGORY = 10  # at least so many of each category that occurs
REPOSTED = 0.02
TEST_PHOTOS = {"easy": 0.03, "medium": 0.45, "hard": 0.9}
TITLE_STARTS = ["ready stock", "promo", "original", "import", "best seller", "new", "murah", "premium"]
TITLE_ENDS = ["murah", "original 100%", "good quality", "cod", "free gift", "limited", "kekinian", "bisa tukar"]


@dataclass(frozen=True)
class Listing:
    """One row of NDSC. `test_difficulty` is easy, medium or hard for the three test photos of a label, else empty."""

    item_id: int
    title: str
    image_path: str
    shop: Shop
    picture: Picture
    test_difficulty: str = ""


def plan_listings(photos_per_class: int, seed: int) -> list[Listing]:
    """All listings, label after label: a pure function of its arguments."""
    labels = list(PRODUCTS)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1,)))
    item_ids = rng.choice(4_000_000, photos_per_class * len(labels), replace=False).tolist()
    listings: list[Listing] = []
    for index, label in enumerate(labels):
        first = index * photos_per_class
        planned = _plan_label(label, index, item_ids[first : first + photos_per_class], first, seed, rng)
        listings += _with_reposts(planned, rng)
    return listings


def _plan_label(
    label: str, index: int, item_ids: Sequence[int], first: int, seed: int, rng: np.random.Generator
) -> list[Listing]:
    count = len(item_ids)
    categories = _categories(label, count, rng)
    shops = _shops(label, index, count, rng)
    difficulties = [*TEST_PHOTOS.values(), *rng.beta(1.1, 1.9, count - len(TEST_PHOTOS)).round(3).tolist()]
    tests = [*TEST_PHOTOS, *[""] * (count - len(TEST_PHOTOS))]
    return [
        Listing(
            item_id=item_id,
            title=f"{pick(rng, TITLE_STARTS)} {category.lower()} {pick(rng, TITLE_ENDS)}",
            image_path=f"{label}_image/{_name(seed, first + number)}.jpg",
            shop=shop,
            picture=Picture(first + number, label, category, shop, difficulty),
            test_difficulty=test,
        )
        for number, (item_id, category, shop, difficulty, test) in enumerate(
            zip(item_ids, categories, shops, difficulties, tests, strict=True)
        )
    ]


def _categories(label: str, count: int, rng: np.random.Generator) -> list[str]:
    """A category for each listing: as many as can have their least number of photos, some more frequent than others."""
    names = list(PRODUCTS[label])[: max(1, count // PHOTOS_PER_CATEGORY)]
    least = min(count, PHOTOS_PER_CATEGORY * len(names))
    popularity = np.linspace(2, 1, len(names)) / np.linspace(2, 1, len(names)).sum()
    extra = rng.multinomial(count - least, popularity)
    dealt = [name for name, more in zip(names, extra, strict=True) for _ in range(least // len(names) + int(more))]
    return [dealt[place] for place in rng.permutation(count)]


def _shops(label: str, index: int, count: int, rng: np.random.Generator) -> list[Shop]:
    """A shop for each listing, in proportion to the shops' shares."""
    shops = invent_shops(label, index, rng)
    ends = np.cumsum([shop.share for shop in shops]) * count
    dealt = [
        shop for shop, times in zip(shops, np.diff(ends.round(), prepend=0), strict=True) for _ in range(int(times))
    ]
    return [dealt[place] for place in rng.permutation(count)]


def _with_reposts(listings: list[Listing], rng: np.random.Generator) -> list[Listing]:
    """Give some listings the photo of another one on the same side of the split. Test photos are not reposted."""
    reposted = list(listings)
    free = [place for place, listing in enumerate(listings) if not listing.test_difficulty]
    for place in rng.permutation(free)[: round(REPOSTED * len(listings))].tolist():
        listing = reposted[place]
        originals = [
            other.picture
            for other in reposted
            if other is not listing
            and not other.test_difficulty
            and other.shop.split == listing.shop.split
            and other.picture.category == listing.picture.category
        ]
        if originals:
            reposted[place] = replace(listing, picture=pick(rng, originals))
    return reposted


def _name(seed: int, number: int) -> str:
    """32 hexadecimal digits that say nothing of what the photo shows."""
    return hashlib.blake2b(f"{seed}/{number}".encode(), digest_size=16).hexdigest()
