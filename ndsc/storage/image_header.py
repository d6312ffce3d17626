"""The headers of photos, read without decoding them.

Pillow reads nothing else, so that a decompression bomb is rejected for its dimensions and never unpacked.
"""

import io
import re
from dataclasses import dataclass

from PIL import ExifTags, Image, UnidentifiedImageError

# Checked before a file is read: a larger one is a film or an archive, whatever its name.
MAX_BYTES = 200_000_000
MAX_PIXELS = 25_000_000  # phones' default modes end at 24.5 million; decoding takes up to 20 bytes a pixel and thread
MAX_ASPECT = 20.0
# Each scan of a progressive JPEG is a pass over all pixels and may be next to no bytes; cameras write about ten.
MAX_SCANNED_PIXELS = 100 * MAX_PIXELS
# Pillow names them (it opens an MPO, a JPEG with more JPEGs behind it, as JPEG); TensorFlow decodes them.
FORMATS = {"JPEG": "jpeg", "MPO": "jpeg", "PNG": "png", "GIF": "gif", "BMP": "bmp", "WEBP": "webp"}
BEGINNINGS = re.compile(rb"\xff\xd8\xff|\x89PNG|GIF8|BM|RIFF....WEBP", re.DOTALL)


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
        raise Unusable("damaged header" if BEGINNINGS.match(data) else "not an image") from None
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
    if header.format == "jpeg" and data.count(b"\xff\xda") * shorter * longer > MAX_SCANNED_PIXELS:
        raise Unusable("scans over the limit")


def _header(data: bytes) -> ImageHeader:
    with Image.open(io.BytesIO(data), formats=[name for name in FORMATS if name != "MPO"]) as image:
        orientation = _orientation(image)
        width, height = image.size if orientation < 5 else image.size[::-1]
        animated = bool(getattr(image, "is_animated", False)) and image.format != "MPO"
        format = FORMATS[str(image.format)]
        return ImageHeader(format, width, height, orientation, image.has_transparency_data, animated)


def _orientation(image: Image.Image) -> int:
    if image.format == "PNG" and "exif" not in image.info:
        return 1  # to look for EXIF behind the pixels, Pillow would decode the photo
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # again almost anything; every viewer shows a photo with damaged EXIF unrotated
        return 1
    return int(orientation) if orientation in range(1, 9) else 1
