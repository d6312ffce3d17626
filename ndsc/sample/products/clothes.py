"""Clothes: one outline with few parameters makes T-shirts, blouses, tank tops and dresses; folds make it cloth."""

from dataclasses import dataclass

import numpy as np

from ndsc.sample.drawing.outlines import Outline, Point, Step, mirrored, path, stroke
from ndsc.sample.drawing.palette import BLACK, WHITE, Colour, darker, lighter
from ndsc.sample.drawing.parts import Drawing, Gradient, part
from ndsc.sample.drawing.patterns import chest_print, pattern
from ndsc.sample.products.trimmings import belt, label, placket, support

SLOPE = 0.16  # how far a shoulder falls on its way out


@dataclass(frozen=True)
class Cut:
    """The shape of a garment, each length a range to draw from, in units of the shoulder's height above the hem.

    Widths are half widths: garments are symmetric. A `sleeve` of 0 is none; `neck_depth` is measured from the shoulder.
    """

    neck: tuple[float, float]
    neck_depth: tuple[float, float]
    shoulder: tuple[float, float]
    sleeve: tuple[float, float]
    waist: tuple[float, float]
    hem: tuple[float, float]
    waist_height: float
    has_skirt: bool = False
    has_print: bool = False
    has_buttons: bool = False


@dataclass(frozen=True)
class Measures:
    """One garment's own lengths, drawn from the ranges of its cut; `waist_level` is where its drawing has the waist."""

    neck: float
    neck_depth: float
    shoulder: float
    sleeve: float
    waist: float
    hem: float
    waist_level: float
    is_pointed: bool


CUTS = {
    "Casual Dress": Cut(
        (0.06, 0.1), (0.05, 0.12), (0.16, 0.19), (0.0, 0.16), (0.12, 0.16), (0.22, 0.34), 0.36, has_skirt=True
    ),
    "Maxi Dress": Cut(
        (0.05, 0.07), (0.04, 0.1), (0.11, 0.13), (0.0, 0.3), (0.085, 0.11), (0.18, 0.3), 0.28, has_skirt=True
    ),
    "Party Dress": Cut(
        (0.07, 0.1), (0.1, 0.16), (0.12, 0.14), (0.0, 0.0), (0.09, 0.12), (0.26, 0.4), 0.4, has_skirt=True
    ),
    "Tshirt": Cut(
        (0.11, 0.14), (0.07, 0.13), (0.32, 0.36), (0.2, 0.26), (0.28, 0.31), (0.28, 0.32), 0.6, has_print=True
    ),
    "Blouse": Cut((0.1, 0.16), (0.1, 0.2), (0.27, 0.31), (0.2, 0.55), (0.23, 0.28), (0.28, 0.4), 0.55),
    "Shirt": Cut((0.1, 0.12), (0.08, 0.1), (0.31, 0.34), (0.25, 0.6), (0.27, 0.29), (0.28, 0.3), 0.6, has_buttons=True),
    "Tanktop": Cut((0.12, 0.14), (0.18, 0.26), (0.17, 0.19), (0.0, 0.0), (0.24, 0.27), (0.24, 0.3), 0.6),
}


def garment(cut: Cut, colour: Colour, rng: np.random.Generator) -> Drawing:
    """A garment, on a hanger, on a dress form or laid flat."""
    size = _measured(cut, rng)
    outline = _outline(size)
    shade = (lighter(colour, 0.12), colour, darker(colour, 0.14))
    drawing = support(size.shoulder, rng)
    drawing += [part(_inside(size), darker(colour, 0.45)), *label(size.neck_depth)]
    drawing += [part(outline, Gradient((-size.shoulder, -0.5), (size.shoulder, 0.5), shade))]
    drawing += pattern(outline, colour, rng)
    if cut.has_print and rng.random() < 0.6:
        drawing += chest_print(outline, -0.1, colour, rng)
    drawing += _folds(outline, size, cut.has_skirt, rng)
    drawing += _seams(outline, size, colour)
    if cut.has_skirt:
        drawing += belt(outline, size.waist, size.waist_level, colour, rng)
    if cut.has_buttons:
        drawing += placket(size.neck, size.neck_depth, colour)
    return drawing


def _measured(cut: Cut, rng: np.random.Generator) -> Measures:
    spans = (cut.neck, cut.neck_depth, cut.shoulder, cut.sleeve, cut.waist, cut.hem)
    neck, depth, shoulder, sleeve, waist, hem = (float(rng.uniform(*span)) for span in spans)
    sleeve = 0.0 if sleeve < 0.06 else sleeve  # a stump looks like a mistake
    return Measures(neck, depth, shoulder, sleeve, waist, hem, cut.waist_height - 0.5, rng.random() < 0.35)


