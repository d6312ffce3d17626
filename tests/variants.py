"""Variants of photos: the same picture in every way that JPEG, PNG, GIF, BMP and WebP can hold it.

Pillow writes few of them, so PNG, BMP and the metadata of JPEG are also written here, byte by byte.
"""

import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageCms

from tests.encoded import encoded, png_chunk

WIDTH, HEIGHT = 48, 32
# The first row and column of each pass of an interlaced PNG, and the steps to the next ones.
ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


def picture() -> Image.Image:
    """A smooth picture without symmetry, so that a turned or mirrored one differs."""
    coarse = np.random.default_rng(14).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)


def transparent() -> Image.Image:
    """The picture with an alpha channel from clear to opaque."""
    image = picture().convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize((WIDTH, HEIGHT)))
    return image


def variants() -> dict[str, bytes]:
    """All variants by name."""
    makers = (_jpegs, _jpeg_metadata, _pngs, _png_metadata, _gifs, _bmps, _webps)
    return {f"{maker.__name__.strip('_')}: {name}": data for maker in makers for name, data in maker()}


def _jpegs() -> Iterator[tuple[str, bytes]]:
    for mode in ("L", "RGB", "CMYK"):
        for quality in (30, 75, 95):
            for progressive in (False, True):
                for subsampling in (0, 1, 2) if mode == "RGB" else (0,):
                    options = {"quality": quality, "progressive": progressive, "subsampling": subsampling}
                    name = f"{mode} {quality}{' progressive' * progressive} subsampling {subsampling}"
                    yield name, encoded(picture().convert(mode), "JPEG", **options)
    yield "kept as RGB", encoded(picture(), "JPEG", keep_rgb=True)
    yield "restarts", encoded(picture(), "JPEG", restart_marker_rows=1)
    for progressive in (False, True):
        cmyk = encoded(picture().convert("CMYK"), "JPEG", quality=95, progressive=progressive)
        adobe = cmyk.index(b"\xff\xee")
        length = int.from_bytes(cmyk[adobe + 2 : adobe + 4])
        yield f"CMYK without a marker, progressive {progressive}", cmyk[:adobe] + cmyk[adobe + 2 + length :]
        yield f"YCCK, progressive {progressive}", cmyk[: adobe + 15] + b"\2" + cmyk[adobe + 16 :]


def _jpeg_metadata() -> Iterator[tuple[str, bytes]]:
    plain = encoded(picture(), "JPEG", quality=90)
    for orientation in range(1, 9):
        for order in "<>":
            for type in "HI":
                exif = _segment(1, b"Exif\0\0" + _tiff(orientation, order, type))
                yield f"orientation {orientation} {order}{type}", plain[:2] + exif + plain[2:]
    wrong = {
        "XMP orientation": _segment(1, b"http://ns.adobe.com/xap/1.0/\0" + _xmp(6)),
        "large profile": b"".join(
            _segment(2, b"ICC_PROFILE\0" + bytes((part, 30)) + block)
            for part, block in enumerate((_profile(1_900_000)[at * 65000 :][:65000] for at in range(30)), 1)
        ),
        "broken profile": _segment(2, b"ICC_PROFILE\0\1\1nonsense"),
        "broken EXIF": _segment(1, b"Exif\0\0MM\0*\xff\xff\xff\xff"),
        "broken index of pictures": _segment(2, b"MPF\0II*\0\x08\0\0\0\1\0\1\xb0\4\0\1\0\0\0\x09\0\0\0"),
        "broken Photoshop block": _segment(13, b"Photoshop 3.0\x008BIM\x04\x04"),
        "broken Adobe": _segment(14, b"Ado"),
        "short JFIF": _segment(0, b"JFIF\0"),
        "comment with markers": bytes((0xFF, 0xFE)) + struct.pack(">H", 10) + b"\xff\xd9\xff\xda\xff\xc4\xff\xd8",
        "fill bytes": b"\xff" * 5 + _segment(3, b"x"),
    }
    for name, segments in wrong.items():
        yield name, plain[:2] + segments + plain[2:]
    for kind, whole in (("", plain), ("progressive ", encoded(picture(), "JPEG", quality=90, progressive=True))):
        yield f"{kind}without an end", whole[:-2]
        yield f"{kind}half an end", whole[:-1]
        yield f"{kind}more before the end", whole[:-2] + b"\0\0" + whole[-2:]
        yield f"{kind}zeros behind", whole + bytes(3000)
        yield f"{kind}scans of a film behind", whole + b"MotionPhoto_Data" + b"\xff\xda\xff\xd8" * 9000
        yield f"{kind}another photo behind", whole + encoded(picture().convert("L"), "JPEG")


