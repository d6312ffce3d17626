"""Overprint: what sellers put on top of a photo. Drawn in pixels over the whole frame."""

from collections.abc import Callable

import numpy as np

from ndsc.sample.drawing.lettering import lettering
from ndsc.sample.drawing.outlines import ellipse, mirrored, path, rectangle, star
from ndsc.sample.drawing.palette import BLACK, PALETTE, WHITE, Colour, darker, ink_on, lighter, pick
from ndsc.sample.drawing.parts import Drawing, Gradient, Size, part, placement, transformed

SHORT_OFFERS = ["COD", "-50%", "SALE", "100% ORI", "NEW", "PROMO", "-30%"]
OFFERS = [*SHORT_OFFERS, "READY STOCK", "BEST SELLER", "FREE SHIPPING", "BUY 1 GET 1"]
PRICES = ["Rp 49.000", "Rp 129.000", "Rp 1.250.000", "Rp 89.900", "Rp 15.500", "Rp 349.000", "Rp 2.499.000"]


def overprint(style: str, size: Size, shop: str, accent: Colour, rng: np.random.Generator) -> Drawing:
    """A shop's usual overprint (a key of `STYLES`) for a frame of `size` = (width, height) pixels."""
    return STYLES[style](size, shop, accent, rng)


def badge(size: Size, shop: str, accent: Colour, rng: np.random.Generator) -> Drawing:
    """A round or jagged sticker with an offer, in a corner."""
    unit, offer = float(min(size)), pick(rng, OFFERS)
    words = offer.split(" ") if len(offer) > 6 else [offer]
    height = min(0.5 / len(words), 1.5 / max(len(word) for word in words))
    outer = pick(rng, [star(0, 0, 1.0, 0.86, 16), ellipse(0, 0, 0.95), star(0, 0, 1.0, 0.92, 28)])
    drawing = [part(outer, accent), part(ellipse(0, 0, 0.8), lighter(accent, 0.16))]
    for line, word in enumerate(words):
        middle = (line - (len(words) - 1) / 2) * height * 1.25
        drawing.append(part(lettering(word, 0.0, middle, height), ink_on(accent)))
    radius = unit * float(rng.uniform(0.1, 0.16))
    x, y = (pick(rng, [radius * 1.15, side - radius * 1.15]) for side in size)
    return transformed(drawing, placement(x, y, radius, float(rng.uniform(-18, 10))))


def banner(size: Size, shop: str, accent: Colour, rng: np.random.Generator) -> Drawing:
    """A strip along the top or the bottom with the shop's name or its telephone number."""
    wide, high = size
    depth = high * float(rng.uniform(0.08, 0.13))
    top = pick(rng, [0.0, high - depth])
    telephone = f"WA 0800-000-{rng.integers(100, 1000)}"  # nobody's number
    text = pick(rng, [shop.replace("_", " ").upper(), telephone, pick(rng, OFFERS), "OPEN RESELLER"])
    height = min(depth * 0.5, wide / len(text) * 1.2)
    shine = Gradient((0, 0), (wide, 0), (accent, lighter(accent, 0.2), accent))
    return [
        part(rectangle(-1, top, wide + 1, top + depth), shine, 0.96),
        part(lettering(text, wide / 2, top + depth / 2, height), ink_on(accent)),
    ]


def frame(size: Size, shop: str, accent: Colour, rng: np.random.Generator) -> Drawing:
    """A coloured border with the shop's name on a tab."""
    (wide, high), line = size, min(size) * float(rng.uniform(0.015, 0.04))
    level = [rectangle(0, y, wide, y + line) for y in (0, high - line)]
    upright = [rectangle(x, 0, x + line, high) for x in (0, wide - line)]
    half, top = wide * 0.28, high - line * 3.2
    tab = mirrored(path((0, top), (half * 0.85, top), (half, high), (0, high))) + (wide / 2, 0)
    text = shop.replace("_", " ")
    name = lettering(text, wide / 2, high - line * 1.6, min(line * 1.6, half * 2.2 / len(text)))
    return [part([*level, *upright, tab], accent), part(name, ink_on(accent))]


def watermark(size: Size, shop: str, accent: Colour, rng: np.random.Generator) -> Drawing:
    """The shop's name across the picture, half transparent."""
    text = "@" + shop
    height = min(size) * float(rng.uniform(0.06, 0.1))
    words = [part(lettering(text, 0.06, 0.06, 1.0), BLACK, 0.22), part(lettering(text, 0.0, 0.0, 1.0), WHITE, 0.5)]
    y, turn = size[1] * float(rng.uniform(0.3, 0.8)), float(pick(rng, [0, -25, -40]))
    return transformed(words, placement(size[0] / 2, y, height, turn))


def ribbon(size: Size, shop: str, accent: Colour, rng: np.random.Generator) -> Drawing:
    """A slanting ribbon over the upper left corner."""
    unit = min(size) * float(rng.uniform(0.28, 0.4))
    text = pick(rng, SHORT_OFFERS)
    band = [
        part(rectangle(-1.2, -0.17, 1.2, 0.17), accent),
        part([rectangle(-1.2, y, 1.2, y + 0.015) for y in (-0.15, 0.135)], lighter(accent, 0.5)),
        part(lettering(text, 0.0, 0.0, min(0.2, 1.3 / len(text))), ink_on(accent)),
    ]
    return transformed(band, placement(unit * 0.5, unit * 0.5, unit, -45))


def bare(size: Size, shop: str, accent: Colour, rng: np.random.Generator) -> Drawing:
    """Nothing: some shops leave their photos alone."""
    return []


def price_tag(size: Size, accent: Colour, rng: np.random.Generator) -> Drawing:
    """A label with a price on a string, anywhere in the outer parts of the picture."""
    text, unit = pick(rng, PRICES), min(size) * float(rng.uniform(0.1, 0.15))
    half = 0.22 * len(text) * 0.62
    paper = pick(rng, [WHITE, PALETTE["mustard"], lighter(accent, 0.7)])
    tag = path((-half - 0.35, 0.0), (-half, -0.4), (half, -0.4), (half, 0.4), (-half, 0.4))
    drawing = [
        part(tag, paper),
        part(ellipse(-half - 0.05, 0.0, 0.08), darker(paper, 0.5)),
        part(lettering(text, 0.05, 0.0, 0.42), (176, 28, 40)),
    ]
    x, y = size[0] * float(pick(rng, [0.22, 0.78])), size[1] * float(rng.uniform(0.12, 0.88))
    return transformed(drawing, placement(x, y, unit, float(rng.uniform(-25, 25))))


STYLES: dict[str, Callable[[Size, str, Colour, np.random.Generator], Drawing]] = {
    "badge": badge,
    "banner": banner,
    "frame": frame,
    "watermark": watermark,
    "ribbon": ribbon,
    "bare": bare,
}
