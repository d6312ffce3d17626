"""Small photos for the tests, valid and hostile ones, encoded and decoded by Pillow."""

import io
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps

SIZE = (64, 48)


def picture(seed: int = 0, size: tuple[int, int] = SIZE) -> Image.Image:
    """A smooth, colourful picture, different for each seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def encoded(image: Image.Image, format: str, **options: object) -> bytes:
    """The bytes of a file in Pillow's format of that name."""
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def jpeg(seed: int = 0) -> bytes:
    """A JPEG of about 600 bytes, different for each seed."""
    return encoded(picture(seed, (32, 24)), "JPEG", quality=80)


def with_orientation(value: object) -> bytes:
    """EXIF data with the orientation of the camera."""
    exif = Image.Exif()
    exif[0x0112] = value
    return exif.tobytes()


def png_chunk(name: bytes, content: bytes) -> bytes:
    """A part of a PNG, with its checksum."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _transparent() -> Image.Image:
    image = picture().convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(SIZE))
    return image


def _grey_transparent() -> Image.Image:
    return _transparent().convert("LA")


def _sixteen_bits() -> Image.Image:
    return Image.fromarray(np.asarray(picture().convert("L")).astype(np.uint16) * 256 + 77)


def _frames() -> dict[str, object]:
    return {"save_all": True, "append_images": [picture(seed) for seed in (1, 2)]}


def _bmp_with_alpha(image: Image.Image) -> bytes:
    """Pillow writes none: a BMP of version 4, whose masks mark the bits of the alpha channel among its 32 bits."""
    masks = struct.pack("<IIII", 0xFF, 0xFF00, 0xFF0000, 0xFF000000)
    described = struct.pack("<IiiHHIIiiII", 108, image.width, -image.height, 1, 32, 3, 0, 2835, 2835, 0, 0)
    header = (described + masks).ljust(108, b"\0")
    pixels = image.tobytes()
    return b"BM" + struct.pack("<IHHI", 14 + len(header) + len(pixels), 0, 0, 14 + len(header)) + header + pixels


def _deep_png(colours: int) -> bytes:
    """Pillow writes none: a PNG of 16 bits a sample, with 3 colours, or 4 with alpha."""
    pixels = np.asarray(_transparent()).astype(">u2")[..., :colours] * 257
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", *SIZE, 16, 2 if colours == 3 else 6, 0, 0, 0)
    body = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def _in_adobe_s_colours(data: bytes) -> bytes:
    """A JPEG of four colours marked, as by Photoshop, as luminance, chrominance and black."""
    at = data.index(b"Adobe")
    return data[: at + 11] + b"\2" + data[at + 12 :]


# The bytes and their format, by kind.
GOOD: dict[str, tuple[bytes, str]] = {
    "JPEG": (encoded(picture(), "JPEG", quality=90), "jpeg"),
    "JPEG, colours at full size": (encoded(picture(), "JPEG", quality=95, subsampling=0), "jpeg"),
    "JPEG, progressive": (encoded(picture(), "JPEG", progressive=True), "jpeg"),
    "JPEG, grey": (encoded(picture().convert("L"), "JPEG"), "jpeg"),
    "JPEG, CMYK": (encoded(picture().convert("CMYK"), "JPEG"), "jpeg"),
    "JPEG, YCCK": (_in_adobe_s_colours(encoded(picture().convert("CMYK"), "JPEG")), "jpeg"),
    "JPEG, more behind it": (encoded(picture(), "MPO", **_frames()), "jpeg"),
    "PNG": (encoded(picture(), "PNG"), "png"),
    "PNG, grey": (encoded(picture().convert("L"), "PNG"), "png"),
    "PNG, black and white": (encoded(picture().convert("1"), "PNG"), "png"),
    "PNG, 16 bit": (encoded(_sixteen_bits(), "PNG"), "png"),
    "PNG, 16 bit, colours": (_deep_png(3), "png"),
    "PNG, 16 bit, alpha": (_deep_png(4), "png"),
    "PNG, palette": (encoded(picture().quantize(16), "PNG"), "png"),
    "PNG, palette with a transparent colour": (encoded(picture().quantize(16), "PNG", transparency=3), "png"),
    "PNG, grey with a transparent shade": (encoded(picture().convert("L"), "PNG", transparency=100), "png"),
    "PNG, grey with alpha": (encoded(_grey_transparent(), "PNG"), "png"),
    "PNG, alpha": (encoded(_transparent(), "PNG"), "png"),
    "PNG, animated": (encoded(picture(), "PNG", **_frames()), "png"),
    "GIF": (encoded(picture(), "GIF"), "gif"),
    "GIF, transparent": (encoded(picture().quantize(16), "GIF", transparency=3), "gif"),
    "GIF, animated": (encoded(picture(), "GIF", **_frames()), "gif"),
    "BMP": (encoded(picture(), "BMP"), "bmp"),
    "BMP, palette": (encoded(picture().quantize(16), "BMP"), "bmp"),
    "BMP, grey": (encoded(picture().convert("L"), "BMP"), "bmp"),
    "BMP, black and white": (encoded(picture().convert("1"), "BMP"), "bmp"),
    "BMP, 32 bit": (encoded(_transparent(), "BMP"), "bmp"),
    "BMP, alpha": (_bmp_with_alpha(_transparent()), "bmp"),
    "WebP": (encoded(picture(), "WEBP", quality=90), "webp"),
    "WebP, lossless": (encoded(picture(), "WEBP", lossless=True), "webp"),
    "WebP, alpha": (encoded(_transparent(), "WEBP", lossless=True), "webp"),
    "WebP, animated": (encoded(picture(), "WEBP", lossless=True, **_frames()), "webp"),
    "WebP, animated, alpha": (encoded(_transparent(), "WEBP", lossless=True, **_frames()), "webp"),
}


def by_pillow(data: bytes) -> np.ndarray:
    """The first frame upright and over white, as Pillow decodes it: (height, width, 3) floats, 0 to 255."""
    with Image.open(io.BytesIO(data)) as image:
        if image.mode == "I;16":
            return np.repeat((np.asarray(image) // 256)[..., None], 3, axis=2).astype(float)
        upright = ImageOps.exif_transpose(image).convert("RGBA")
    white = Image.new("RGBA", upright.size, "white")
    white.alpha_composite(upright)
    return np.asarray(white.convert("RGB")).astype(float)


def png_header(width: int, height: int) -> bytes:
    """A PNG of this size that ends where its pixels should begin."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", b"")