def _inside(size: Measures) -> Outline:
    """What the neckline shows of the garment's back."""
    neck, depth = size.neck, size.neck_depth
    return path(
        (-neck, -0.5),
        ((0.0, -0.46), (neck, -0.5)),
        ((neck * 0.9, depth - 0.45), (0.0, depth - 0.44)),
        ((-neck * 0.9, depth - 0.45), (-neck, -0.5)),
    )


def _folds(outline: Outline, size: Measures, has_skirt: bool, rng: np.random.Generator) -> Drawing:
    """Soft shadows and lights: pleats that fan out below the waist, creases above it, rounding at the edges."""
    level, waist, hem = size.waist_level, size.waist, size.hem
    dark, light = [], []
    for group, count in ((dark, 7), (light, 5)):
        for share in rng.uniform(-0.95, 0.95, count if has_skirt else count - 3):
            sway = float(rng.uniform(-0.03, 0.03))
            fall = path((waist * share, level), ((waist * share + sway, 0.2), (hem * share + sway, 0.52)))
            group.append(stroke(fall, 0.004, float(rng.uniform(0.02, 0.05))))
        for side in (-1, 1):
            start = (side * float(rng.uniform(0.6, 1.0)) * waist, float(rng.uniform(-0.3, level + 0.1)))
            end = (side * float(rng.uniform(-0.1, 0.4)) * waist, start[1] + float(rng.uniform(0.05, 0.2)))
            group.append(stroke(path(start, ((start[0] * 0.6, end[1]), end)), 0.03, 0.002))
    edge = stroke(np.concatenate([outline, outline[:1]]), 0.05)
    return [
        part(edge, BLACK, 0.2, 0.025, outline),
        part(dark, BLACK, 0.26, 0.012, outline),
        part(light, WHITE, 0.2, 0.012, outline),
    ]


def _outline(size: Measures) -> Outline:
    """The whole garment, sleeves included; the right half is drawn, the left one mirrored."""
    level, waist, hem = size.waist_level, size.waist, size.hem
    return mirrored(
        path(
            (0.0, size.neck_depth - 0.5),
            (_neckline(size), (size.neck, -0.5)),
            (size.shoulder, size.shoulder * SLOPE - 0.5),
            *(_sleeve(size) if size.sleeve else _armhole(size)),
            ((waist, level - 0.08), (waist, level)),
            ((waist + (hem - waist) * 0.35, level + 0.1), (hem, 0.47)),
            ((hem * 0.5, 0.5), (0.0, 0.5)),
        )
    )


def _neckline(size: Measures) -> Point:
    """The point that the curve from the middle of the neckline to the shoulder bends towards."""
    if size.is_pointed:
        return (size.neck * 0.5, size.neck_depth * 0.45 - 0.5)
    return (size.neck, size.neck_depth - 0.5)


def _sleeve(size: Measures) -> list[Step]:
    """From the shoulder along the sleeve and back to the armpit; long sleeves hang, short ones stand off."""
    shoulder, length = size.shoulder, size.sleeve
    angle = np.radians(62 if length > 0.3 else 38)
    tip = (shoulder + length * np.cos(angle), shoulder * SLOPE - 0.5 + length * np.sin(angle))
    inner = (tip[0] - shoulder * 0.42 * np.sin(angle), tip[1] + shoulder * 0.42 * np.cos(angle))
    armpit = (min(shoulder * 0.92, max(size.waist, shoulder * 0.8)), shoulder * 0.62 - 0.47)
    return [((shoulder + length * 0.25, shoulder * SLOPE - 0.49), tip), inner, armpit]


def _armhole(size: Measures) -> list[Step]:
    """From the shoulder to the armpit of a garment without sleeves."""
    level = size.shoulder * 0.62 - 0.41
    return [((size.shoulder * 0.8, level - 0.01), (max(size.waist, size.shoulder), level))]


def _seams(outline: Outline, size: Measures, colour: Colour) -> Drawing:
    """The collar's edge, the seams of the sleeves, the hem."""
    (bend, low), middle, shoulder = _neckline(size), (0.0, size.neck_depth - 0.5), size.shoulder
    collar = path((size.neck, -0.5), ((bend, low), middle), ((-bend, low), (-size.neck, -0.5)))
    drawing = [
        part(stroke(collar, 0.022), lighter(colour, 0.1)),
        part(stroke(collar + (0, 0.014), 0.005), darker(colour, 0.45), 0.6),
    ]
    if size.sleeve:
        seam = path(
            (shoulder, shoulder * SLOPE - 0.5), ((shoulder * 0.86, -0.42), (shoulder * 0.9, shoulder * 0.62 - 0.47))
        )
        drawing.append(part([stroke(seam * (side, 1), 0.012) for side in (-1, 1)], BLACK, 0.35, 0.004, outline))
    hem = path((-1.0, 0.455), ((0.0, 0.49), (1.0, 0.455)))
    return [*drawing, part(stroke(hem, 0.006), darker(colour, 0.5), 0.5, within=outline)]
