from concurrent.futures import ThreadPoolExecutor

import imagehash
import numpy as np
import pytest
from PIL import Image

from ndsc.duplicates.image_signatures import MOST_FEATURES, SIDE, SMALL_SIDE, compute_signature
from tests.duplicates.pictures import picture


def test_a_photo_has_features_within_its_copy_of_320_pixels():
    signature = compute_signature(np.asarray(picture(0, (600, 450))))
    assert 100 < len(signature.points) <= MOST_FEATURES
    assert signature.descriptors.shape == (len(signature.points), 32)
    assert (signature.points >= 0).all()
    assert (signature.points < (SIDE, SIDE * 450 / 600)).all()
    assert signature.small.shape == (60, SMALL_SIDE)


def test_the_hash_is_that_of_imagehash():
    image = picture(1)
    known = imagehash.phash(image.convert("L"))
    assert (
        abs(compute_signature(np.asarray(image)).hash ^ int(str(known), 16)).bit_count() <= 2
    )  # other weights for grey


@pytest.mark.parametrize("size", [(1, 1), (20, 1), (640, 40), (3000, 2000)])
def test_photos_of_any_size_have_a_signature(size: tuple[int, int]):
    signature = compute_signature(np.asarray(picture(2, size)))
    assert max(signature.small.shape) == SMALL_SIDE
    assert len(signature.points) == len(signature.descriptors)


def test_a_blank_photo_has_no_features():
    signature = compute_signature(np.full((100, 100, 3), 255, np.uint8))
    assert signature.points.shape == (0, 2)
    assert signature.descriptors.shape == (0, 32)


def test_threads_find_what_one_thread_finds():
    photos = [np.asarray(picture(seed)) for seed in range(12)]
    alone = [compute_signature(photo) for photo in photos]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(compute_signature, photos))
    for one, other in zip(alone, together, strict=True):
        assert one.hash == other.hash
        np.testing.assert_array_equal(one.points, other.points)
        np.testing.assert_array_equal(one.descriptors, other.descriptors)


def test_the_hash_covers_the_whole_photo():
    left = Image.new("RGB", (200, 100), "white")
    left.paste(picture(3, (100, 100)), (0, 0))
    right = Image.new("RGB", (200, 100), "white")
    right.paste(picture(3, (100, 100)), (100, 0))
    first, second = (compute_signature(np.asarray(image)).hash for image in (left, right))
    assert (first ^ second).bit_count() > 8
