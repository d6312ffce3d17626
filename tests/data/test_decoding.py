import random
import resource
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from ndsc.data.decoding import SIGNATURE, decodable, decode, read_pixels, resizer, validate_photo
from ndsc.storage.image_header import Unusable, read_image_header
from tests.encoded import GOOD, by_pillow, encoded, many_frames, picture, with_orientation

CUT = {
    "JPEG": encoded(picture(), "JPEG"),
    "progressive JPEG": encoded(picture(), "JPEG", progressive=True),
    "PNG": encoded(picture(), "PNG"),
    "GIF": encoded(picture(), "GIF"),
    "BMP": encoded(picture(), "BMP"),
    "WebP": encoded(picture(), "WEBP"),
    "animated WebP": GOOD["WebP, animated"][0],
}


@pytest.mark.parametrize("data", [data for data, _ in GOOD.values()], ids=GOOD)
def test_pixels_are_those_of_pillow(data: bytes):
    pixels = read_pixels(data)
    assert pixels.dtype == np.float32
    np.testing.assert_allclose(pixels, by_pillow(data), atol=1)


def test_a_jpeg_has_the_same_pixels_as_in_pillow():
    data = encoded(picture(size=(331, 217)), "JPEG", quality=95)
    np.testing.assert_array_equal(read_pixels(data), by_pillow(data))


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "PNG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_photos_are_rotated_upright(format: str, orientation: int):
    data = encoded(picture(), format, exif=with_orientation(orientation))
    np.testing.assert_allclose(read_pixels(data), by_pillow(data), atol=1)


def test_transparent_photos_are_drawn_over_white():
    clear = encoded(Image.new("RGBA", (8, 8), (200, 0, 0, 0)), "PNG")
    half = encoded(Image.new("RGBA", (8, 8), (200, 0, 0, 128)), "WEBP", lossless=True, exact=True)
    assert read_pixels(clear).min() == 255
    np.testing.assert_allclose(read_pixels(half)[0, 0], [227, 127, 127], atol=1)


def test_a_parallel_pipeline_and_single_reading_give_the_same_pixels():
    photos = [data for data, _ in GOOD.values()]

    def prepared():
        for data in photos:
            header = read_image_header(data)
            yield *decodable(data, header.format, header.animated), header.orientation, header.alpha

    pipeline = tf.data.Dataset.from_generator(prepared, output_signature=tuple(SIGNATURE))
    for data, pixels in zip(photos, pipeline.map(decode, num_parallel_calls=4).as_numpy_iterator(), strict=True):
        np.testing.assert_array_equal(pixels, read_pixels(data))


@pytest.mark.parametrize("data", CUT.values(), ids=CUT)
@pytest.mark.parametrize("part", [0.5, 0.9])
def test_a_truncated_photo_is_rejected_with_the_reason(data: bytes, part: float):
    cut = data[: int(len(data) * part)]
    for read in (validate_photo, read_pixels):
        with pytest.raises(Unusable) as refused:
            read(cut)
        assert str(refused.value) in ("cut off or damaged", "damaged header")


def test_validating_a_photo_returns_its_header():
    data = encoded(picture(), "JPEG", exif=with_orientation(6))
    assert validate_photo(data) == read_image_header(data)


@pytest.mark.filterwarnings("ignore")  # Pillow's, about unusual metadata
def test_a_thousand_random_mutations_are_either_read_or_rejected():
    chance = random.Random(0)
    photos = [data for data, _ in GOOD.values()]
    outcomes = [_read(_mutated(photos, chance)) for _ in range(1000)]
    assert 50 < outcomes.count("read") < 950


def _mutated(photos: list[bytes], chance: random.Random) -> bytes:
    data = bytearray(chance.choice(photos))
    for _ in range(chance.choice((1, 2, 8))):
        # Half of the damage goes into the header.
        at = chance.randrange(len(data) if chance.random() < 0.5 else min(len(data), 200))
        kind = chance.random()
        if kind < 0.6:
            data[at] = chance.randrange(256)
        elif kind < 0.8:
            data[at : at + 4] = chance.choice((bytes(4), b"\xff" * 4, b"\x7f\xff\xff\xff"))
        elif kind < 0.9:
            data[at:at] = data[at : at + 40]
        else:
            other = chance.choice(photos)
            data = data[: at + 1] + other[chance.randrange(len(other)) :]
    return bytes(data)


def _read(data: bytes) -> str:
    try:
        header = read_image_header(data)
        assert read_pixels(data).shape == (header.height, header.width, 3)
    except Unusable as refused:
        return str(refused)
    return "read"


@pytest.mark.skipif(sys.platform == "win32", reason="resource is for POSIX systems")
def test_only_the_first_frame_of_a_gif_needs_memory():
    data = many_frames(1000, 1000)
    unit = 1 if sys.platform == "darwin" else 1024
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    assert read_pixels(data).shape == (1000, 1000, 3)
    # All frames would take 3 GB.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit - before < 200_000_000


def resized(photo: np.ndarray, size: int, mode: str) -> np.ndarray:
    return resizer(size, mode)(photo[np.newaxis])[0].numpy()


def bilinear(photo: np.ndarray, size: int) -> np.ndarray:
    return tf.image.resize(photo, (size, size), "bilinear", antialias=False).numpy()


@pytest.fixture
def photo() -> np.ndarray:
    """Wider than high, and without whole numbers."""
    return np.random.default_rng(0).uniform(0, 255, (60, 100, 3)).astype(np.float32)


def test_stretch_equals_the_bilinear_resize_of_tensorflow_without_rounding(photo: np.ndarray):
    stretched = resized(photo, 32, "stretch")
    np.testing.assert_allclose(stretched, bilinear(photo, 32), rtol=1e-6)
    assert np.abs(stretched - np.round(stretched)).max() > 0.4


def test_stretch_does_not_antialias():
    stripes = np.zeros((64, 64, 3), np.float32)
    stripes[:, ::4] = 255
    smooth = tf.image.resize(stripes, (16, 16), "bilinear", antialias=True).numpy()
    assert np.abs(resized(stripes, 16, "stretch") - smooth).max() > 50


def test_crop_preserves_the_middle_and_its_proportions(photo: np.ndarray):
    for whole, square in ((photo, photo[:, 20:80]), (photo.transpose(1, 0, 2), photo.transpose(1, 0, 2)[20:80])):
        np.testing.assert_allclose(resized(whole, 32, "crop"), bilinear(square, 32), rtol=1e-6)


def test_pad_preserves_the_whole_photo_and_its_proportions_between_black_bars(photo: np.ndarray):
    for whole, bars in ((photo, [(20, 20), (0, 0), (0, 0)]), (photo.transpose(1, 0, 2), [(0, 0), (20, 20), (0, 0)])):
        np.testing.assert_allclose(resized(whole, 50, "pad"), bilinear(np.pad(whole, bars), 50), rtol=1e-6, atol=1e-4)


def test_a_photo_of_the_right_size_passes_unchanged(photo: np.ndarray):
    square = photo[:, :60]
    for mode in ("stretch", "crop", "pad"):
        np.testing.assert_array_equal(resized(square, 60, mode), square)
