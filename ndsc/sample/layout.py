"""NDSC's layout: three archives, a table of listings, the categories; and what only a rendered sample knows."""

import csv
import io
import json
import tarfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from ndsc.sample.categories import NDSC_CATEGORIES
from ndsc.sample.photo import render_photo
from ndsc.sample.plan import Listing

LACKING_SUFFIX = 0.05  # some paths of NDSC's own train.csv lack ".jpg"


def write_layout(folder: Path, listings: Sequence[Listing], seed: int, advance: Callable[[int], None]) -> None:
    """Write all files of a sample into an existing folder; `advance(1)` is called after each photo."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2,)))
    for domain in NDSC_CATEGORIES:
        label = domain.lower()
        of_label = [listing for listing in listings if listing.picture.label == label]
        shuffled = [of_label[place] for place in rng.permutation(len(of_label))]
        _write_archive(folder / f"{label}_image.tar", shuffled, seed, advance)
    _write_listings(folder / "train.csv", listings, rng)
    (folder / "categories.json").write_text(json.dumps(NDSC_CATEGORIES, indent=1), encoding="utf-8")
    tests = [listing for listing in listings if listing.test_difficulty]
    _write_table(
        folder / "test_photos.csv",
        ["image_path", "label", "difficulty"],
        ((test.image_path, test.picture.label, test.test_difficulty) for test in tests),
    )
    _write_table(
        folder / "sources.csv",
        ["image_path", "label", "source", "split", "difficulty"],
        (
            (one.image_path, one.picture.label, one.shop.name, one.shop.split, one.picture.difficulty)
            for one in listings
        ),
    )


def _write_archive(path: Path, listings: Iterable[Listing], seed: int, advance: Callable[[int], None]) -> None:
    with tarfile.open(path, "w") as archive:
        for listing in listings:
            photo = render_photo(listing.picture, seed)
            member = tarfile.TarInfo(listing.image_path)  # its time stays 0: the same sample, the same bytes
            member.size = len(photo)
            archive.addfile(member, io.BytesIO(photo))
            advance(1)


def _write_listings(path: Path, listings: Sequence[Listing], rng: np.random.Generator) -> None:
    """Write train.csv in blocks by category, like the original: its first rows are no sample of the whole."""
    ids = {name: number for names in NDSC_CATEGORIES.values() for name, number in names.items()}
    blocks = sorted(listings, key=lambda listing: ids[listing.picture.category])
    lacking = rng.random(len(blocks)) < LACKING_SUFFIX
    rows = (
        (
            one.item_id,
            one.title,
            ids[one.picture.category],
            one.image_path.removesuffix(".jpg") if lacks else one.image_path,
        )
        for one, lacks in zip(blocks, lacking, strict=True)
    )
    _write_table(path, ["itemid", "title", "Category", "image_path"], rows)


def _write_table(path: Path, columns: list[str], rows: Iterable[Iterable[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
