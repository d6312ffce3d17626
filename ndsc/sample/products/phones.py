"""Phones: eight makes told apart by their shape, as shops photograph them, from the front, the back, in a case."""

from dataclasses import dataclass

import numpy as np

from ndsc.sample.drawing.outlines import Outline, ellipse, path, rectangle, stroke
from ndsc.sample.drawing.palette import BLACK, WHITE, Colour, any_colour, darker, lighter, mix, pick
from ndsc.sample.drawing.parts import Drawing, Gradient, part, placement, transformed
from ndsc.sample.drawing.patterns import pattern
from ndsc.sample.drawing.solids import extruded
from ndsc.sample.products.screens import GLASS, lit_screen


@dataclass(frozen=True)
class Handset:
    """The shape of a make, in units of its height. `chin` is what the front shows above and below the screen."""

    width: float
    corner: float
    chin: float
    front_camera: str
    rear_camera: str


HANDSETS = {
    "Iphone": Handset(0.485, 0.085, 0.02, "island", "square"),
    "Samsung": Handset(0.47, 0.05, 0.02, "hole", "column"),
    "Sony": Handset(0.44, 0.03, 0.055, "none", "pill"),
    "Xiaomi": Handset(0.465, 0.065, 0.022, "hole", "panel"),
    "Oppo": Handset(0.46, 0.075, 0.022, "drop", "disc"),
    "Others Mobile & Tablet": Handset(0.68, 0.045, 0.05, "none", "single"),
}


def phone(shape: Handset, colour: Colour, rng: np.random.Generator) -> Drawing:
    """A phone with a touch screen in one of the ways in which sellers show it."""
    view = pick(rng, ["front", "back", "both", "both", "case"])
    if view == "front":
        return front(shape, colour, rng)
    if view == "back":
        return back(shape, colour, rng)
    if view == "case":
        return case(shape, colour, rng)
    behind = transformed(back(shape, colour, rng), placement(-0.15, -0.02, 1.0, -float(rng.uniform(0, 9))))
    return behind + transformed(front(shape, colour, rng), placement(0.15, 0.02, 1.0, float(rng.uniform(0, 5))))


def front(shape: Handset, colour: Colour, rng: np.random.Generator) -> Drawing:
    """The screen, switched on, in its frame."""
    side = shape.width / 2
    glass = rectangle(-side + 0.008, -0.492, side - 0.008, 0.492, shape.corner * 0.92)
    top = 0.5 - shape.chin
    screen = rectangle(-side + 0.02, -top, side - 0.02, top, max(shape.corner - 0.02, 0.0) if shape.chin < 0.04 else 0)
    drawing = _body(shape, colour) + [part(glass, GLASS)] + lit_screen(screen, rng)
    if shape.front_camera == "island":
        drawing.append(part(rectangle(-0.06, -top + 0.015, 0.06, -top + 0.045, 0.015), BLACK))
    elif shape.front_camera == "hole":
        drawing.append(part(ellipse(0.0, -top + 0.026, 0.011), BLACK))
    elif shape.front_camera == "drop":
        drawing.append(part(path((-0.04, -top), ((0.0, -top + 0.055), (0.04, -top))), GLASS))
    else:
        drawing.append(part(rectangle(-0.04, -top - 0.03, 0.04, -top - 0.024, 0.003), (70, 72, 80)))
    shine = path((side * 0.1, -0.5), (side, -0.5), (side, 0.1))
    return [*drawing, part(shine, WHITE, opacity=0.09, within=glass)]


def back(shape: Handset, colour: Colour, rng: np.random.Generator) -> Drawing:
    """The back: a sheen over the colour, and the camera that tells the makes apart."""
    side = shape.width / 2
    plate = rectangle(-side + 0.012, -0.488, side - 0.012, 0.488, shape.corner * 0.9)
    other = mix(colour, any_colour(rng), 0.55) if rng.random() < 0.35 else darker(colour, 0.25)
    sheen = Gradient((-side, -0.5), (side, 0.5), (lighter(colour, 0.35), colour, other, lighter(other, 0.2)))
    streak = stroke(path((-side - 0.1, 0.25), (side + 0.1, -0.45)), 0.16)
    emblem = [part(ellipse(0.0, 0.02, 0.03), lighter(colour, 0.45), 0.7)]
    return [
        *_body(shape, colour),
        part(plate, sheen),
        part(streak, WHITE, opacity=0.22, softness=0.035, within=plate),
        *(emblem if rng.random() < 0.5 else []),
        *rear_camera(shape, colour),
    ]


