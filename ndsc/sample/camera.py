"""The camera: light, focus, noise and the JPEG file that a phone or an app makes of it."""

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image, ImageChops, ImageFilter


@dataclass(frozen=True)
class Exposure:
    """How a photo was taken. `light` multiplies, `warmth` tints from blue (-1) to orange (1), `blur` and `noise` (the
    standard deviation of grey levels) are 0 in a perfect photo, `quality` is JPEG's."""

    light: float
    warmth: float
    blur: float
    noise: float
    quality: int


def expose(image: Image.Image, exposure: Exposure, rng: np.random.Generator) -> Image.Image:
    """The RGB image as the sensor sees it."""
    if exposure.blur > 0.3:
        image = image.filter(ImageFilter.GaussianBlur(exposure.blur))
    tint = (1 + 0.09 * exposure.warmth, 1.0, 1 - 0.12 * exposure.warmth)
    levels = np.arange(256)
    image = image.point(
        [int(value) for gain in tint for value in np.clip(levels * exposure.light * gain, 0, 255).round()]
    )
    return _noisy(image, exposure.noise, rng) if exposure.noise > 0.5 else image


def encode(image: Image.Image, quality: int) -> bytes:
    """The bytes of a JPEG file."""
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _noisy(image: Image.Image, deviation: float, rng: np.random.Generator) -> Image.Image:
    # The sum of two dice is close enough to a bell, and ten times as fast; its own deviation is 104.
    dice = rng.integers(0, 256, (2, image.height, image.width), dtype=np.uint8)
    grain = (dice[0].astype(np.float32) + dice[1] - 255) * np.float32(deviation / 104) + 128.5
    grey = Image.fromarray(grain.clip(0, 255).astype(np.uint8))
    return ImageChops.add(image, Image.merge("RGB", [grey] * 3), 1.0, -128)
