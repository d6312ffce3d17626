"""Phones: eight makes that differ in shape and camera, shown from the front, from the back or in a case."""

from functools import partial
from typing import NamedTuple

import numpy as np

from ndsc.sample.colours import BLACK, SILVER, WHITE, Colour, any_colour, darker, ink_on, lighter, mix, pick
from ndsc.sample.drawing import Drawing, Gradient, Part, Product, Text, placement, transformed
from ndsc.sample.outlines import Outline, Point, bounds, ellipse, mirrored, path, rectangle, rim
from ndsc.sample.surfaces import extruded, gleam, lit, pattern

GLASS: Colour = (16, 17, 22)


class Handset(NamedTuple):
    """The shape of a make, in units of its height. `chin` is the height of the borders above and below the screen."""

    width: float
    corner: float
    chin: float
    lens_radius: float
    lenses: list[Point]
    camera_plate: Outline | None = None


IPHONE_PLATE, OPPO_PLATE = rectangle(-0.207, -0.465, -0.017, -0.275, 0.05), ellipse(0, -0.32, 0.14)
XIAOMI_PLATE = rectangle(-0.207, -0.465, 0.207, -0.31, 0.03)
HANDSETS = {
    "Iphone": Handset(0.485, 0.085, 0.02, 0.038, [(-0.152, -0.415), (-0.152, -0.325), (-0.07, -0.37)], IPHONE_PLATE),
    "Samsung": Handset(0.47, 0.05, 0.02, 0.035, [(-0.155, y) for y in (-0.42, -0.33, -0.24)]),
    "Xiaomi": Handset(0.465, 0.065, 0.022, 0.055, [(-0.117, -0.388), (0.003, -0.388)], XIAOMI_PLATE),
    "Oppo": Handset(0.46, 0.075, 0.022, 0.038, [(0.0, -0.37), (-0.055, -0.285), (0.055, -0.285)], OPPO_PLATE),
    "Sony": Handset(0.44, 0.03, 0.055, 0.027, [(-0.148, y) for y in (-0.42, -0.35, -0.28)]),
    "Others Mobile & Tablet": Handset(0.68, 0.045, 0.05, 0.03, [(-0.255, -0.43)]),
}


def phone(make: str, colour: Colour, rng: np.random.Generator) -> Drawing:
    """Return a phone with a touch screen: its front, its back, a case, or both sides. `make` is a key of `HANDSETS`."""
    shape, view = HANDSETS[make], pick(rng, [front, back, case, None, None])
    if view is not None:
        return view(shape, colour, rng)
    behind = transformed(back(shape, colour, rng), placement(-0.15, -0.02, 1.0, -float(rng.uniform(0, 9))))
    return behind + transformed(front(shape, colour, rng), placement(0.15, 0.02, 1.0, float(rng.uniform(0, 5))))


def front(shape: Handset, colour: Colour, rng: np.random.Generator) -> Drawing:
    """Return the screen, switched on, in its frame."""
    side, top, has_chin = shape.width / 2, 0.5 - shape.chin, shape.chin > 0.04
    glass = rectangle(-side + 0.008, -0.492, side - 0.008, 0.492, shape.corner * 0.92)
    screen = rectangle(-side + 0.02, -top, side - 0.02, top, 0 if has_chin else shape.corner - 0.02)
    half = 0.06 if shape is HANDSETS["Iphone"] else 0.012
    camera = rectangle(-half, -top + 0.015, half, -top + 0.039, 0.012)
    return [
        *_body(shape, colour),
        Part(glass, GLASS),
        *lit_screen(screen, rng),
        *([] if has_chin else [Part(camera, BLACK)]),
        Part(path((side * 0.1, -0.5), (side, -0.5), (side, 0.1)), WHITE, 0.09, within=glass),
    ]


def back(shape: Handset, colour: Colour, rng: np.random.Generator) -> Drawing:
    """Return the back: a sheen over the colour, and the camera."""
    side = shape.width / 2
    plate = rectangle(-side + 0.012, -0.488, side - 0.012, 0.488, shape.corner * 0.9)
    other = mix(colour, any_colour(rng), 0.55) if rng.random() < 0.35 else darker(colour, 0.25)
    sheen = Gradient((-side, -0.5), (side, 0.5), (lighter(colour, 0.35), colour, other, lighter(other, 0.2)))
    streak = gleam((-side - 0.1, 0.25), (side + 0.1, -0.45), 0.16, plate, 0.22)
    module = [] if shape.camera_plate is None else [lit(shape.camera_plate, darker(colour, 0.6))]
    return [*_body(shape, colour), Part(plate, sheen), streak, *module, *_lenses(shape)]


def case(shape: Handset, colour: Colour, rng: np.random.Generator) -> Drawing:
    """Return a patterned case around the back, with an opening for the camera."""
    side, main = shape.width / 2 + 0.012, any_colour(rng)
    cover = rectangle(-side, -0.512, side, 0.512, shape.corner + 0.012)
    left, top, right, bottom = bounds(np.array(shape.lenses))
    room = shape.lens_radius + 0.03
    opening = rectangle(left - room, top - room, right + room, bottom + room, 0.05)
    return [
        extruded(cover, darker(main, 0.5), 0.024),
        lit(cover, main),
        *pattern(cover, main, rng),
        gleam((-side, 0.4), (side, -0.2), 0.12, cover, 0.15),
        Part(rim(cover, 0.016), lighter(main, 0.25), 0.7),
        Part(opening, darker(main, 0.5)),
        Part(opening + (0.004, 0.006), colour, within=opening),
        *_lenses(shape),
    ]


