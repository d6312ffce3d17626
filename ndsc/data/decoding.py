"""Decoding of photos by TensorFlow alone, with the same pixels in training and in the saved model."""

import io

import keras
import numpy as np
import PIL
import tensorflow as tf
from PIL import Image

from ndsc.storage.image_containers import (
    JPEG_END,
    JpegScans,
    essential,
    essential_png,
    jpeg_components,
    jpeg_scans,
)
from ndsc.storage.image_header import ImageHeader, Unusable, read_image_header

# Part of the key of everything that is cached for a photo: another decoder, or other rules, may decide otherwise.
DECODER = f"tensorflow-{tf.__version__} pillow-{PIL.__version__} rules-3"


# Bytes that no complete JPEG needs.
FILLER = np.random.default_rng(0).integers(1, 255, 2048, np.uint8).tobytes()


def decodable(data: bytes, format: str, animated: bool) -> tuple[bytes, str]:
    """Return the photo's data and format in a form that `decode` takes.

    TensorFlow reads the palette of a BMP as shades of grey, decodes all frames of a GIF at once without its
    transparency, no animated WebP, and CMYK as if a camera's software had inverted it: Pillow converts all these, which
    are rare, to PNGs of the same pixels.

    Raises:
        Unusable: the data behind the header is damaged.
    """
    if format == "jpeg":
        # Behind an end, a second one changes nothing.
        data = data if data.endswith(JPEG_END) else data + JPEG_END
        return (data, format) if jpeg_components(data) < 4 else (_as_png(data), "png")
    if format == "png":
        return essential_png(data), format
    if format == "webp" and not animated:
        return data, format
    return _as_png(data), "png"


def _as_png(data: bytes) -> bytes:
    lossless = io.BytesIO()
    try:
        with Image.open(io.BytesIO(essential(data))) as image:
            frame = image.tile[0].extents if image.format == "GIF" else None
            pixels = image.convert("RGBA" if image.has_transparency_data else "RGB")
        if pixels.mode == "RGBA" and image.format == "BMP" and not pixels.getchannel("A").getbbox():
            pixels = pixels.convert("RGB")  # most programs write zeros where BMP's fourth byte is not used
        if frame is not None and frame != (0, 0, *pixels.size):
            whole = Image.new(pixels.mode, pixels.size, "white")  # around a smaller frame, as in browsers
            whole.paste(pixels.crop(frame), frame)
            pixels = whole
        pixels.save(lossless, "PNG", compress_level=1)
    except Exception as error:  # almost anything
        raise Unusable("cut off or damaged") from error
    return lossless.getvalue()


SIGNATURE = [
    tf.TensorSpec([], tf.string),
    tf.TensorSpec([], tf.string),
    tf.TensorSpec([], tf.int32),
    tf.TensorSpec([], tf.bool),
]


@tf.function(input_signature=SIGNATURE)
def decode(data: tf.Tensor, format: tf.Tensor, orientation: tf.Tensor, alpha: tf.Tensor) -> tf.Tensor:
    """Decode a photo with a valid header: (height, width, 3), float32, 0 to 255, upright, transparency over white.

    Of an animation, the first frame is decoded. 16-bit samples are reduced to 8.

    Raises:
        tf.errors.InvalidArgumentError: the data behind the header is damaged.
    """
    return tf.cast(_decode_bytes(data, format, orientation, alpha), tf.float32)


@tf.function(input_signature=SIGNATURE)
def _decode_bytes(data: tf.Tensor, format: tf.Tensor, orientation: tf.Tensor, alpha: tf.Tensor) -> tf.Tensor:
    """The same in uint8, a quarter of the memory."""
    pixels = tf.cond(alpha, lambda: _over_white(data, format), lambda: _opaque(data, format))
    pixels = tf.cond(orientation == 1, lambda: pixels, lambda: _upright(pixels, orientation))
    return tf.ensure_shape(pixels, [None, None, 3])


def _opaque(data: tf.Tensor, format: tf.Tensor) -> tf.Tensor:
    return tf.case(
        [
            # The accurate transform takes no longer, and gives the same pixels as Pillow and browsers.
            (format == "jpeg", lambda: tf.io.decode_jpeg(data, channels=3, dct_method="INTEGER_ACCURATE")),
            (format == "webp", lambda: tf.io.decode_webp(data, channels=3)[0]),
        ],
        default=lambda: tf.io.decode_png(data, channels=3),
    )


def _over_white(data: tf.Tensor, format: tf.Tensor) -> tf.Tensor:
    pixels = tf.cond(
        format == "png",
        lambda: tf.io.decode_png(data, channels=4),
        lambda: tf.io.decode_webp(data, channels=4)[0],
    )
    # 255 * 255 + 127 fits into 16 bits: half the memory of floats, and rounded as viewers round.
    pixels = tf.cast(pixels, tf.uint16)
    opacity = pixels[..., 3:]
    return tf.cast((pixels[..., :3] * opacity + 255 * (255 - opacity) + 127) // 255, tf.uint8)


def _upright(pixels: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Undo the rotation in the camera's orientation flag (EXIF 2.3, tag 0x0112)."""
    turned = tf.cond(orientation > 4, lambda: tf.transpose(pixels, [1, 0, 2]), lambda: pixels)
    flips = [lambda: turned, lambda: turned[:, ::-1], lambda: turned[::-1, ::-1], lambda: turned[::-1]]
    return tf.switch_case((orientation - 1) % 4, flips)


def validate_photo(data: bytes) -> ImageHeader:
    """Read a photo's header, and decode the photo to check that it can be.

    Raises:
        Unusable: with the reason.
    """
    header = read_image_header(data)
    _decoded(data, header)
    return header


def read_pixels(data: bytes) -> np.ndarray:
    """Decode one photo of any format: (height, width, 3), float32, 0 to 255.

    Raises:
        Unusable: with the reason.
    """
    return read_pixels_uint8(data).astype(np.float32)


def read_pixels_uint8(data: bytes) -> np.ndarray:
    """The same in uint8, a quarter of the memory.

    Raises:
        Unusable: with the reason.
    """
    return _decoded(data, read_image_header(data)).numpy()


def _decoded(data: bytes, header: ImageHeader) -> tf.Tensor:
    if header.format == "jpeg" and not (scans := jpeg_scans(data)).ended:
        _check_complete(data, scans)
    data, format = decodable(data, header.format, header.animated)
    try:
        return _decode_bytes(data, format, header.orientation, header.alpha)
    except (tf.errors.InvalidArgumentError, tf.errors.UnknownError, tf.errors.InternalError) as error:
        raise Unusable("cut off or damaged") from error


def _check_complete(data: bytes, scans: JpegScans) -> None:
    """Check that a JPEG lacks nothing but its end marker: then its pixels do not depend on what follows.

    Decoders fill missing pixels without a word. Pillow is used because TensorFlow would write to the terminal.
    """
    pixels = [_as_png(data.rstrip(b"\xff") + follows + JPEG_END) for follows in (b"", FILLER)]
    if not scans.complete or pixels[0] != pixels[1]:
        raise Unusable("cut off or damaged")


def resizer(size: int, mode: str) -> keras.layers.Resizing:
    """Return the layer that resizes photos to (size, size): bilinear, without antialiasing, as the original study did.

    The saved model contains the same layer. It takes floats (on uint8 it would round).
    """
    return keras.layers.Resizing(
        size,
        size,
        interpolation="bilinear",
        crop_to_aspect_ratio=mode == "crop",
        pad_to_aspect_ratio=mode == "pad",
        name="resize",
        dtype="float32",
    )
