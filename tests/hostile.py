"""Unusable files with the names of photos: one function for each kind, with different random damage at each call."""

import base64
import gzip
import io
import random
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from functools import cache

from PIL import Image

from tests.encoded import (
    GOOD,
    bmp_bomb,
    encoded,
    gif_bomb,
    jpeg_bomb,
    many_frames,
    many_scans,
    picture,
    png_bomb,
    png_chunk,
    png_header,
    webp_bomb,
)

Maker = Callable[[random.Random], bytes]

SIDE = 160


@cache
def _photo(kind: str, seed: int) -> bytes:
    """A photo so large that cutting it off cuts its pixels."""
    image = picture(seed, (SIDE, SIDE))
    frames = {"save_all": True, "append_images": [picture(seed + 1, (SIDE, SIDE))]}
    makers: dict[str, Callable[[], bytes]] = {
        "jpeg": lambda: encoded(image, "JPEG", quality=92),
        "progressive": lambda: encoded(image, "JPEG", progressive=True, quality=92),
        "grey": lambda: encoded(image.convert("L"), "JPEG", quality=92),
        "cmyk": lambda: encoded(image.convert("CMYK"), "JPEG", quality=92),
        "png": lambda: encoded(image, "PNG"),
        "palette": lambda: encoded(image.quantize(64), "PNG"),
        "gif": lambda: encoded(image, "GIF"),
        "bmp": lambda: encoded(image, "BMP"),
        "webp": lambda: encoded(image, "WEBP", quality=90),
        "lossless": lambda: encoded(image, "WEBP", lossless=True),
        "animated": lambda: encoded(image, "WEBP", lossless=True, **frames),
    }
    return makers[kind]()


def _good(kind: str, dice: random.Random) -> bytearray:
    return bytearray(_photo(kind, dice.randrange(20)))


def _cut(kind: str) -> Maker:
    return lambda dice: bytes((data := _good(kind, dice))[: int(len(data) * dice.uniform(0.3, 0.9))])


def _starting(start: bytes) -> Maker:
    return lambda dice: start + dice.randbytes(dice.randrange(1, 3000))


def _between(low: int, high: int, make: Callable[[int], bytes]) -> Maker:
    return lambda dice: make(dice.randrange(low, high))


def _at_marker(kind: str, marker: bytes, change: Callable[[bytearray, int, random.Random], None]) -> Maker:
    """A photo changed at a marker of its format."""

    def make(dice: random.Random) -> bytes:
        data = _good(kind, dice)
        change(data, data.index(marker), dice)
        return bytes(data)

    return make


def _put(offset: int, field: bytes) -> Callable[[bytearray, int, random.Random], None]:
    def change(data: bytearray, at: int, _: random.Random) -> None:
        data[at + offset : at + offset + len(field)] = field

    return change


def _remove_segment(data: bytearray, at: int, _: random.Random) -> None:
    del data[at : at + 2 + int.from_bytes(data[at + 2 : at + 4])]


def _noise_from(data: bytearray, at: int, dice: random.Random) -> None:
    data[at:] = dice.randbytes(len(data) - at)


def _png_of(packed: bytes, width: int = SIDE, kind: int = 2, before: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, SIDE, 8, kind, 0, 0, 0)
    body = png_chunk(b"IHDR", header) + before + png_chunk(b"IDAT", packed) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def _flipped_pixels(dice: random.Random) -> bytes:
    """A PNG with a bit flipped in its pixels, so that their checksum is wrong."""
    data = _good("png", dice)
    start = data.index(b"IDAT") + 40
    data[dice.randrange(start, len(data) - 40)] ^= 1 << dice.randrange(8)
    return bytes(data)


def _archive_of(kind: str) -> Maker:
    def make(dice: random.Random) -> bytes:
        buffer, data = io.BytesIO(), bytes(_good("jpeg", dice))
        if kind == "zip":
            with zipfile.ZipFile(buffer, "w") as packed:
                packed.writestr("a.jpg", data)
        else:
            with tarfile.open(fileobj=buffer, mode="w") as packed:
                member = tarfile.TarInfo("a.jpg")
                member.size = len(data)
                packed.addfile(member, io.BytesIO(data))
        return buffer.getvalue()

    return make


def _shifted(dice: random.Random) -> bytes:
    return dice.randbytes(dice.randrange(1, 40)).replace(b"\xff", b"x") + _good("jpeg", dice)


def _without_tables(dice: random.Random) -> bytes:
    data = _good("jpeg", dice)
    while (at := data.find(b"\xff\xdb")) >= 0:
        _remove_segment(data, at, dice)
    return bytes(data)


def _page(dice: random.Random) -> bytes:
    return b"<!DOCTYPE html><html><body>%d Not Found</body></html>" % dice.randrange(400, 600)


