"""Screenshots: sellers who save another shop's page, status bar and price included, and post that."""

import numpy as np
from PIL import Image

from ndsc.sample.drawing.lettering import lettering
from ndsc.sample.drawing.outlines import ellipse, path, rectangle
from ndsc.sample.drawing.painting import paint
from ndsc.sample.drawing.palette import WHITE, Colour, ink_on, pick
from ndsc.sample.drawing.parts import Drawing, Size, part, placement, transformed
from ndsc.sample.overprint import PRICES

ASPECT = 0.56  # width by height
DARK: Colour = (40, 40, 46)
PAGES: list[tuple[Colour, Colour]] = [(WHITE, DARK), ((246, 246, 248), DARK), ((28, 29, 34), (226, 226, 230))]


def photo_size(size: Size) -> Size:
    """The pixels of a screenshot of `size` pixels that its photo fills: the width, and two thirds of the height."""
    return size[0], round(size[1] * 0.66)


def screenshot(photo: Image.Image, size: Size, accent: Colour, rng: np.random.Generator) -> Image.Image:
    """An RGB image of a shopping page of `size` pixels that shows a photo of `photo_size(size)` pixels."""
    page, ink = pick(rng, PAGES)
    image = Image.new("RGB", size, page)
    top = round(size[1] * 0.05)
    image.paste(photo, (0, top))
    scale = size[0] / 10  # the page is drawn ten units wide
    paint(image, transformed(status_bar(ink, rng), placement(0, 0, scale)))
    paint(image, transformed(details(accent, ink, rng), placement(0, top + photo.height, scale)))
    return image


def status_bar(ink: Colour, rng: np.random.Generator) -> Drawing:
    """The time, the strength of the signal and the battery: 10 units wide, 0.9 high."""
    bars = [
        rectangle(x, 0.65 - height, x + 0.14, 0.65) for x, height in ((7.7, 0.1), (7.9, 0.2), (8.1, 0.3), (8.3, 0.4))
    ]
    time = f"{rng.integers(0, 24)}:{rng.integers(0, 60):02d}"
    charge = rectangle(8.9, 0.33, 8.95 + 0.6 * float(rng.uniform(0.1, 1)), 0.57)
    return [
        part(lettering(time, 0.9, 0.45, 0.45), ink),
        part(bars, ink),
        part(rectangle(8.84, 0.27, 9.6, 0.63, 0.08), ink, 0.4),
        part(charge, ink),
    ]


def details(accent: Colour, ink: Colour, rng: np.random.Generator) -> Drawing:
    """What stands below the photo: price, title, stars and the buttons. 10 units wide, 5.2 high."""
    price = pick(rng, PRICES)
    title = [rectangle(0.4, y, float(rng.uniform(5, 9.2)), y + 0.26, 0.1) for y in (1.55, 2.1)]
    heart = path(
        (2, 4.6), ((1, 4.05), (1.6, 3.95)), ((1.9, 3.95), (2, 4.15)), ((2.1, 3.95), (2.4, 3.95)), ((3, 4.05), (2, 4.6))
    )
    return [
        part(lettering(price, 0.4 + 0.19 * len(price), 0.85, 0.72), (214, 54, 44)),
        part(title, ink, 0.4),
        part([ellipse(0.6 + 0.52 * k, 2.8, 0.17) for k in range(5)], (244, 176, 40)),
        part(rectangle(0, 3.4, 10, 3.43), ink, 0.2),
        part(heart, (226, 86, 96)),
        part(rectangle(4.5, 3.75, 9.6, 4.85, 0.2), accent),
        part(lettering("Add to cart", 7.05, 4.3, 0.47), ink_on(accent)),
    ]