def _pngs() -> Iterator[tuple[str, bytes]]:
    rgba = np.asarray(transparent()).astype(np.uint16)
    grey = np.asarray(picture().convert("L")).astype(np.uint16)
    indices = np.asarray(picture().quantize(4)).astype(np.uint16)
    palette = _palette(4).tobytes()
    for interlaced in (False, True):
        lace = " interlaced" * interlaced
        for bits in (1, 2, 4, 8, 16):
            shades = grey * 257 if bits == 16 else grey >> (8 - bits)
            yield f"grey {bits}{lace}", _png(shades[..., None], 0, bits, interlaced)
            shade = struct.pack(">H", int(shades[5, 5]))
            yield f"grey {bits}, a clear shade{lace}", _png(shades[..., None], 0, bits, interlaced, tRNS=shade)
        for bits in (2, 4, 8):
            yield f"palette {bits}{lace}", _png(indices[..., None], 3, bits, interlaced, PLTE=palette)
            clear = {"PLTE": palette, "tRNS": b"\0\x80\xff"}
            yield f"palette {bits}, alpha{lace}", _png(indices[..., None], 3, bits, interlaced, **clear)
        for bits in (8, 16):
            deep = rgba * (257 if bits == 16 else 1)
            colour = struct.pack(">HHH", *(int(value) for value in deep[5, 5, :3]))
            yield f"RGB {bits}{lace}", _png(deep[..., :3], 2, bits, interlaced)
            yield f"RGB {bits}, a clear colour{lace}", _png(deep[..., :3], 2, bits, interlaced, tRNS=colour)
            yield f"RGBA {bits}{lace}", _png(deep, 6, bits, interlaced)
            grey_alpha = np.stack([grey * (257 if bits == 16 else 1), deep[..., 3]], axis=-1)
            yield f"grey with alpha {bits}{lace}", _png(grey_alpha, 4, bits, interlaced)
    yield "palette in order", _png(indices[..., None], 3, 8, False, PLTE=palette, hIST=bytes(8))
    yield "animated", encoded(picture(), "PNG", save_all=True, append_images=[picture().convert("L").convert("RGB")])
    yield "one frame", encoded(picture(), "PNG", save_all=True, append_images=[picture()])


def _png_metadata() -> Iterator[tuple[str, bytes]]:
    pixels = np.asarray(picture()).astype(np.uint16)
    extra = {
        "large profile": {"iCCP": b"Display\0\0" + zlib.compress(_profile(1_300_000))},
        "broken profile": {"iCCP": b"nonsense"},
        "large text": {"iTXt": b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(bytes(2_000_000))},
        "large packed text": {"zTXt": b"Comment\0\0" + zlib.compress(bytes(2_000_000))},
        "broken text": {"zTXt": b"Comment\0\7nothing"},
        "gamma": {"gAMA": struct.pack(">I", 100_000), "cHRM": bytes(32)},
        "background": {"bKGD": struct.pack(">HHH", 255, 0, 0)},
        "significant bits": {"sBIT": b"\5\6\5"},
        "unknown chunk": {"abCd": b"anything"},
        "short resolution": {"pHYs": b"\0"},
        "XMP orientation": {"iTXt": b"XML:com.adobe.xmp\0\0\0\0\0" + _xmp(6)},
    }
    for name, chunks in extra.items():
        yield name, _png(pixels, 2, 8, False, **chunks)
    for orientation in range(1, 9):
        yield (
            f"orientation {orientation}",
            _png(pixels, 2, 8, False, eXIf=_tiff(orientation, "<>"[orientation % 2], "H")),
        )
    for name in ("pHYs", "tIME", "iCCP", "tEXt", "tRNS", "eXIf"):
        content = struct.pack(">HHH", *(int(value) for value in pixels[5, 5])) if name == "tRNS" else b"Exif\0\0text\0"
        whole = _png(pixels, 2, 8, False, **{name: content})
        at = whole.index(name.encode()) + 4 + len(content)
        yield f"wrong checksum of {name}", whole[:at] + b"wrong"[:4] + whole[at + 4 :]
    plain = _png(pixels, 2, 8, False)
    yield "without an end", plain[:-12]
    yield "half an end", plain[:-5]
    yield "more behind the end", plain + b"more" * 500
    yield "text behind the pixels, cut", plain[:-12] + png_chunk(b"tEXt", b"Comment\0text")[:-6]


