"""What a photo says of itself before it is decoded, or why it cannot be used.

Pillow reads the header only, so that a bomb is refused for its dimensions and never unpacked.
"""

import io
import re
from dataclasses import dataclass

from PIL import ExifTags, Image, UnidentifiedImageError

# Asked before a file is read: what is larger is a film or an archive, whatever its name says.
MAX_BYTES = 200_000_000
MAX_PIXELS = 25_000_000  # phones' default modes end at 24.5 million; decoding takes up to 20 bytes a pixel and thread
MAX_ASPECT = 20.0
# Each scan of a progressive JPEG is a pass over all pixels and may be next to no bytes; cameras write about ten.
MAX_SCANNED_PIXELS = 100 * MAX_PIXELS
# Pillow names them (it opens an MPO, a JPEG with more JPEGs behind it, as JPEG); TensorFlow decodes them.
FORMATS = {"JPEG": "jpeg", "MPO": "jpeg", "PNG": "png", "GIF": "gif", "BMP": "bmp", "WEBP": "webp"}
BEGINNINGS = re.compile(rb"\xff\xd8\xff|\x89PNG|GIF8|BM|RIFF....WEBP", re.DOTALL)


class Unusable(Exception):
    """A photo that cannot be used; its message is the reason, in a few words."""


@dataclass(frozen=True)
class Header:
    """What a photo says of itself before it is decoded. Width and height are as seen, after rotation by EXIF."""

    format: str
    width: int
    height: int
    orientation: int  # EXIF, 1 to 8; 1 is upright
    alpha: bool
    animated: bool


def inspect(data: bytes) -> Header:
    """Read a photo's header by its bytes, whatever its name says.

    Raises:
        Unusable: the bytes are no photo, or its dimensions are over the limits.
    """
    if not data:
        raise Unusable("empty file")
    try:
        header = _read_header(data)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Unusable("dimensions over the limit") from None
    except UnidentifiedImageError:
        raise Unusable("damaged header" if BEGINNINGS.match(data) else "not an image") from None
    except Exception as error:  # Pillow's parsers raise almost anything on damaged headers
        raise Unusable("damaged header") from error
    _validate_over_limits(header, data)
    return header


def _validate_over_limits(header: Header, data: bytes) -> None:
    shorter, longer = sorted((header.width, header.height))
    if shorter < 1:
        raise Unusable("damaged header")
    if shorter * longer > MAX_PIXELS:
        raise Unusable("dimensions over the limit")
    if longer > MAX_ASPECT * shorter:
        raise Unusable("aspect over the limit")
    if header.format == "jpeg" and data.count(b"\xff\xda") * shorter * longer > MAX_SCANNED_PIXELS:
        raise Unusable("scans over the limit")


def _read_header(data: bytes) -> Header:
    with Image.open(io.BytesIO(data), formats=[name for name in FORMATS if name != "MPO"]) as image:
        orientation = _orientation(image)
        width, height = image.size if orientation < 5 else image.size[::-1]
        animated = bool(getattr(image, "is_animated", False)) and image.format != "MPO"
        format = FORMATS[str(image.format)]
        return Header(format, width, height, orientation, image.has_transparency_data, animated)


def _orientation(image: Image.Image) -> int:
    if image.format == "PNG" and "exif" not in image.info:
        return 1  # asked for it, Pillow would decode the photo to look behind the pixels
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # again almost anything; a photo with damaged EXIF is shown as it lies, by everyone
        return 1
    return int(orientation) if orientation in range(1, 9) else 1
