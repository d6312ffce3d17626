"""Clothes and handbags. Shirts, tops and dresses are one outline with few parameters; folds make it look like cloth."""

from functools import partial
from typing import NamedTuple

import numpy as np

from ndsc.sample.colours import (
    BLACK,
    CREAM,
    GOLD,
    WHITE,
    Colour,
    any_colour,
    contrasting,
    darker,
    ink_on,
    lighter,
    pick,
)
from ndsc.sample.drawing import Drawing, Part, Product, Text
from ndsc.sample.outlines import Outline, ellipse, mirrored, path, rectangle, rim, star, stroke
from ndsc.sample.surfaces import edge_shadow, gleam, lit, pattern, rounded

WOOD: Colour = (176, 128, 88)
SLOGANS = ["GOOD DAY", "89", "HELLO", "SUNNY", "BE KIND", "TOKYO", "NO. 7", "WEEKEND", "OK!", "SLOW", "BALI", "XOXO"]


class Cut(NamedTuple):
    """The shape of a garment that is one unit tall and symmetric: widths are half widths.

    Without sleeves, `sleeve` is 0. `neck_depth` and `waist_depth` are measured from the shoulders.
    """

    neck: float
    neck_depth: float
    shoulder: float
    sleeve: float
    waist: float
    waist_depth: float
    hem: float


# Each garment lies between two extremes.
CUTS = {
    "Casual Dress": (Cut(0.06, 0.05, 0.16, 0.0, 0.12, 0.36, 0.22), Cut(0.1, 0.12, 0.19, 0.16, 0.16, 0.36, 0.34)),
    "Maxi Dress": (Cut(0.05, 0.04, 0.11, 0.0, 0.085, 0.28, 0.18), Cut(0.07, 0.1, 0.13, 0.3, 0.11, 0.28, 0.3)),
    "Party Dress": (Cut(0.07, 0.1, 0.12, 0.0, 0.09, 0.4, 0.26), Cut(0.1, 0.16, 0.14, 0.0, 0.12, 0.4, 0.4)),
    "Tshirt": (Cut(0.11, 0.07, 0.32, 0.2, 0.28, 0.6, 0.28), Cut(0.14, 0.13, 0.36, 0.26, 0.31, 0.6, 0.32)),
    "Blouse": (Cut(0.1, 0.1, 0.27, 0.2, 0.23, 0.55, 0.28), Cut(0.16, 0.2, 0.31, 0.55, 0.28, 0.55, 0.4)),
    "Shirt": (Cut(0.1, 0.08, 0.31, 0.25, 0.27, 0.6, 0.28), Cut(0.12, 0.1, 0.34, 0.6, 0.29, 0.6, 0.3)),
    "Tanktop": (Cut(0.12, 0.18, 0.17, 0.0, 0.24, 0.6, 0.24), Cut(0.14, 0.26, 0.19, 0.0, 0.27, 0.6, 0.3)),
}


def garment(category: str, colour: Colour, rng: np.random.Generator) -> Drawing:
    """Return a garment of a category (a key of `CUTS`): on a dress form or laid flat."""
    cut = Cut(*rng.uniform(*CUTS[category]).tolist())
    has_waist = category.endswith("Dress")
    low = cut.neck_depth - 0.5
    # The neckline is pointed or round.
    bend = (cut.neck * 0.5, low - cut.neck_depth * 0.55) if rng.random() < 0.35 else (cut.neck, low)
    neckline = path((cut.neck, -0.5), (bend, (0.0, low)), ((-bend[0], bend[1]), (-cut.neck, -0.5)))
    front = path((cut.neck, -0.5), ((cut.neck * 0.9, low + 0.05), (0.0, low + 0.06)))
    inside = mirrored(np.concatenate([[(0.0, -0.48)], front]))
    outline = _outline(cut, neckline)
    drawing = [
        *(_dress_form(cut.shoulder) if rng.random() < 0.5 else []),
        Part(inside, darker(colour, 0.45)),
        *([Part(rectangle(-0.03, -0.475, 0.03, -0.45), CREAM)] if cut.neck_depth > 0.08 else []),
        lit(outline, colour),
        *pattern(outline, colour, rng),
        *(_chest_print(colour, rng) if category == "Tshirt" and rng.random() < 0.6 else []),
        *_folds(outline, cut, 7 if has_waist else 4, rng),
        Part(stroke(neckline, 0.022), lighter(colour, 0.1)),
        Part(stroke(path((-1.0, 0.455), ((0.0, 0.49), (1.0, 0.455))), 0.006), darker(colour, 0.5), 0.5, within=outline),
    ]
    if has_waist:
        belt = rectangle(-1, cut.waist_depth - 0.514, 1, cut.waist_depth - 0.486)
        drawing.append(Part(belt, pick(rng, [any_colour(rng), darker(colour)]), within=outline))
    return drawing + _shirt_front(cut, colour) if category == "Shirt" else drawing


