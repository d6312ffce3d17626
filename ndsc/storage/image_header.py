"""The headers of photos, read without decoding them.

Pillow reads nothing else, so that a decompression bomb is rejected for its dimensions and never unpacked.
"""

import io
import re
from dataclasses import dataclass

from PIL import ExifTags, Image, UnidentifiedImageError

from ndsc.storage.image_containers import essential, jpeg_scans

# Checked before a file is read: a larger one is a film or an archive, whatever its name.
MAX_BYTES = 200_000_000
MAX_PIXELS = 25_000_000  # phones' default modes end at 24.5 million; decoding takes up to 20 bytes a pixel and thread
MAX_ASPECT = 20.0
# Each scan of a progressive JPEG is a pass over all pixels and may be next to no bytes; cameras write about ten.
MAX_SCANNED_PIXELS = 100 * MAX_PIXELS
# Pillow names them (it opens an MPO, a JPEG with more JPEGs behind it, as JPEG); TensorFlow decodes them.
FORMATS = {"JPEG": "jpeg", "MPO": "jpeg", "PNG": "png", "GIF": "gif", "BMP": "bmp", "WEBP": "webp"}
BEGINNINGS = re.compile(rb"\xff\xd8\xff|\x89PNG|GIF8|BM|RIFF....WEBP", re.DOTALL)
# What else is found under the names of photos, by its first bytes.
OTHERS = {
    "AVIF": rb".{4}ftypavi[fs]",
    "HEIC": rb".{4}ftyp(hei[cmsx]|hev[cmsx]|mif1|msf1)",
    "a video": rb".{4}ftyp|\x1aE\xdf\xa3|RIFF.{4}AVI ",
    "JPEG XL": rb"\xff\x0a|.{4}JXL ",
    "JPEG 2000": rb".{4}jP  |\xff\x4f\xff\x51",
    "TIFF or a raw photo": rb"II[*+]\0|MM\0[*+]",
    "Photoshop": rb"8BPS",
    "an icon": rb"\0\0[\x01\x02]\0",
    "PDF": rb"%PDF",
    "SVG": rb"\s*(<\?xml.*)?<svg",
    "a web page": rb"(?i)\s*(<!--.*-->\s*)?<(!doctype )?html",
    "a ZIP archive": rb"PK\x03\x04",
    "a gzip file": rb"\x1f\x8b",
}


class Unusable(Exception):
    """A photo that cannot be used. The message is the reason, in a few words."""


@dataclass(frozen=True)
class ImageHeader:
    """The properties of a photo that decoding depends on. Width and height are as seen, after rotation by EXIF."""

    format: str
    width: int
    height: int
    orientation: int  # EXIF, 1 to 8; 1 is upright
    alpha: bool
    animated: bool


def read_image_header(data: bytes) -> ImageHeader:
    """Read a photo's header from its bytes, whatever its name.

    Raises:
        Unusable: the bytes are no photo, or it is over a limit.
    """
    if not data:
        raise Unusable("empty file")
    try:
        header = _header(data)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Unusable("dimensions over the limit") from None
    except UnidentifiedImageError:
        raise Unusable("damaged header" if BEGINNINGS.match(data) else _other(data)) from None
    except Exception as error:  # Pillow's parsers raise almost anything on damaged headers
        raise Unusable("damaged header") from error
    _validate_limits(header, data)
    return header


def _validate_limits(header: ImageHeader, data: bytes) -> None:
    shorter, longer = sorted((header.width, header.height))
    if shorter < 1:
        raise Unusable("damaged header")
    if shorter * longer > MAX_PIXELS:
        raise Unusable("dimensions over the limit")
    if longer > MAX_ASPECT * shorter:
        raise Unusable("aspect over the limit")
    if header.format == "jpeg" and jpeg_scans(data).count * shorter * longer > MAX_SCANNED_PIXELS:
        raise Unusable("scans over the limit")


def _other(data: bytes) -> str:
    """The reason why a file that is not one of the supported formats cannot be used."""
    start = data[:512]
    name = next((name for name, pattern in OTHERS.items() if re.match(pattern, start, re.DOTALL)), None)
    return f"{name}, not supported" if name else "not an image"


def _header(data: bytes) -> ImageHeader:
    with Image.open(io.BytesIO(essential(data)), formats=[name for name in FORMATS if name != "MPO"]) as image:
        orientation = _orientation(image)
        width, height = image.size if orientation < 5 else image.size[::-1]
        format = FORMATS[str(image.format)]
        return ImageHeader(format, width, height, orientation, image.has_transparency_data, _animated(image))


def _animated(image: Image.Image) -> bool:
    try:
        return bool(getattr(image, "is_animated", False)) and image.format != "MPO"
    except Exception:  # almost anything: the second frame, which is not used, is damaged
        return True


def _orientation(image: Image.Image) -> int:
    """The rotation by EXIF, as browsers use it. Pillow itself would also search XMP and texts."""
    try:
        exif = Image.Exif()
        exif.load(image.info.get("exif", b""))
        orientation = exif.get(ExifTags.Base.Orientation)
    except Exception:  # again almost anything; every viewer shows a photo with damaged EXIF unrotated
        return 1
    return int(orientation) if orientation in range(1, 9) else 1
