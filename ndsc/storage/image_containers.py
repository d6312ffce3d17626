"""The containers of photos: the markers of a JPEG and the chunks of a PNG, parsed without decoding pixels.

Pillow, TensorFlow and browsers disagree about photos whose pixels are fine and whose other parts are not. What is
parsed here decides for all of them.
"""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

JPEG_START, PNG_START = b"\xff\xd8", b"\x89PNG\r\n\x1a\n"
PNG_END = b"\0\0\0\0IEND\xaeB`\x82"
JPEG_END = b"\xff\xd9"
# Not an escaped byte of pixels, a fill byte, a restart, or a marker without content.
_MARKER = re.compile(rb"\xff[^\x00\x01\xff\xd0-\xd8]")
_END, _SCAN = 0xD9, 0xDA
_METADATA = (*range(0xE0, 0xF0), 0xFE)
_USED_METADATA = ((0xE1, b"Exif"), (0xEE, b"Adob"))
_FRAMES = (0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF)
# Of the optional chunks, those that decide how a photo is shown: transparency, rotation, animation.
_SHOWN = (b"tRNS", b"eXIf", b"acTL", b"fcTL", b"fdAT")


@dataclass(frozen=True)
class JpegScans:
    """The scans of a JPEG.

    Attributes:
        count: up to the end of the picture. What lies behind it, such as the video of a motion photo, does not count.
        ended: whether there is an end marker.
        complete: whether the scans hold all frequencies of all colours in full precision.
    """

    count: int
    ended: bool
    complete: bool


def jpeg_scans(data: bytes) -> JpegScans:
    """Parse a JPEG to its end marker, or to the end of the data."""
    count, ended, cut = 0, False, False
    missing: dict[int, set[int]] = {}  # frequencies, 0 to 63, by component
    for marker, start, end in _segments(data):
        cut = end > len(data)
        if marker in _FRAMES:
            missing = {component: set(range(64)) for component in data[start + 8 : end : 3]}
        elif marker == _SCAN and not cut:
            count += 1
            *components, first, last, precision = data[start + 3 : end]
            if precision & 15 == 0:
                for component in components[::2]:
                    missing.get(component, set()).difference_update(range(first, last + 1))
        ended = marker == _END
    return JpegScans(count, ended, not cut and not any(missing.values()))


def jpeg_components(data: bytes) -> int:
    """Return the number of a JPEG's colour components: 1 for grey, 3 for colours, 4 for CMYK; 0 without a frame."""
    frames = (start for marker, start, end in _segments(data) if marker in _FRAMES and end <= len(data))
    return next((data[start + 7] for start in frames), 0)


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield the marker of each segment, and where its content, which begins with its length, starts and ends."""
    at = 0
    while found := _MARKER.search(data, at):
        marker, start = found[0][1], found.end()
        # The length counts its own two bytes.
        at = start if marker == _END else start + max(2, int.from_bytes(data[start : start + 2]))
        yield marker, start, at
        if marker == _END:
            return


def essential(data: bytes) -> bytes:
    """Return a photo without the metadata that decides nothing about its pixels: Pillow would refuse some of it."""
    if data.startswith(JPEG_START):
        return essential_jpeg(data)
    return essential_png(data) if data.startswith(PNG_START) else data


def essential_jpeg(data: bytes) -> bytes:
    """Return a JPEG without the metadata that decides nothing about its pixels: all but EXIF and Adobe's marker."""
    parts = [data[:2]]
    for marker, start, end in _segments(data):
        if marker == _SCAN:
            parts.append(data[start - 2 :])
            break
        if marker not in _METADATA or (marker, data[start + 2 : start + 6]) in _USED_METADATA:
            parts.append(data[start - 2 : end])
    return b"".join(parts)


def essential_png(data: bytes) -> bytes:
    """Return a PNG without what decides nothing about its pixels.

    Optional chunks are dropped, and among those that count the damaged ones, as browsers do. What follows the end is
    dropped, and a missing end is added. Required chunks stay as they are: the decoder judges them.
    """
    parts, at = [data[:8]], 8
    while at < len(data):
        name, end = data[at + 4 : at + 8], at + 12 + int.from_bytes(data[at : at + 4])
        if name == b"IEND":
            break
        chunk = data[at:end]
        if (name[:1].isupper() and len(name) == 4) or (
            name in _SHOWN and zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:])
        ):
            parts.append(chunk)
        at = end
    return b"".join((*parts, PNG_END))
