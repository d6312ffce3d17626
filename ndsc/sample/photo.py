"""One photo: a product before a ground, with all that makes it easy or hard to recognize."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from ndsc.sample.camera import Exposure, encode, expose
from ndsc.sample.drawing.painting import paint, paint_shadow
from ndsc.sample.drawing.palette import any_colour, mix, pick
from ndsc.sample.drawing.parts import Drawing, Matrix, Size, extent, placement, transformed
from ndsc.sample.grounds import paint_ground
from ndsc.sample.overprint import badge, overprint, price_tag
from ndsc.sample.products.products import PRODUCTS
from ndsc.sample.products.props import any_prop
from ndsc.sample.screenshot import ASPECT, photo_size, screenshot
from ndsc.sample.shops import Shop

ASPECTS = [1.0, 1.0, 1.0, 0.75, 0.8, 4 / 3, 9 / 16, 16 / 9, 1.25]  # width by height


@dataclass(frozen=True)
class Picture:
    """What a photo shows. `difficulty` is 0 (one product, centred, on plain ground) to 1 (all that can go wrong)."""

    number: int
    label: str
    category: str
    shop: Shop
    difficulty: float


def render_photo(picture: Picture, seed: int) -> bytes:
    """The JPEG file of a picture: a pure function of the picture and the seed."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0, picture.number)))
    difficulty, accent = picture.difficulty, picture.shop.accent
    is_screenshot = difficulty > 0.3 and rng.random() < 0.35 * difficulty
    size = _frame_size(rng, ASPECT if is_screenshot else pick(rng, ASPECTS))
    scene = compose(picture, photo_size(size) if is_screenshot else size, rng)
    if is_screenshot:
        scene = screenshot(scene, size, accent, rng)
    exposure = _exposure(picture, is_screenshot, rng)
    return encode(expose(scene, exposure, rng), exposure.quality)


def compose(picture: Picture, size: Size, rng: np.random.Generator) -> Image.Image:
    """The scene, `size` pixels large: ground, clutter, the product, overprint."""
    image = _ground(picture, size, rng)
    for drawing in [*_clutter(picture, size, rng), _main_product(picture, size, rng)]:
        paint_shadow(image, drawing, float(rng.uniform(0.2, 0.4)))
        paint(image, drawing)
    paint(image, _overprint(picture, size, rng))
    return image


def _frame_size(rng: np.random.Generator, aspect: float) -> Size:
    """A width and a height between 200 and 640 pixels."""
    width, height = min(1.0, aspect), min(1.0, 1 / aspect)
    longer = max(float(rng.triangular(220, 280, 640)), 200 / min(width, height))
    return round(longer * width), round(longer * height)


def _ground(picture: Picture, size: Size, rng: np.random.Generator) -> Image.Image:
    shop = picture.shop
    is_busy = rng.random() < 1.8 * (picture.difficulty - 0.1)
    if is_busy:
        return paint_ground(shop.busy_ground, size, mix(any_colour(rng), shop.backdrop, 0.45), rng)
    return paint_ground(shop.plain_ground, size, shop.backdrop, rng)


def _main_product(picture: Picture, size: Size, rng: np.random.Generator) -> Drawing:
    """The product in its place: large and central, the less so the harder."""
    hard = picture.difficulty
    drawing = _arranged(picture, rng)
    lean = np.array([[1, 0, 0], [0, 1, 0], [*rng.uniform(-0.45, 0.45, 2) * hard, 1]])
    view = lean @ placement(0, 0, 1.0, float(np.clip(rng.normal(0, 2 + 26 * hard), -40, 40)))
    fill = float(rng.uniform(0.72 - 0.17 * hard, 0.84 + 0.4 * hard * rng.random()))
    drift = rng.uniform(-0.2, 0.2, 2) * hard * size
    return _fitted(drawing, view, (size[0] / 2 + drift[0], size[1] / 2 + drift[1]), (size[0] * fill, size[1] * fill))


def _arranged(picture: Picture, rng: np.random.Generator) -> Drawing:
    """One of the product, or the same in two or three colours side by side."""
    count = 1 if picture.difficulty < 0.1 else pick(rng, [1, 1, 1, 1, 1, 2, 3])
    style = int(rng.integers(2**31))
    draw = PRODUCTS[picture.label][picture.category]
    items = [draw(any_colour(rng), np.random.default_rng(style)) for _ in range(count)]
    left, _, right, _ = extent(items[0])
    pitch, tilt = (right - left) * float(rng.uniform(0.7, 1.1)), float(rng.uniform(0, 8))
    steps = np.arange(count) - (count - 1) / 2
    placed = [transformed(one, placement(k * pitch, 0, 1.0, k * tilt)) for k, one in zip(steps, items, strict=True)]
    return [item for one in placed for item in one]


def _clutter(picture: Picture, size: Size, rng: np.random.Generator) -> list[Drawing]:
    """Props and smaller products of other labels around the edge."""
    hard, drawings = picture.difficulty, []
    others = [draw for label, draws in PRODUCTS.items() if label != picture.label for draw in draws.values()]
    for _ in range(rng.binomial(3, max(0.0, hard - 0.25))):
        drawings.append((pick(rng, others)(any_colour(rng), rng), float(rng.uniform(0.2, 0.32))))
    for _ in range(rng.binomial(5, 0.75 * max(0.0, hard - 0.1))):
        drawings.append((any_prop(rng), float(rng.uniform(0.14, 0.3))))
    placed = []
    for drawing, share in drawings:
        around, reach = float(rng.uniform(0, 2 * np.pi)), float(rng.uniform(0.36, 0.52))
        centre = (size[0] * (0.5 + reach * np.cos(around)), size[1] * (0.5 + reach * np.sin(around)))
        turn = placement(0, 0, 1.0, float(rng.uniform(-60, 60)))
        placed.append(_fitted(drawing, turn, centre, (size[0] * share * 1.3, size[1] * share * 1.3)))
    return placed


def _fitted(drawing: Drawing, view: Matrix, centre: tuple[float, float], room: tuple[float, float]) -> Drawing:
    """The drawing under a view, then moved to a centre and scaled to fit a room of (width, height) pixels."""
    left, top, right, bottom = extent(drawing, view)
    scale = min(room[0] / (right - left), room[1] / (bottom - top))
    middle = (scale * (left + right) / 2, scale * (top + bottom) / 2)
    return transformed(drawing, placement(centre[0] - middle[0], centre[1] - middle[1], scale) @ view)


def _overprint(picture: Picture, size: Size, rng: np.random.Generator) -> Drawing:
    shop, hard = picture.shop, picture.difficulty
    drawing = overprint(shop.overprint, size, shop.name, shop.accent, rng) if rng.random() < 1.1 * hard else []
    if rng.random() < 0.6 * (hard - 0.2):
        drawing = drawing + badge(size, shop.name, any_colour(rng), rng)
    if rng.random() < 0.5 * (hard - 0.3):
        drawing = drawing + price_tag(size, shop.accent, rng)
    return drawing


def _exposure(picture: Picture, is_screenshot: bool, rng: np.random.Generator) -> Exposure:
    hard, poor = picture.difficulty, float(rng.random() ** 2)
    shake = 0.0 if is_screenshot else hard * poor
    return Exposure(
        light=1.0 if is_screenshot else float(rng.uniform(0.97, 1.04)) - 0.55 * hard * poor,
        warmth=picture.shop.warmth * 0.5 + float(rng.normal(0, 0.15 + 0.5 * hard)) * (not is_screenshot),
        blur=1.9 * shake,
        noise=1.5 + 16 * shake,
        quality=round(92 - 32 * float(rng.random())),
    )
