"""One photo: a product in front of a background, and the effects that make it easy or hard to recognize."""

from io import BytesIO

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from ndsc.sample.backgrounds import paper, prop
from ndsc.sample.colours import any_colour, mix, pick
from ndsc.sample.drawing import Drawing, Matrix, Size, extent, paint, paint_shadow, placement, transformed
from ndsc.sample.overprints import PHOTO_HEIGHT, SCREEN_ASPECT, badge, screenshot
from ndsc.sample.plan import PRODUCTS, Picture

ASPECTS = [1.0, 1.0, 1.0, 0.75, 0.8, 4 / 3, 9 / 16, 16 / 9, 1.25]  # width by height


def render_photo(picture: Picture, seed: int) -> bytes:
    """Return the JPEG file of a picture: a pure function of the picture and the seed."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0, picture.number)))
    is_screenshot = picture.difficulty > 0.3 and rng.random() < 0.35 * picture.difficulty
    size = _frame_size(SCREEN_ASPECT if is_screenshot else pick(rng, ASPECTS), rng)
    scene = compose(picture, (size[0], round(size[1] * PHOTO_HEIGHT)) if is_screenshot else size, rng)
    if is_screenshot:
        scene = screenshot(scene, size, picture.shop.accent, rng)
    buffer = BytesIO()
    _exposed(scene, picture, is_screenshot, rng).save(buffer, "JPEG", quality=round(92 - 32 * float(rng.random())))
    return buffer.getvalue()


def compose(picture: Picture, size: Size, rng: np.random.Generator) -> Image.Image:
    """Return the scene, `size` pixels large: background, clutter, the product, overprints."""
    shop, hard = picture.shop, picture.difficulty
    if rng.random() < 1.8 * (hard - 0.1):
        image = shop.background(size, mix(any_colour(rng), shop.backdrop, 0.45), rng)
    else:
        image = paper(size, shop.backdrop, rng)
    for drawing in [*_clutter(picture, size, rng), _main_product(picture, size, rng)]:
        paint_shadow(image, drawing, float(rng.uniform(0.2, 0.4)))
        paint(image, drawing)
    if rng.random() < 0.9 * hard:
        paint(image, shop.overprint(size, shop.name, shop.accent, rng))
    if rng.random() < 0.8 * (hard - 0.2):
        paint(image, badge(size, shop.name, any_colour(rng), rng))
    return image


def _frame_size(aspect: float, rng: np.random.Generator) -> Size:
    """Return a width and a height between 200 and 640 pixels."""
    width, height = min(1.0, aspect), min(1.0, 1 / aspect)
    longer = max(float(rng.triangular(220, 280, 640)), 200 / min(width, height))
    return round(longer * width), round(longer * height)


def _main_product(picture: Picture, size: Size, rng: np.random.Generator) -> Drawing:
    """Return the product at its position: large and central in easy pictures."""
    hard, drawing = picture.difficulty, _arranged(picture, rng)
    lean = np.array([[1, 0, 0], [0, 1, 0], [*rng.uniform(-0.45, 0.45, 2) * hard, 1]])
    view = lean @ placement(0, 0, 1.0, float(np.clip(rng.normal(0, 2 + 26 * hard), -40, 40)))
    fill = float(rng.uniform(0.72 - 0.17 * hard, 0.84 + 0.4 * hard * rng.random()))
    drift = rng.uniform(-0.2, 0.2, 2) * hard * size
    return _fitted(drawing, view, (size[0] / 2 + drift[0], size[1] / 2 + drift[1]), (size[0] * fill, size[1] * fill))


def _arranged(picture: Picture, rng: np.random.Generator) -> Drawing:
    """Return one product, or the same product in two or three colours side by side."""
    count = 1 if picture.difficulty < 0.1 else pick(rng, [1, 1, 1, 1, 1, 2, 3])
    style, draw = int(rng.integers(2**31)), PRODUCTS[picture.label][picture.category]
    items = [draw(any_colour(rng), np.random.default_rng(style)) for _ in range(count)]
    left, _, right, _ = extent(items[0])
    pitch, tilt = (right - left) * float(rng.uniform(0.7, 1.1)), float(rng.uniform(0, 8))
    steps = np.arange(count) - (count - 1) / 2
    placed = [transformed(one, placement(k * pitch, 0, 1.0, k * tilt)) for k, one in zip(steps, items, strict=True)]
    return [item for one in placed for item in one]


def _clutter(picture: Picture, size: Size, rng: np.random.Generator) -> list[Drawing]:
    """Return props and smaller products of other labels around the edge."""
    hard, placed = picture.difficulty, []
    others = [draw for label, draws in PRODUCTS.items() if label != picture.label for draw in draws.values()]
    products, props = rng.binomial(3, max(0.0, hard - 0.25)), rng.binomial(5, 0.75 * max(0.0, hard - 0.1))
    for index in range(products + props):
        drawing = pick(rng, others)(any_colour(rng), rng) if index < products else prop(rng)
        share = float(rng.uniform(0.26, 0.41) if index < products else rng.uniform(0.18, 0.39))
        around, reach = float(rng.uniform(0, 2 * np.pi)), float(rng.uniform(0.36, 0.52))
        centre = (size[0] * (0.5 + reach * np.cos(around)), size[1] * (0.5 + reach * np.sin(around)))
        turn = placement(0, 0, 1.0, float(rng.uniform(-60, 60)))
        placed.append(_fitted(drawing, turn, centre, (size[0] * share, size[1] * share)))
    return placed


def _fitted(drawing: Drawing, view: Matrix, centre: tuple[float, float], room: tuple[float, float]) -> Drawing:
    """Return the drawing under a view, moved to a centre and scaled to fit into (width, height) pixels."""
    left, top, right, bottom = extent(drawing, view)
    scale = min(room[0] / (right - left), room[1] / (bottom - top))
    corner = (centre[0] - scale * (left + right) / 2, centre[1] - scale * (top + bottom) / 2)
    return transformed(drawing, placement(*corner, scale) @ view)


def _exposed(image: Image.Image, picture: Picture, is_screenshot: bool, rng: np.random.Generator) -> Image.Image:
    """Return the RGB image as a camera sees it: with the shop's light; dark, blurred and noisy in hard pictures."""
    hard = picture.difficulty
    poor = 0.0 if is_screenshot else hard * float(rng.random()) ** 2
    warmth = picture.shop.warmth * 0.5 + float(rng.normal(0, 0.15 + 0.5 * hard)) * (not is_screenshot)
    light = 1.0 if is_screenshot else float(rng.uniform(0.97, 1.04)) - 0.55 * poor
    if poor > 0.15:
        image = image.filter(ImageFilter.GaussianBlur(1.9 * poor))
    gains = np.array([1 + 0.09 * warmth, 1.0, 1 - 0.12 * warmth])[:, None]
    image = image.point((np.arange(256) * light * gains).clip(0, 255).round().astype(int).ravel().tolist())
    # The sum of two dice is close enough to a normal distribution and ten times as fast. Its deviation is 104.
    dice = rng.integers(0, 256, (2, image.height, image.width), dtype=np.uint8)
    grain = (dice[0].astype(np.float32) + dice[1] - 255) * np.float32((1.5 + 16 * poor) / 104) + 128.5
    grey = Image.fromarray(grain.clip(0, 255).astype(np.uint8))
    return ImageChops.add(image, Image.merge("RGB", [grey] * 3), 1.0, -128)
