"""Overprints and screenshots, which sellers add to a photo. Their unit is the pixel, and they cover the whole frame."""

from collections.abc import Callable

import numpy as np
from PIL import Image

from ndsc.sample.colours import BLACK, WHITE, Colour, ink_on, lighter, pick
from ndsc.sample.drawing import Drawing, Gradient, Part, Size, Text, paint, placement, transformed
from ndsc.sample.outlines import ellipse, path, rectangle, star

Overprint = Callable[[Size, str, Colour, np.random.Generator], Drawing]
SHORT_OFFERS = ["COD", "-50%", "SALE", "100% ORI", "NEW", "PROMO", "-30%"]
OFFERS = [*SHORT_OFFERS, "READY STOCK", "BEST SELLER", "FREE SHIPPING", "BUY 1 GET 1"]
PRICES = ["Rp 49.000", "Rp 129.000", "Rp 1.250.000", "Rp 89.900", "Rp 15.500", "Rp 349.000", "Rp 2.499.000"]
SCREEN_ASPECT, PHOTO_HEIGHT = 0.56, 0.66  # a screenshot's width by its height; the share of the height with the photo
PAGES: list[tuple[Colour, Colour]] = [(WHITE, (40, 40, 46)), ((28, 29, 34), (226, 226, 230))]  # ground and ink


def badge(size: Size, shop: str, accent: Colour, rng: np.random.Generator) -> Drawing:
    """Return a round or jagged sticker with an offer or a price, in a corner."""
    words = pick(rng, [*OFFERS, *PRICES]).split(" ")
    height = min(0.5 / len(words), 1.5 / max(len(word) for word in words))
    outer = pick(rng, [star(0, 0, 1.0, 0.86, 16), ellipse(0, 0, 0.95)])
    drawing = [Part(outer, accent), Part(ellipse(0, 0, 0.8), lighter(accent, 0.16))]
    for line, word in enumerate(words):
        middle = (line - (len(words) - 1) / 2) * height * 1.25
        drawing.append(Part(Text(word, 0.0, middle, height), ink_on(accent)))
    radius = min(size) * float(rng.uniform(0.1, 0.16))
    x, y = (pick(rng, [radius * 1.15, side - radius * 1.15]) for side in size)
    return transformed(drawing, placement(x, y, radius, float(rng.uniform(-18, 10))))


def banner(size: Size, shop: str, accent: Colour, rng: np.random.Generator) -> Drawing:
    """Return a strip along the top or the bottom with the shop's name, its telephone number or an offer."""
    wide, depth = size[0], size[1] * float(rng.uniform(0.08, 0.13))
    top = pick(rng, [0.0, size[1] - depth])
    telephone = f"WA 0800-000-{rng.integers(100, 1000)}"  # not a real number
    text = pick(rng, [shop.replace("_", " ").upper(), telephone, pick(rng, OFFERS), "OPEN RESELLER"])
    shine = Gradient((0, 0), (wide, 0), (accent, lighter(accent, 0.2), accent))
    name = Text(text, wide / 2, top + depth / 2, min(depth * 0.5, wide / len(text) * 1.2))
    return [Part(rectangle(-1, top, wide + 1, top + depth), shine, 0.96), Part(name, ink_on(accent))]


def watermark(size: Size, shop: str, accent: Colour, rng: np.random.Generator) -> Drawing:
    """Return the shop's name across the picture, half transparent."""
    text, height = f"@{shop}", min(size) * float(rng.uniform(0.06, 0.1))
    words = [Part(Text(text, 0.06, 0.06, 1.0), BLACK, 0.25), Part(Text(text, 0.0, 0.0, 1.0), WHITE, 0.6)]
    y, turn = size[1] * float(rng.uniform(0.3, 0.8)), float(pick(rng, [0, -25, -40]))
    return transformed(words, placement(size[0] / 2, y, height, turn))


def ribbon(size: Size, shop: str, accent: Colour, rng: np.random.Generator) -> Drawing:
    """Return a slanting ribbon over the upper left corner."""
    unit, text = min(size) * float(rng.uniform(0.28, 0.4)), pick(rng, SHORT_OFFERS)
    words = Part(Text(text, 0.0, 0.0, min(0.2, 1.3 / len(text))), ink_on(accent))
    band = [Part(rectangle(-1.2, -0.17, 1.2, 0.17), accent), words]
    return transformed(band, placement(unit * 0.5, unit * 0.5, unit, -45))


# Each shop uses one of these.
OVERPRINTS: list[Overprint] = [badge, banner, watermark, ribbon]


def screenshot(photo: Image.Image, size: Size, accent: Colour, rng: np.random.Generator) -> Image.Image:
    """Return an RGB image of `size` pixels: a shopping page with a photo, as some sellers save and repost it."""
    page, ink = pick(rng, PAGES)
    image = Image.new("RGB", size, page)
    top, scale = round(size[1] * 0.05), size[0] / 10  # the page is drawn ten units wide
    image.paste(photo, (0, top))
    time, price = f"{rng.integers(0, 24)}:{rng.integers(0, 60):02d}", pick(rng, PRICES)
    bars = [rectangle(7.7 + 0.2 * k, 0.55 - 0.1 * k, 7.84 + 0.2 * k, 0.65) for k in range(4)]
    status = [Part(Text(time, 0.9, 0.45, 0.45), ink), Part([*bars, rectangle(8.84, 0.27, 9.6, 0.63, 0.08)], ink)]
    paint(image, transformed(status, placement(0, 0, scale)))
    title = [rectangle(0.4, y, float(rng.uniform(5, 9.2)), y + 0.26, 0.1) for y in (1.55, 2.1)]
    details = [
        Part(Text(price, 0.4 + 0.19 * len(price), 0.85, 0.72), (214, 54, 44)),
        Part(title, ink, 0.4),
        Part([ellipse(0.6 + 0.52 * k, 2.8, 0.17) for k in range(5)], (244, 176, 40)),
        Part(path((2, 4.65), ((0.9, 4.0), (1.6, 3.85)), (2, 4.1), (2.4, 3.85), ((3.1, 4.0), (2, 4.65))), (226, 86, 96)),
        Part(rectangle(4.5, 3.75, 9.6, 4.85, 0.2), accent),
        Part(Text("Add to cart", 7.05, 4.3, 0.47), ink_on(accent)),
    ]
    paint(image, transformed(details, placement(0, top + photo.height, scale)))
    return image
