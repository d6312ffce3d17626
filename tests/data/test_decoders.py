"""Every variant of a photo is decoded as ImageMagick decodes it, or refused for a stated reason."""

import io
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ndsc.data.decoding import read_pixels
from ndsc.process import usable_cores
from ndsc.storage.image_header import Unusable, read_image_header
from tests.encoded import encoded, picture
from tests.variants import variants

VARIANTS = variants()
# Variants that ImageMagick shows in another way than browsers, and one of the same pixels that it shows as they do.
SHOWN_AS = {
    # It turns only JPEGs by EXIF. Browsers turn all three.
    **{
        f"{kind}: orientation {number}": f"jpeg_metadata: orientation {number} <H"
        for kind in ("png_metadata", "webps")
        for number in range(1, 9)
    },
    # It needs an end. Browsers do not.
    **dict.fromkeys(("png_metadata: without an end", "png_metadata: half an end"), "webps: lossless"),
    "png_metadata: text behind the pixels, cut": "webps: lossless",
    # It believes an alpha channel of zeros. Most programs do not use BMP's fourth byte.
    **{name: "webps: lossless" for name in VARIANTS if name.startswith("bmps: alpha zero")},
    # Stated limit: gamma and colour profiles are not applied, in no format.
    "png_metadata: gamma": "webps: lossless",
}
# These end in something that is not the picture.
MORE = ("animated", "second", "behind", "one frame")


@pytest.fixture(scope="module")
def references(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """ImageMagick's pixels by variant; variants that it refuses are missing."""
    program = shutil.which("magick") or shutil.which("convert")
    if program is None or subprocess.run([program, "-version"], capture_output=True).returncode:
        pytest.skip("needs ImageMagick (Debian's package `imagemagick`)")
    folder = tmp_path_factory.mktemp("variants")

    def convert(number: int, name: str) -> np.ndarray | None:
        path = Path(folder, f"{number}.{name.split('_')[0].partition(':')[0].rstrip('s')}")
        path.write_bytes(VARIANTS[name])
        shown = ("-background", "white", "-flatten", "-auto-orient", "-depth", "8", "PPM:-")
        found = subprocess.run([program, f"{path}[0]", *shown], capture_output=True).stdout
        return np.asarray(Image.open(io.BytesIO(found)).convert("RGB")).astype(float) if found else None

    with ThreadPoolExecutor(usable_cores()) as threads:
        shown = dict(zip(VARIANTS, threads.map(convert, range(len(VARIANTS)), VARIANTS), strict=True))
    return {name: pixels for name, pixels in shown.items() if pixels is not None}


@pytest.mark.filterwarnings("ignore")  # Pillow's, about broken metadata
def test_every_variant_is_shown_as_imagemagick_shows_it(references: dict[str, np.ndarray]):
    assert len(VARIANTS) >= 150
    differences = {}
    for name, data in VARIANTS.items():
        pixels, expected = read_pixels(data), references[SHOWN_AS.get(name, name)]
        same_size = pixels.shape == expected.shape
        differences[name] = np.abs(pixels - expected).mean() if same_size else np.inf
    assert {name: found for name, found in differences.items() if found > 3} == {}


@pytest.mark.filterwarnings("ignore")  # as above
def test_the_header_tells_the_size_of_every_variant():
    for name, data in VARIANTS.items():
        header = read_image_header(data)
        assert read_pixels(data).shape == (header.height, header.width, 3), name


@pytest.mark.filterwarnings("ignore")  # as above
@pytest.mark.parametrize("name", [name for name in VARIANTS if not any(more in name for more in MORE)])
def test_a_variant_that_is_cut_in_its_pixels_is_refused(name: str):
    for part in (0.5, 0.9):
        with pytest.raises(Unusable):
            read_pixels(VARIANTS[name][: int(len(VARIANTS[name]) * part)])


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (encoded(picture(), "AVIF"), "AVIF"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0isom", "a video"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (encoded(picture(), "JPEG2000"), "JPEG 2000"),
        (encoded(picture(), "TIFF"), "TIFF or a raw photo"),
        (b"8BPS\0\1", "Photoshop"),
        (encoded(picture(), "ICO"), "an icon"),
        (encoded(picture(), "PDF"), "PDF"),
        (b"<?xml version='1.0'?>\n<svg></svg>", "SVG"),
        (b"\n<!DOCTYPE html><html>404 Not Found</html>", "a web page"),
        (b"PK\3\4\x14", "a ZIP archive"),
        (b"\x1f\x8b\x08", "a gzip file"),
    ],
)
def test_a_file_of_another_format_is_refused_by_its_name(data: bytes, name: str):
    with pytest.raises(Unusable) as refused:
        read_image_header(data)
    assert str(refused.value) == f"{name}, not supported"


def test_scans_behind_the_end_of_a_photo_do_not_count():
    large = encoded(Image.new("L", (5000, 5000)), "JPEG")
    assert read_image_header(large + b"\xff\xda\0\2" * 1000).width == 5000