HOSTILE: dict[str, Maker] = {
    "no bytes": lambda _: b"",
    "one byte": lambda dice: dice.randbytes(1),
    "noise": lambda dice: b"\x01" + dice.randbytes(dice.randrange(1, 5000)),
    "zeros": lambda dice: bytes(dice.randrange(1, 5000)),
    "ones": lambda dice: b"\xff" * dice.randrange(1, 5000),
    "a web page": _page,
    "a web page, packed": lambda dice: gzip.compress(_page(dice), mtime=0),
    "JSON": lambda dice: b'{"error": %d}' % dice.randrange(1000),
    "a drawing (SVG)": lambda dice: b'<svg xmlns="http://www.w3.org/2000/svg" width="%d"/>' % dice.randrange(1000),
    "text in UTF-16": lambda dice: ("sold out " * dice.randrange(1, 99)).encode("utf-16"),
    "a PDF": _starting(b"%PDF-1.7\n"),
    "a film (MP4)": _starting(b"\0\0\0\x20ftypisom"),
    "a photo of a phone (HEIC)": _starting(b"\0\0\0\x20ftypheic"),
    "a program": _starting(b"\x7fELF\x02\x01\x01"),
    "sound (WAV)": _starting(b"RIFF\xff\xff\0\0WAVEfmt "),
    "a Photoshop file": _starting(b"8BPS\0\x01"),
    "JPEG 2000": _starting(b"\0\0\0\x0cjP  \r\n\x87\n"),
    "a ZIP of a photo": _archive_of("zip"),
    "a tar of a photo": _archive_of("tar"),
    "a TIFF": lambda dice: encoded(picture(dice.randrange(20)), "TIFF"),
    "an icon": lambda dice: encoded(picture(dice.randrange(20)), "ICO"),
    "a PPM": lambda dice: encoded(picture(dice.randrange(20)), "PPM"),
    "a photo in base 64": lambda dice: base64.b64encode(_good("jpeg", dice)),
    "a photo, packed": lambda dice: gzip.compress(_good("jpeg", dice), mtime=0),
    "a photo behind other bytes": _shifted,
    "a photo backwards": lambda dice: bytes(_good("jpeg", dice))[::-1],
    **{f"{kind}, cut": _cut(kind) for kind in ("jpeg", "progressive", "grey", "cmyk", "png", "palette", "gif", "bmp")},
    **{f"WebP, {kind}, cut": _cut(kind) for kind in ("webp", "lossless", "animated")},
    "a JPEG that begins and ends": lambda _: b"\xff\xd8\xff\xd9",
    "a JPEG bomb": _between(5_001, 65_500, jpeg_bomb),
    "a PNG bomb": _between(5_001, 1 << 31, lambda side: png_header(side, side)),
    "a whole PNG bomb": _between(5_001, 8_000, png_bomb),
    "a GIF bomb": _between(5_001, 65_535, gif_bomb),
    "a BMP bomb": _between(5_001, 100_000, bmp_bomb),
    "a WebP bomb": lambda _: webp_bomb(),
    "a GIF cut in the first of a thousand frames": lambda dice: many_frames(100, 1000)[: dice.randrange(40, 60)],
    "a strip": lambda dice: encoded(Image.new("RGB", (dice.randrange(2001, 3000), 99)), "PNG"),
    "a tower": lambda dice: encoded(Image.new("RGB", (9, dice.randrange(200, 3000))), "JPEG"),
    "a JPEG of endless scans": lambda dice: many_scans(1000, dice.randrange(2600, 2700)),
    "a JPEG without its frame": _at_marker("jpeg", b"\xff\xc0", _remove_segment),
    "a JPEG without its quantization tables": _without_tables,
    "a JPEG without its scan": _at_marker("jpeg", b"\xff\xda", _remove_segment),
    "a JPEG of 12 bit": _at_marker("jpeg", b"\xff\xc0", _put(4, b"\x0c")),
    "a JPEG without loss": _at_marker("jpeg", b"\xff\xc0", _put(0, b"\xff\xc3")),
    "a JPEG without width": _at_marker("jpeg", b"\xff\xc0", _put(7, b"\0\0")),
    "a JPEG of five colours": _at_marker("jpeg", b"\xff\xc0", _put(9, b"\x05")),
    "a JPEG that turns to noise": _at_marker("jpeg", b"\xff\xda", _noise_from),
    "a PNG with a flipped bit": _flipped_pixels,
    "a PNG with a wrong checksum in its header": _at_marker("png", b"IHDR", _put(17, b"\xde\xad\xbe\xef")),
    "a PNG whose pixels do not unpack": lambda dice: _png_of(dice.randbytes(dice.randrange(9, 999))),
    "a PNG with too few pixels": lambda dice: _png_of(zlib.compress(bytes(dice.randrange(SIDE)))),
    "a PNG of no such kind": lambda dice: _png_of(zlib.compress(bytes(SIDE * (SIDE + 1))), kind=dice.choice((1, 5, 7))),
    "a PNG without its palette": lambda _: _png_of(zlib.compress(bytes(SIDE * (SIDE + 1))), kind=3),
    "a PNG without width": lambda _: _png_of(zlib.compress(bytes(SIDE)), width=0),
    "a GIF without a frame": lambda dice: bytes(_good("gif", dice)[:13]) + b"\x3b",
    "a BMP of no such depth": _at_marker("bmp", b"BM", _put(28, b"\x07\0")),
    "a BMP of no such packing": _at_marker("bmp", b"BM", _put(30, b"\x63\0\0\0")),
    "a WebP whose pixels are noise": _at_marker(
        "webp", b"VP8 ", lambda data, at, dice: _noise_from(data, at + 8, dice)
    ),
    "a WebP of no such chunk": _at_marker("webp", b"VP8 ", _put(0, b"XXXX")),
}


def flipped(dice: random.Random) -> bytes:
    """A photo with a few flipped bits; some of these photos can still be read."""
    data = bytearray(dice.choice(list(GOOD.values()))[0])
    for _ in range(dice.choice((1, 3, 10))):
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    return bytes(data)