def _gifs() -> Iterator[tuple[str, bytes]]:
    few = picture().quantize(32)
    for version in (b"GIF87a", b"GIF89a"):
        yield f"{version}", version + encoded(few, "GIF")[6:]
    yield "not interlaced", encoded(few, "GIF", interlace=0)
    yield "a clear colour", encoded(few, "GIF", transparency=3)
    yield "grey", encoded(picture().convert("L"), "GIF")
    others = {"save_all": True, "append_images": [picture().rotate(180).quantize(32)]}
    for disposal in range(4):
        yield f"animated, disposal {disposal}", encoded(few, "GIF", disposal=disposal, **others)
    two = encoded(few, "GIF", **others)
    second = two.rindex(b"!\xf9")
    yield "second frame missing", two[:second]
    yield "cut in the second frame", two[: second + 1]
    yield "comment", encoded(few, "GIF", comment=b"text " * 40)
    for name, options in (("", {}), (", a clear colour", {"transparency": 3})):
        data = bytearray(encoded(few, "GIF", **options))
        at = data.index(b"\x2c", 13 + 3 * 2 ** ((data[10] & 7) + 1))
        data[6:10] = struct.pack("<HH", WIDTH + 20, HEIGHT + 10)
        data[at + 1 : at + 5] = struct.pack("<HH", 15, 7)
        yield f"a frame inside{name}", bytes(data)
    whole = encoded(few, "GIF")
    yield "without an end", whole[:-1]
    yield "more behind the end", whole + b"more" * 100
    at = whole.index(b"\x2c", 13 + 3 * 2 ** ((whole[10] & 7) + 1))
    yield "unknown extension", whole[:at] + b"!\x42\4text\0" + whole[at:]
    yield "own palette", _own_palette(whole, at)


def _own_palette(data: bytes, at: int) -> bytes:
    """A GIF whose palette belongs to its frame."""
    size = data[10] & 7
    palette = data[13 : 13 + 3 * 2 ** (size + 1)]
    frame = data[at : at + 9] + bytes((data[at + 9] | 0x80 | size,))
    return (
        data[:10]
        + bytes((data[10] & 0x7F,))
        + data[11:13]
        + data[13 + len(palette) : at]
        + frame
        + palette
        + data[at + 10 :]
    )