def handbag(colour: Colour, rng: np.random.Generator) -> Drawing:
    """Return a bag with two handles, sometimes with a flap: the category "Others" of fashion."""
    wide, reach = float(rng.uniform(0.36, 0.48)), float(rng.uniform(0.14, 0.22))
    side = [((wide * 0.98, 0.2), (wide, 0.42)), ((wide, 0.5), (wide - 0.08, 0.5))]
    body = mirrored(path((0.0, -0.12), (wide * 0.86, -0.12), *side, (0.0, 0.5)))
    flap = mirrored(path((0.0, -0.13), (wide * 0.88, -0.13), ((wide * 0.85, 0.1), (wide * 0.5, 0.14)), (0.0, 0.17)))
    handle = path((-reach, -0.02), ((-reach, -0.5), (0.0, -0.5)), ((reach, -0.5), (reach, -0.02)))
    return [
        Part(stroke(handle + (0.03, -0.03), 0.035), darker(colour, 0.55)),
        lit(body, colour),
        *pattern(body, colour, rng),
        edge_shadow(body),
        gleam((-wide, 0.1), (wide, -0.05), 0.1, body, 0.2),
        *([lit(flap, colour), Part(rim(flap, 0.007), darker(colour, 0.45))] if rng.random() < 0.5 else []),
        Part(stroke(handle, 0.035), darker(colour, 0.35)),
        Part([*(ellipse(x, -0.01, 0.028) for x in (-reach, reach)), rectangle(-0.045, 0.12, 0.045, 0.19, 0.012)], GOLD),
    ]


def _outline(cut: Cut, neckline: Outline) -> Outline:
    """Return the outline of the whole garment, symmetric. Long sleeves hang down, short ones point outwards."""
    level, shoulder, top = cut.waist_depth - 0.5, cut.shoulder, cut.shoulder * 0.16 - 0.5
    length = 0.0 if cut.sleeve < 0.06 else cut.sleeve  # a very short sleeve looks like a mistake
    angle = np.radians(62 if length > 0.3 else 38)
    tip = (shoulder + length * np.cos(angle), top + length * np.sin(angle))
    right = path(
        (shoulder, top),
        ((shoulder + length * 0.25, top + 0.01), tip),
        (tip[0] - shoulder * 0.42 * np.sin(angle), tip[1] + shoulder * 0.42 * np.cos(angle)),
        (min(shoulder * 0.92, max(cut.waist, shoulder * 0.8)), shoulder * 0.62 - 0.47),
        ((cut.waist, level - 0.08), (cut.waist, level)),
        ((cut.waist + (cut.hem - cut.waist) * 0.35, level + 0.1), (cut.hem, 0.47)),
        ((cut.hem * 0.5, 0.5), (0.0, 0.5)),
    )
    return mirrored(np.concatenate([neckline[: len(neckline) // 2 + 1][::-1], right]))


def _folds(outline: Outline, cut: Cut, count: int, rng: np.random.Generator) -> Drawing:
    """Return dark edges, and soft shadows and lights: pleats below the waist, creases above it."""
    level, drawing = cut.waist_depth - 0.5, [edge_shadow(outline)]
    for tone, opacity in ((BLACK, 0.26), (WHITE, 0.2)):
        folds = []
        for share in rng.uniform(-0.95, 0.95, count):
            x, sway = cut.waist * share, float(rng.uniform(-0.03, 0.03))
            fall = path((x, level), ((x + sway, 0.2), (cut.hem * share + sway, 0.52)))
            folds.append(stroke(fall, 0.004, float(rng.uniform(0.02, 0.05))))
        for side in (-cut.waist, cut.waist):
            x, y, drop = side * rng.uniform(0.6, 1.0), rng.uniform(-0.3, level + 0.1), rng.uniform(0.05, 0.2)
            crease = path((x, y), ((x * 0.6, y + drop), (x * rng.uniform(-0.1, 0.4), y + drop)))
            folds.append(stroke(crease, 0.03, 0.002))
        drawing.append(Part(folds, tone, opacity, 0.012, outline))
    return drawing


def _chest_print(colour: Colour, rng: np.random.Generator) -> Drawing:
    motif = pick(rng, [ellipse(0.0, -0.13, 0.11), star(0.0, -0.13, 0.12, 0.05, 5)])
    slogan = Text(pick(rng, SLOGANS), 0.0, 0.03, float(rng.uniform(0.05, 0.09)))
    return [Part(motif, contrasting(colour, rng)), Part(slogan, contrasting(colour, rng))]


def _shirt_front(cut: Cut, colour: Colour) -> Drawing:
    low = cut.neck_depth - 0.5
    flap = path((cut.neck * 0.9, -0.52), (cut.neck * 1.35, -0.44), (cut.neck * 0.75, low + 0.1), (0.0, low + 0.01))
    return [
        Part(rectangle(-0.026, low, 0.026, 0.49), lighter(colour, 0.1)),
        Part([ellipse(0.0, y, 0.012) for y in np.linspace(low + 0.1, 0.4, 6)], ink_on(colour)),
        Part([flap, flap * (-1, 1)], lighter(colour, 0.14)),
        Part([rim(flap, 0.006), rim(flap * (-1, 1), 0.006)], darker(colour, 0.3)),
    ]


def _dress_form(shoulder: float) -> Drawing:
    """Return the visible parts of the form that a garment hangs on: neck and foot."""
    curve = ((0.04, -0.54), (shoulder * 0.6, -0.46))
    neck = path((0.0, -0.62), (0.045, -0.62), curve, (shoulder * 0.5, -0.2), (0.0, -0.2))
    foot = [rectangle(-0.012, 0.3, 0.012, 0.66), rectangle(-0.1, 0.65, 0.1, 0.67, 0.01)]
    return [Part(foot, WOOD), rounded(mirrored(neck), CREAM)]


CLOTHES: dict[str, Product] = {
    "Casual Dress": partial(garment, "Casual Dress"),
    "Tshirt": partial(garment, "Tshirt"),
    "Others": handbag,
    **{name: partial(garment, name) for name in ("Blouse", "Maxi Dress", "Party Dress", "Shirt", "Tanktop")},
}
