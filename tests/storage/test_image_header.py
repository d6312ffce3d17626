import resource
import sys

import pytest
from PIL import Image

from ndsc.storage.image_header import MAX_PIXELS, Unusable, read_image_header
from tests.encoded import (
    GOOD,
    SIZE,
    bmp_bomb,
    encoded,
    gif_bomb,
    jpeg_bomb,
    many_scans,
    picture,
    png_bomb,
    png_header,
    webp_bomb,
    with_orientation,
)

HTML = b"<!DOCTYPE html><html><body>404 Not Found</body></html>"

REFUSED = {
    "no bytes": (b"", "empty file"),
    "a web page": (HTML, "a web page, not supported"),
    "text that begins like a WebP": (b"RIFF and other chapters", "not an image"),
    "zeros": (bytes(5000), "not an image"),
    "a format that is not taken": (encoded(picture(), "TIFF"), "TIFF or a raw photo, not supported"),
    "a JPEG cut in its header": (encoded(picture(), "JPEG")[:100], "damaged header"),
    "a PNG cut in its header": (png_header(64, 48)[:20], "damaged header"),
    "a WebP cut in its header": (encoded(picture(), "WEBP")[:20], "damaged header"),
    "a GIF without a size": (gif_bomb(0)[:6], "damaged header"),
    "a PNG without pixels": (png_header(0, 48), "damaged header"),
    "a PNG bomb": (png_header(60_000, 60_000), "dimensions over the limit"),
    "a PNG a little too large": (png_header(5001, 5000), "dimensions over the limit"),
    "a PNG of which Pillow only warns": (png_header(10_000, 10_000), "dimensions over the limit"),
    "a GIF bomb": (gif_bomb(65_535), "dimensions over the limit"),
    "a BMP bomb": (bmp_bomb(100_000), "dimensions over the limit"),
    "a JPEG bomb": (jpeg_bomb(65_500), "dimensions over the limit"),
    "a WebP bomb": (webp_bomb(), "dimensions over the limit"),
    "a strip": (encoded(Image.new("RGB", (2100, 100)), "PNG"), "aspect over the limit"),
    "a tower": (encoded(Image.new("RGB", (10, 201)), "JPEG"), "aspect over the limit"),
    "a JPEG of endless scans": (many_scans(1000, 2600), "scans over the limit"),
}


@pytest.mark.parametrize(("data", "format"), GOOD.values(), ids=GOOD)
def test_a_photo_is_recognized_by_its_bytes(data: bytes, format: str):
    header = read_image_header(data)
    assert (header.format, header.width, header.height, header.orientation) == (format, *SIZE, 1)


def test_transparent_and_animated_photos_are_recognized():
    transparent = {kind for kind, (data, _) in GOOD.items() if read_image_header(data).alpha}
    animated = {kind for kind, (data, _) in GOOD.items() if read_image_header(data).animated}
    assert transparent == {kind for kind in GOOD if "transparent" in kind or "alpha" in kind}
    assert animated == {kind for kind in GOOD if "animated" in kind}


@pytest.mark.parametrize(("data", "reason"), REFUSED.values(), ids=REFUSED)
def test_unusable_photos_are_rejected_with_the_reason(data: bytes, reason: str):
    with pytest.raises(Unusable) as refused:
        read_image_header(data)
    assert str(refused.value) == reason


def test_the_limits_themselves_are_allowed():
    assert read_image_header(png_header(5000, 5000)).width == 5000
    assert MAX_PIXELS == 5000 * 5000
    assert read_image_header(encoded(Image.new("RGB", (2000, 100)), "PNG")).height == 100
    assert read_image_header(many_scans(100, 400)).format == "jpeg"


@pytest.mark.skipif(sys.platform == "win32", reason="resource is for POSIX systems")
def test_a_decompression_bomb_is_rejected_before_it_needs_memory():
    # Whole and valid; decoded it would take 1.2 GB and more.
    bombs = [png_bomb(20_000), png_header(100_000, 100_000), gif_bomb(65_535), bmp_bomb(100_000), jpeg_bomb(65_500)]
    unit = 1 if sys.platform == "darwin" else 1024
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    for bomb in bombs:
        with pytest.raises(Unusable, match="dimensions"):
            read_image_header(bomb)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit - before < 50_000_000


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "PNG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_width_and_height_are_those_after_rotation(format: str, orientation: int):
    header = read_image_header(encoded(picture(), format, exif=with_orientation(orientation)))
    assert header.orientation == orientation
    assert (header.width, header.height) == (SIZE if orientation < 5 else SIZE[::-1])


@pytest.mark.parametrize("orientation", [0, 9, 255])
def test_an_invalid_orientation_is_upright(orientation: int):
    assert read_image_header(encoded(picture(), "JPEG", exif=with_orientation(orientation))).orientation == 1


@pytest.mark.filterwarnings("ignore")  # Pillow's, of exactly this damage
@pytest.mark.parametrize(
    "exif", [b"Exif\0\0", b"Exif\0\0nonsense", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0"]
)
def test_a_photo_with_damaged_exif_is_upright_and_not_rejected(exif: bytes):
    assert read_image_header(encoded(picture(), "JPEG", exif=exif)).orientation == 1