def _bmps() -> Iterator[tuple[str, bytes]]:
    rgba = np.asarray(transparent())
    indices = np.asarray(picture().quantize(2)), np.asarray(picture().quantize(16)), np.asarray(picture().quantize(64))
    for upside_down in (False, True):
        way = " top down" * upside_down
        for bits, chosen, colours in zip((1, 4, 8), indices, (2, 16, 64), strict=True):
            palette = np.zeros((colours, 4), np.uint8)
            palette[:, 2::-1] = _palette(colours)
            packed = [np.packbits(np.unpackbits(row[:, None], axis=1)[:, 8 - bits :]) for row in chosen]
            yield f"palette {bits}{way}", _bmp([row.tobytes() for row in packed], bits, upside_down, palette.tobytes())
        rows = [row[:, 2::-1].tobytes() for row in rgba]
        yield f"RGB{way}", _bmp(rows, 24, upside_down)
        for name, alpha in (("zero", 0), ("full", 255)):
            rows = [np.c_[row[:, 2::-1], np.full(WIDTH, alpha, np.uint8)].tobytes() for row in rgba]
            yield f"32 bits, fourth byte {name}{way}", _bmp(rows, 32, upside_down)
            for size in (56, 108, 124):
                yield f"alpha {name}, header {size}{way}", _bmp(rows, 32, upside_down, size=size, alpha=0xFF000000)
        rows = [row[:, [2, 1, 0, 3]].tobytes() for row in rgba]
        yield f"alpha{way}", _bmp(rows, 32, upside_down, size=108, alpha=0xFF000000)
        five = (rgba[..., :3] >> 3).astype("<u2")
        rows = [(row[:, 0] << 10 | row[:, 1] << 5 | row[:, 2]).astype("<u2").tobytes() for row in five]
        yield f"15 bits{way}", _bmp(rows, 16, upside_down)
        deep = rgba.astype("<u2")
        mixed = (deep[..., 0] >> 3) << 11 | (deep[..., 1] >> 2) << 5 | deep[..., 2] >> 3
        masks = (0xF800, 0x07E0, 0x001F)
        rows = [row.astype("<u2").tobytes() for row in mixed]
        yield f"16 bits{way}", _bmp(rows, 16, upside_down, size=56, masks=masks)
    rows = [row[:, 2::-1].tobytes() for row in rgba]
    plain = _bmp(rows, 24, False)
    yield "wrong size in the header", plain[:2] + bytes(4) + plain[6:]
    yield "more behind", plain + bytes(999)
    yield "run lengths", _run_lengths(indices[2])


def _webps() -> Iterator[tuple[str, bytes]]:
    for quality in (30, 90):
        yield f"lossy {quality}", encoded(picture(), "WEBP", quality=quality)
        yield f"lossy {quality}, alpha", encoded(transparent(), "WEBP", quality=quality, alpha_quality=100)
    yield "lossless", encoded(picture(), "WEBP", lossless=True)
    yield "lossless, alpha", encoded(transparent(), "WEBP", lossless=True)
    yield "large profile", encoded(picture(), "WEBP", lossless=True, icc_profile=_profile(1_300_000))
    yield "more behind the end", encoded(picture(), "WEBP", lossless=True) + bytes(501)
    yield "XMP orientation", encoded(picture(), "WEBP", lossless=True, xmp=_xmp(6))
    for orientation in range(1, 9):
        exif = b"Exif\0\0" + _tiff(orientation, "<>"[orientation % 2], "H")
        yield f"orientation {orientation}", encoded(picture(), "WEBP", lossless=True, exif=exif)
    for mode, image in (("", picture()), (", alpha", transparent())):
        frames = {"save_all": True, "lossless": True, "append_images": [image.rotate(180)]}
        yield f"animated{mode}", encoded(image, "WEBP", **frames)
        for lossless in (False, True):
            yield f"one frame, lossless {lossless}{mode}", _one_frame(image, lossless)
    plain = encoded(picture(), "WEBP", lossless=True)
    for name in ("EXIF", "XMP ", "ICCP", "abcd"):
        yield (
            f"broken {name}",
            _webp(VP8X=_webp_canvas(0x2C if name != "abcd" else 0), **{name: b"nonsense!"}, VP8L=plain[20:]),
        )


def _one_frame(image: Image.Image, lossless: bool) -> bytes:
    """An animated WebP of a single frame."""
    still = encoded(image, "WEBP", lossless=lossless, quality=90)
    at = still.index(b"VP8X") + 18 if b"VP8X" in still else 12  # the chunks of the frame: its alpha, if any, and pixels
    size = b"".join(struct.pack("<I", number)[:3] for number in (0, 0, WIDTH - 1, HEIGHT - 1, 100))
    return _webp(VP8X=_webp_canvas(0x12), ANIM=bytes(6), ANMF=size + b"\2" + still[at:])


