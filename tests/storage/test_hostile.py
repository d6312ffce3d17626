"""Whatever calls itself a photo is used or named with its reason; nothing else happens."""

import random
from pathlib import Path

import numpy as np
import pytest

from ndsc.data.decoding import read_pixels
from ndsc.data.photo_validation import validate_photos
from ndsc.data.sampling import Queue, Quota, SamplePlan
from ndsc.storage.image_header import MAX_BYTES, OTHERS, Unusable
from ndsc.storage.photo_reader import PhotoReader
from tests.data.listings import photo_catalogue
from tests.encoded import GOOD
from tests.hostile import HOSTILE, flipped

REASONS = {
    "empty file",
    "not an image",
    "damaged header",
    "cut off or damaged",
    "dimensions over the limit",
    "aspect over the limit",
    "scans over the limit",
    "file over the limit",
    "listed, but not in the archive",
    *(f"{name}, not supported" for name in OTHERS),
}


def test_every_kind_of_hostile_file_is_rejected_with_a_reason_and_no_good_photo_is(tmp_path: Path):
    dice = random.Random(0)
    bad = {f"a/{kind}": make(dice) for kind, make in HOSTILE.items()}
    good = {f"a/{kind}": data for kind, (data, _) in GOOD.items()}
    photos = [*bad.items(), *good.items(), ("a/absent", None)]
    dice.shuffle(photos)
    catalogue = photo_catalogue(tmp_path, dict(photos), {path: "a" for path, _ in photos})
    queue = Queue("a", np.arange(len(photos)), (Quota("sample", len(photos)),))
    with PhotoReader(tmp_path) as reader:
        usable = validate_photos(catalogue, SamplePlan((queue,), {}), reader, tmp_path, 0.9)
    assert len(HOSTILE) >= 40
    assert set(usable.photos["image_path"]) == set(good)
    assert set(usable.rejected["image_path"]) == {*bad, "a/absent"}
    assert set(usable.rejected["reason"]) <= REASONS


def test_a_file_too_large_for_a_photo_is_not_read(tmp_path: Path):
    catalogue = photo_catalogue(tmp_path, {"a/0": GOOD["JPEG"][0], "a/film": b"x"}, {"a/0": "a", "a/film": "a"})
    sizes = catalogue.rows.column("size").to_pylist()
    rows = catalogue.rows.set_column(catalogue.rows.column_names.index("size"), "size", [[sizes[0], MAX_BYTES + 1]])
    queue = Queue("a", np.arange(2), (Quota("sample", 2),))
    read = []

    class Noting(PhotoReader):
        def read(self, archive: str, offset: int, size: int) -> bytes:
            read.append(size)
            return super().read(archive, offset, size)

    with Noting(tmp_path) as reader:
        usable = validate_photos(type(catalogue)(rows, {}, ("a",)), SamplePlan((queue,), {}), reader, tmp_path, 0.9)
    assert usable.rejected["reason"].tolist() == ["file over the limit"]
    assert read == [sizes[0]]


@pytest.mark.filterwarnings("ignore")  # Pillow's, about unusual metadata
def test_photos_with_flipped_bits_are_either_read_or_rejected():
    dice = random.Random(1)
    outcomes = []
    for _ in range(300):
        try:
            outcomes.append(read_pixels(flipped(dice)).shape[2])
        except Unusable as unusable:
            outcomes.append(str(unusable))
    assert set(outcomes) <= REASONS | {3}
    assert 3 in outcomes