def key_phone(make: str, colour: Colour, rng: np.random.Generator) -> Drawing:
    """Return a Nokia with a small screen and twelve keys, or a Blackberry with a square screen and a keyboard."""
    if make == "Nokia":
        half = [((0.2, -0.5), (0.2, -0.3)), ((0.185, 0.1), (0.195, 0.35)), ((0.19, 0.5), (0.0, 0.5))]
        outline = mirrored(path((0.0, -0.5), *half))
        glass, screen = (-0.16, -0.41, 0.16, -0.05), (-0.135, -0.36, 0.135, -0.09)
        tone = pick(rng, [lighter(colour, 0.5), darker(colour, 0.4), (225, 225, 228)])
        buttons = [rectangle(-0.18, 0.015, 0.18, 0.05, 0.015), ellipse(0.0, 0.03, 0.065, 0.045)]
        labels = ["1    2    3", "4    5    6", "7    8    9", "*    0    #"]
        keys = _keys(labels, 0.105, 0.13, (0.092, 0.062), tone)
    else:
        outline = rectangle(-0.27, -0.5, 0.27, 0.5, 0.07)
        glass, screen = (-0.245, -0.46, 0.245, 0.47), (-0.215, -0.41, 0.215, -0.0)
        tone = (72, 74, 82)
        buttons = [rectangle(-0.1, 0.415, 0.1, 0.448, 0.01), rectangle(-0.03, 0.025, 0.03, 0.065, 0.012)]
        labels = ["Q W E R T Y U I O P", "A S D F G H J K L 1", "Z X C V B N M 2 3 4"]
        keys = _keys(labels, 0.2, 0.165, (0.038, 0.07), tone)
    return [
        extruded(outline, darker(colour, 0.45), 0.028),
        lit(outline, colour),
        Part(rectangle(*glass, 0.03), GLASS),
        *lit_screen(rectangle(*screen, 0.008), rng),
        Part(buttons, tone),
        *keys,
    ]


def lit_screen(screen: Outline, rng: np.random.Generator) -> Drawing:
    """Return a wallpaper with either the clock or rows of app icons."""
    left, top, right, bottom = bounds(screen)
    first, second = any_colour(rng), any_colour(rng)
    drawing = [Part(screen, Gradient((left, top), (right, bottom), (darker(first, 0.25), second)))]
    for colour in (any_colour(rng), lighter(first)):
        blob = ellipse(rng.uniform(left, right), rng.uniform(top, bottom), *rng.uniform(0.12, 0.3, 2))
        drawing.append(Part(blob, colour, 0.75, float(pick(rng, [0.0, 0.05])), screen))
    if rng.random() < 0.4:
        time = f"{rng.integers(1, 24)}:{rng.integers(0, 60):02d}"
        return [*drawing, Part(Text(time, (left + right) / 2, top + 0.16, 0.1), WHITE)]
    pitch = (right - left) / 4.6
    half, levels = pitch * 0.33, np.arange(bottom - pitch * 0.6, top + pitch * 0.5, -pitch * 1.15)
    for y in levels[: int(rng.integers(2, max(3, len(levels))))]:
        for x in (left + right) / 2 + np.arange(-1.5, 2) * pitch * 1.08:
            colour = any_colour(rng)
            drawing.append(Part(rectangle(x - half, y - half, x + half, y + half, half * 0.5), lighter(colour, 0.1)))
            drawing.append(Part(ellipse(x, y, half * 0.5)[::4], ink_on(colour)))
    return drawing


def _body(shape: Handset, colour: Colour) -> Drawing:
    side, metal = shape.width / 2, mix(colour, SILVER, 0.5)
    outline = rectangle(-side, -0.5, side, 0.5, shape.corner)
    shine = Gradient((-side, 0), (side, 0), (lighter(metal, 0.4), darker(metal), lighter(metal, 0.2), darker(metal)))
    return [extruded(outline, darker(metal, 0.4), 0.022), Part(outline, shine)]


def _lenses(shape: Handset) -> Drawing:
    rings = [((190, 192, 200), 1.0), ((24, 25, 32), 0.86), ((44, 54, 96), 0.36)]
    return [Part([ellipse(*lens, shape.lens_radius * share) for lens in shape.lenses], tone) for tone, share in rings]


def _keys(labels: list[str], side: float, top: float, size: Point, colour: Colour) -> Drawing:
    """Return rows of keys with the labels of each row; the rows reach from -side to side."""
    drawing, (half, high) = [], (size[0] / 2, size[1] / 2)
    for row, label in enumerate(labels):
        y, across = top + row * size[1] * 1.25, np.linspace(-side, side, len(label.split()))
        drawing.append(Part([rectangle(x - half, y - high, x + half, y + high, 0.01) for x in across], colour))
        drawing.append(Part(Text(label, 0.0, y, high * 1.3), ink_on(colour)))
    return drawing


PHONES: dict[str, Product] = {
    "Iphone": partial(phone, "Iphone"),
    "Samsung": partial(phone, "Samsung"),
    "Nokia": partial(key_phone, "Nokia"),
    "Xiaomi": partial(phone, "Xiaomi"),
    "Blackberry": partial(key_phone, "Blackberry"),
    **{make: partial(phone, make) for make in ("Oppo", "Others Mobile & Tablet", "Sony")},
}