def _webp(**chunks: bytes) -> bytes:
    body = b"".join(
        name.encode() + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)
        for name, content in chunks.items()
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _webp_canvas(flags: int) -> bytes:
    return struct.pack("<I", flags) + b"".join(struct.pack("<I", number - 1)[:3] for number in (WIDTH, HEIGHT))


def _palette(colours: int) -> np.ndarray:
    return np.reshape(picture().quantize(colours).getpalette() or [], (-1, 3))[:colours].astype(np.uint8)


def _segment(number: int, content: bytes) -> bytes:
    return bytes((0xFF, 0xE0 + number)) + struct.pack(">H", len(content) + 2) + content


def _tiff(orientation: int, order: str, type: str) -> bytes:
    """EXIF with an orientation: little or big endian (`<`, `>`), as SHORT or LONG (`H`, `I`)."""
    begin = b"II*\0" if order == "<" else b"MM\0*"
    value = struct.pack(order + type, orientation).ljust(4, b"\0")
    return begin + struct.pack(f"{order}IHHHI", 8, 1, 0x112, 3 if type == "H" else 4, 1) + value + bytes(4)


def _xmp(orientation: int) -> bytes:
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="{orientation}"/></rdf:RDF>'
        "</x:xmpmeta>"
    ).encode()


def _profile(size: int) -> bytes:
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile += bytes(size - len(profile))
    profile[:4] = struct.pack(">I", size)
    return bytes(profile)


def _png(pixels: np.ndarray, colours: int, bits: int, interlaced: bool, **chunks: bytes) -> bytes:
    """A PNG of samples (height, width, channels), with these chunks before its pixels."""

    def packed(part: np.ndarray) -> bytes:
        if not part.size:
            return b""
        if bits >= 8:
            rows = part.astype(">u2" if bits == 16 else np.uint8)
        else:
            rows = np.packbits(
                np.unpackbits(part.astype(np.uint8), axis=2)[:, :, 8 - bits :].reshape(len(part), -1), axis=1
            )
        return b"".join(b"\0" + row.tobytes() for row in rows)

    passes = [pixels[y::down, x::right] for y, x, down, right in ADAM7] if interlaced else [pixels]
    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], bits, colours, 0, 0, interlaced)
    body = {"IHDR": header, **chunks, "IDAT": zlib.compress(b"".join(map(packed, passes))), "IEND": b""}
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(name.encode(), content) for name, content in body.items())


def _bmp(
    rows: list[bytes],
    bits: int,
    top_down: bool,
    palette: bytes = b"",
    size: int = 40,
    masks: tuple[int, ...] = (0xFF0000, 0xFF00, 0xFF),
    alpha: int = 0,
) -> bytes:
    padded = [row + bytes(-len(row) % 4) for row in rows]
    pixels = b"".join(padded if top_down else padded[::-1])
    method = 3 if size > 40 else 0  # with masks
    height = -len(rows) if top_down else len(rows)
    header = struct.pack("<IiiHHIIiiII", size, WIDTH, height, 1, bits, method, len(pixels), 0, 0, len(palette) // 4, 0)
    if size > 40:
        header = (header + struct.pack("<IIII", *masks, alpha)).ljust(size, b"\0")
    start = 14 + len(header) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + header + palette + pixels


def _run_lengths(indices: np.ndarray) -> bytes:
    """A BMP of 8 bits whose rows are runs of equal pixels."""
    palette = np.zeros((64, 4), np.uint8)
    palette[:, 2::-1] = _palette(64)
    pixels = b"".join(b"".join(bytes((1, index)) for index in row) + b"\0\0" for row in indices[::-1]) + b"\0\1"
    header = struct.pack("<IiiHHIIiiII", 40, WIDTH, HEIGHT, 1, 8, 1, len(pixels), 0, 0, 64, 0)
    start = 14 + 40 + 256
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + header + palette.tobytes() + pixels
