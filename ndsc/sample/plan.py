"""The plan of a sample: its listings, the shops that posted them, and the content of their photos."""

import hashlib
from dataclasses import dataclass, replace

import numpy as np

from ndsc.sample.backgrounds import BACKGROUNDS, Background
from ndsc.sample.clothes import CLOTHES
from ndsc.sample.colours import PALETTE, Colour, lighter, pick
from ndsc.sample.cosmetics import COSMETICS
from ndsc.sample.drawing import Product
from ndsc.sample.overprints import OVERPRINTS, Overprint
from ndsc.sample.phones import PHONES

PRODUCTS: dict[str, dict[str, Product]] = {"beauty": COSMETICS, "fashion": CLOTHES, "mobile": PHONES}
PHOTOS_PER_CATEGORY = 10  # the minimum for each category that occurs
REPOSTED = 0.02  # the share of listings that show the photo of another one
TEST_PHOTOS = {"easy": 0.03, "medium": 0.45, "hard": 0.9}
TITLE_STARTS = ["ready stock", "promo", "original", "import", "best seller", "new", "murah", "premium"]
TITLE_ENDS = ["murah", "original 100%", "good quality", "cod", "free gift", "limited", "kekinian", "bisa tukar"]
# The share of a label's listings that each of its shops posts. Together, the shops for validation post 20 %.
SHARES = [0.16, 0.13, 0.12, 0.10, 0.09, 0.08, 0.07, 0.06, 0.06, 0.05, 0.04, 0.04]
VALIDATION_SHOPS = {3, 7, 10}
FIRST_WORDS = ["kedai", "rumah", "lapak", "galeri", "pojok", "warna"]
LAST_WORDS = [
    "melati", "senja", "pelangi", "rimba", "bintang", "embun", "kenari", "samudra", "awan", "kopi", "randu", "lentera",
]  # fmt: skip
BACKDROPS: list[Colour] = [
    (250, 250, 250), (244, 244, 246), (236, 232, 226), (252, 250, 246), (246, 226, 228), (222, 232, 240),
    (228, 238, 228), (240, 232, 246), (214, 214, 218), (248, 240, 214), (92, 94, 104), (250, 250, 250),
]  # fmt: skip


@dataclass(frozen=True)
class Shop:
    """An invented seller and the look of its photos. `warmth` tints the light from blue (-1) to orange (1)."""

    name: str
    split: str
    background: Background
    backdrop: Colour
    accent: Colour
    overprint: Overprint
    warmth: float


@dataclass(frozen=True)
class Picture:
    """The content of a photo. `difficulty` is 0 (one product, centred, plain background) to 1 (hardly visible)."""

    number: int
    label: str
    category: str
    shop: Shop
    difficulty: float


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
    """Return all listings, label by label: a pure function of its arguments."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1,)))
    item_ids = rng.choice(4_000_000, photos_per_class * len(PRODUCTS), replace=False).tolist()
    listings: list[Listing] = []
    for index, label in enumerate(PRODUCTS):
        counts = np.diff((np.cumsum(SHARES) * photos_per_class).round(), prepend=0).astype(int)
        shops = np.repeat(np.array(_invent_shops(index, rng), dtype=object), counts)
        categories = np.repeat(list(PRODUCTS[label]), _category_counts(len(PRODUCTS[label]), photos_per_class, rng))
        tests = [*TEST_PHOTOS, *[""] * (photos_per_class - len(TEST_PHOTOS))]
        planned = []
        drawn = zip(rng.permutation(categories).tolist(), rng.permutation(shops), tests, strict=True)
        for number, (category, shop, test) in enumerate(drawn, index * photos_per_class):
            difficulty = TEST_PHOTOS[test] if test else round(float(rng.beta(1.1, 1.9)), 3)
            title = f"{pick(rng, TITLE_STARTS)} {category.lower()} {pick(rng, TITLE_ENDS)}"
            # The file's name does not reveal what the photo shows.
            name = hashlib.blake2b(f"{seed}/{number}".encode(), digest_size=16).hexdigest()
            picture = Picture(number, label, category, shop, difficulty)
            planned.append(Listing(item_ids[number], title, f"{label}_image/{name}.jpg", shop, picture, test))
        listings += _with_reposts(planned, rng)
    return listings


def _invent_shops(index: int, rng: np.random.Generator) -> list[Shop]:
    """Return the shops of the label with this index. The shops of all labels look alike: no look reveals a label."""
    count = len(SHARES)
    backgrounds, overprints = (rng.permutation((looks * count)[:count]) for looks in (BACKGROUNDS, OVERPRINTS))
    return [
        Shop(
            name=f"{FIRST_WORDS[(number + index) % len(FIRST_WORDS)]}_{LAST_WORDS[number]}",
            split="validation" if number in VALIDATION_SHOPS else "train",
            background=backgrounds[number],
            backdrop=BACKDROPS[backdrop],
            accent=lighter(pick(rng, PALETTE), 0.05),
            overprint=overprints[number],
            warmth=float(rng.uniform(-1, 1)),
        )
        for number, backdrop in enumerate(rng.permutation(count).tolist())
    ]


def _category_counts(available: int, photos: int, rng: np.random.Generator) -> list[int]:
    """Return the number of photos of each category: 0 or at least `PHOTOS_PER_CATEGORY`; the first get more."""
    used = min(available, max(1, photos // PHOTOS_PER_CATEGORY))
    popularity = np.linspace(2, 1, used)
    extra = rng.multinomial(photos - PHOTOS_PER_CATEGORY * used, popularity / popularity.sum())
    return [*(extra + PHOTOS_PER_CATEGORY).tolist(), *[0] * (available - used)]


def _with_reposts(listings: list[Listing], rng: np.random.Generator) -> list[Listing]:
    """Return the listings, some of which show the photo of another one in the same split. No test photo is reposted."""
    reposted = list(listings)
    candidates = [position for position, listing in enumerate(listings) if not listing.test_difficulty]
    for position in rng.permutation(candidates)[: round(REPOSTED * len(listings))].tolist():
        this = reposted[position]
        alike = [other for other in reposted if other is not this and _group(other) == _group(this)]
        if alike:
            reposted[position] = replace(this, picture=pick(rng, alike).picture)
    return reposted


def _group(listing: Listing) -> tuple[str, str, str]:
    return listing.shop.split, listing.picture.category, listing.test_difficulty
