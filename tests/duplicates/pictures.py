"""Pictures with as much on them as photos have, for the tests: other ones for each seed."""

import io

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIZE = (300, 260)


def picture(seed: int, size: tuple[int, int] = SIZE) -> Image.Image:
    """Shapes of many colours, slightly out of focus."""
    random = np.random.default_rng(seed)
    image = Image.new("RGB", size, _colour(random))
    draw = ImageDraw.Draw(image)
    for _ in range(60):
        corners = random.uniform(-0.1, 1.1, 2) * size + random.normal(0, 25, (4, 2))
        draw.polygon([tuple(corner) for corner in corners], fill=_colour(random))
    return image.filter(ImageFilter.GaussianBlur(0.8))


def as_jpeg(image: Image.Image, quality: int = 90) -> bytes:
    """The bytes of its file."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()


def pixels(data: bytes) -> np.ndarray:
    """(height, width, 3) uint8 of a file."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def _colour(random: np.random.Generator) -> tuple[int, ...]:
    return tuple(int(level) for level in random.integers(0, 256, 3))