def rear_camera(shape: Handset, colour: Colour) -> Drawing:
    """The camera module: each make has its own arrangement of lenses."""
    left = -shape.width / 2 + 0.035
    module = darker(colour, 0.22)
    if shape.rear_camera == "square":
        plate = rectangle(left, -0.465, left + 0.19, -0.275, 0.05)
        lenses = [(left + 0.055, -0.415), (left + 0.055, -0.325), (left + 0.138, -0.37)]
        return [_raised(plate, module), *_lenses(lenses, 0.038), *_flash(left + 0.138, -0.435)]
    if shape.rear_camera == "column":
        return [*_lenses([(left + 0.045, y) for y in (-0.42, -0.33, -0.24)], 0.035), *_flash(left + 0.11, -0.42)]
    if shape.rear_camera == "pill":
        plate = rectangle(left, -0.46, left + 0.075, -0.24, 0.037)
        return [_raised(plate, module), *_lenses([(left + 0.037, y) for y in (-0.42, -0.35, -0.28)], 0.027)]
    if shape.rear_camera == "panel":
        plate = rectangle(left, -0.465, -left, -0.31, 0.03)
        return [
            _raised(plate, GLASS),
            *_lenses([(left + 0.08, -0.388), (left + 0.2, -0.388)], 0.055),
            *_flash(-left - 0.05, -0.388),
        ]
    if shape.rear_camera == "disc":
        disc = ellipse(0.0, -0.32, 0.13)
        lenses = [(-0.05, -0.36), (0.05, -0.36), (-0.05, -0.27), (0.05, -0.27)]
        return [part(ellipse(0.0, -0.32, 0.14), (198, 178, 140)), part(disc, GLASS), *_lenses(lenses, 0.034)]
    return [*_lenses([(left + 0.05, -0.43)], 0.03), *_flash(left + 0.12, -0.43)]


def case(shape: Handset, colour: Colour, rng: np.random.Generator) -> Drawing:
    """A patterned cover around the back, cut out around the camera."""
    side, main = shape.width / 2 + 0.012, any_colour(rng)
    cover = rectangle(-side, -0.512, side, 0.512, shape.corner + 0.012)
    hole = rectangle(
        -side + 0.022, -0.49, -0.03 if shape.rear_camera in "square column pill single" else side - 0.022, -0.19, 0.06
    )
    return [
        *extruded(cover, darker(main, 0.5), 0.024),
        part(cover, Gradient((-side, 0), (side, 0), (lighter(main, 0.15), main, darker(main, 0.15)))),
        *pattern(cover, main, rng),
        part(stroke(path((-side, 0.4), (side, -0.2)), 0.12), WHITE, opacity=0.15, softness=0.02, within=cover),
        part(stroke(np.concatenate([cover, cover[:1]]), 0.016), lighter(main, 0.25), 0.7),
        part(hole, darker(main, 0.5)),
        part(hole + (0.004, 0.006), colour, within=hole),
        *rear_camera(shape, colour),
    ]


def _body(shape: Handset, colour: Colour) -> Drawing:
    side = shape.width / 2
    outline = rectangle(-side, -0.5, side, 0.5, shape.corner)
    metal = mix(colour, (190, 192, 198), 0.5)
    shine = Gradient(
        (-side, 0), (side, 0), (lighter(metal, 0.4), darker(metal, 0.3), lighter(metal, 0.2), darker(metal))
    )
    return [*extruded(outline, darker(metal, 0.4), 0.022), part(outline, shine)]


def _raised(plate: Outline, colour: Colour):
    low, high = plate.min(axis=0), plate.max(axis=0)
    return part(plate, Gradient(tuple(low), tuple(high), (lighter(colour, 0.3), colour, darker(colour, 0.2))))


def _lenses(centres: list[tuple[float, float]], radius: float) -> Drawing:
    rings = [((190, 192, 200), 1.0), ((28, 29, 36), 0.86), ((12, 12, 18), 0.6), ((44, 54, 96), 0.36)]
    drawing = [part([ellipse(x, y, radius * share) for x, y in centres], colour) for colour, share in rings]
    glints = [ellipse(x - radius * 0.2, y - radius * 0.22, radius * 0.14) for x, y in centres]
    return [*drawing, part(glints, (214, 224, 250))]


def _flash(x: float, y: float) -> Drawing:
    return [part(ellipse(x, y, 0.016), (206, 200, 180)), part(ellipse(x, y, 0.011), (255, 246, 214))]