def png_bomb(side: int) -> bytes:
    """A valid black PNG of `side` squared pixels in very few bytes."""
    rows = zlib.compressobj(1)
    packed = b"".join(rows.compress(bytes(1 + side // 8)) for _ in range(side)) + rows.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", packed) + png_chunk(b"IEND", b"")


def gif_bomb(side: int) -> bytes:
    """A tiny GIF whose header claims `side` squared pixels."""
    data = bytearray(encoded(picture(), "GIF"))
    data[6:10] = struct.pack("<HH", side, side)
    return bytes(data)


def bmp_bomb(side: int) -> bytes:
    """A tiny BMP whose header claims `side` squared pixels."""
    data = bytearray(encoded(picture(), "BMP"))
    data[18:26] = struct.pack("<ii", side, side)
    return bytes(data)


def jpeg_bomb(side: int) -> bytes:
    """A tiny JPEG whose header claims `side` squared pixels."""
    data = bytearray(encoded(picture(), "JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", side, side)
    return bytes(data)


def webp_bomb() -> bytes:
    """A tiny WebP whose header claims the maximum of WebP, 16383 squared pixels."""
    data = bytearray(encoded(picture(), "WEBP"))
    data[26:30] = struct.pack("<HH", 16383, 16383)
    return bytes(data)


def many_scans(side: int, scans: int) -> bytes:
    """A progressive JPEG whose last scan is repeated."""
    data = encoded(Image.new("L", (side, side)), "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * scans + data[-2:]


def many_frames(side: int, frames: int) -> bytes:
    """A GIF whose only frame is repeated."""
    data = encoded(Image.new("P", (side, side)), "GIF")
    frame = data[data.index(b"\x2c") : -1]
    return data[:-1] + frame * frames + data[-1:]
