"""The built-in sample data in NDSC's layout: rendered once, then used again."""

import csv
import hashlib
import io
import json
import logging
import tarfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from ndsc.caching.atomic import atomic_folder
from ndsc.errors import UserError
from ndsc.sample.photo import render_photo
from ndsc.sample.plan import PHOTOS_PER_CATEGORY, Listing, plan_listings
from ndsc.terminal import progress

# Increase this with every change of the pictures: samples of older versions are then not used any more.
RENDERER_VERSION = 4
MISSING_SUFFIX = 0.05  # some paths of NDSC's own train.csv lack ".jpg"
# NDSC's categories in the order of their ids: beauty, fashion, mobile.
CATEGORIES = [
    "Face Palette", "Foundation", "Blush On", "Powder", "Other Face Cosmetics", "BB & CC Cream", "Contour", "Concealer",
    "Highlighter", "Primer", "Setting Spray", "Bronzer", "Lipstick", "Lip Tint", "Lip Gloss", "Lip Liner",
    "Other Lip Cosmetics", "Others", "Casual Dress", "Party Dress", "Maxi Dress", "A Line Dress", "Bodycon Dress",
    "Wedding Dress", "Big Size Dress", "Tshirt", "Blouse", "Shirt", "Tanktop", "Crop Top", "Big Size Top", "Iphone",
    "Samsung", "Sony", "Xiaomi", "Others Mobile & Tablet", "Blackberry", "Lenovo", "Nokia", "Brandcode", "Infinix",
    "Oppo", "Vivo", "Asus", "Evercoss", "Advan", "Mito", "Huawei", "Sharp", "Motorola", "Strawberry", "Realme",
    "Icherry", "Smartfren", "Honor", "Alcatel", "Maxtron", "SPC",
]  # fmt: skip
IDS = {name: number for number, name in enumerate(CATEGORIES)}
DOMAINS = {"Mobile": CATEGORIES[31:], "Fashion": CATEGORIES[17:31], "Beauty": CATEGORIES[:17]}
NDSC_CATEGORIES = {domain: {name: IDS[name] for name in names} for domain, names in DOMAINS.items()}


def render_sample(folder: Path, photos_per_class: int = 200, seed: int = 0) -> Path:
    """Return the folder, inside `folder`, of a rendered sample in NDSC's layout. Render it if it is missing.

    A class has `photos_per_class` listings, three of which are test photos. The same arguments give the same bytes
    (with the same versions of Pillow and numpy, on the same kind of machine). Several processes may call this at the
    same time, and may be killed at any moment: a sample gets its name only when it is complete.

    Raises:
        UserError: fewer than 10 photos a class, or a negative seed.
    """
    if photos_per_class < PHOTOS_PER_CATEGORY or seed < 0:
        raise UserError(
            f"The rendered sample needs at least {PHOTOS_PER_CATEGORY} photos a class and a seed of 0 or more. "
            f"Received: {photos_per_class} photos a class and seed {seed}. Choose larger numbers."
        )
    arguments = f"photos_per_class={photos_per_class} seed={seed} version={RENDERER_VERSION}"
    finished = folder / f"sample-{hashlib.blake2b(arguments.encode(), digest_size=6).hexdigest()}"
    if finished.is_dir():
        return finished
    with atomic_folder(finished) as unfinished:
        listings = plan_listings(photos_per_class, seed)
        with progress("rendering", total=len(listings)) as advance:
            _write_layout(unfinished, listings, seed, advance)
        logging.getLogger(__name__).info("Rendered %d sample photos.", len(listings))
    return finished


def _write_layout(folder: Path, listings: Sequence[Listing], seed: int, advance: Callable[[int], None]) -> None:
    """Write NDSC's archives and tables, and two tables that only a rendered sample has."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2,)))
    for domain in NDSC_CATEGORIES:
        of_label = [listing for listing in listings if listing.picture.label == domain.lower()]
        shuffled = [of_label[position] for position in rng.permutation(len(of_label))]
        _write_archive(folder / f"{domain.lower()}_image.tar", shuffled, seed, advance)
    blocks = sorted(listings, key=lambda listing: IDS[listing.picture.category])  # in blocks, like the original
    endings = np.where(rng.random(len(blocks)) < MISSING_SUFFIX, "", ".jpg")
    paths = [listing.image_path.removesuffix(".jpg") + ending for listing, ending in zip(blocks, endings, strict=True)]
    rows = [(x.item_id, x.title, IDS[x.picture.category], path) for x, path in zip(blocks, paths, strict=True)]
    _write_table(folder / "train.csv", "itemid,title,Category,image_path", rows)
    (folder / "categories.json").write_text(json.dumps(NDSC_CATEGORIES, indent=1), encoding="utf-8")
    tests = [(x.image_path, x.picture.label, x.test_difficulty) for x in listings if x.test_difficulty]
    _write_table(folder / "test_photos.csv", "image_path,label,difficulty", tests)
    sources = [(x.image_path, x.picture.label, x.shop.name, x.shop.split, x.picture.difficulty) for x in listings]
    _write_table(folder / "sources.csv", "image_path,label,source,split,difficulty", sources)


def _write_archive(path: Path, listings: Iterable[Listing], seed: int, advance: Callable[[int], None]) -> None:
    with tarfile.open(path, "w") as archive:
        for listing in listings:
            photo = render_photo(listing.picture, seed)
            member = tarfile.TarInfo(listing.image_path)  # its time stays 0, so that equal samples have equal bytes
            member.size = len(photo)
            archive.addfile(member, io.BytesIO(photo))
            advance(1)


def _write_table(path: Path, columns: str, rows: Iterable[Iterable[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns.split(","))
        writer.writerows(rows)
