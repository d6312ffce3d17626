"""Trimmings: what carries a garment, and what is sewn onto it."""

import numpy as np

from ndsc.sample.drawing.outlines import Outline, ellipse, mirrored, path, rectangle, stroke
from ndsc.sample.drawing.palette import (
    BLACK,
    PALETTE,
    WHITE,
    Colour,
    any_colour,
    darker,
    ink_on,
    lighter,
    mix,
    pick,
)
from ndsc.sample.drawing.parts import Drawing, Gradient, part


def support(shoulder: float, rng: np.random.Generator) -> Drawing:
    """What carries a garment with shoulders of this half width: a hanger, a dress form or nothing."""
    kind = pick(rng, ["hanger", "form", "flat"])
    if kind == "hanger":
        return hanger(shoulder)
    return dress_form(shoulder, rng) if kind == "form" else []


def hanger(shoulder: float) -> Drawing:
    """A wooden hanger with its hook."""
    hook = path(
        (0.0, -0.5),
        (0.0, -0.57),
        ((0.0, -0.6), (0.03, -0.61)),
        ((0.065, -0.64), (0.03, -0.67)),
        ((-0.01, -0.69), (-0.03, -0.65)),
    )
    wood = path(
        (0.0, -0.52),
        ((shoulder * 0.4, -0.51), (shoulder * 0.97, -0.5 + shoulder * 0.14)),
        (shoulder * 0.9, -0.45),
        ((shoulder * 0.4, -0.47), (0.0, -0.47)),
    )
    return [part(stroke(hook, 0.012), (150, 152, 160)), part(mirrored(wood), (186, 138, 92))]


def dress_form(shoulder: float, rng: np.random.Generator) -> Drawing:
    """What a garment shows of the form inside it: the neck, and the foot with its pole."""
    linen = pick(rng, [PALETTE["cream"], PALETTE["silver"], (224, 196, 172)])
    neck = path(
        (0.0, -0.62), (0.045, -0.62), ((0.04, -0.54), (shoulder * 0.6, -0.46)), (shoulder * 0.5, -0.2), (0.0, -0.2)
    )
    shade = (darker(linen, 0.2), lighter(linen, 0.2), darker(linen, 0.25))
    foot = [rectangle(-0.012, 0.3, 0.012, 0.66), rectangle(-0.1, 0.65, 0.1, 0.67, 0.01)]
    return [
        part(foot, (120, 88, 64)),
        part(mirrored(neck), Gradient((-shoulder * 0.4, 0), (shoulder * 0.4, 0), shade)),
        part(ellipse(0.0, -0.62, 0.045, 0.014), (150, 112, 80)),
    ]


def belt(outline: Outline, waist: float, level: float, colour: Colour, rng: np.random.Generator) -> Drawing:
    """A belt, a bow or just the seam at the waist."""
    kind = pick(rng, ["belt", "bow", "seam", "seam"])
    band = rectangle(-waist * 1.2, level - 0.014, waist * 1.2, level + 0.014)
    if kind == "seam":
        return [part(rectangle(-1, level, 1, level + 0.006), BLACK, 0.4, within=outline)]
    ink = any_colour(rng) if kind == "belt" else mix(colour, WHITE if sum(colour) < 330 else BLACK, 0.3)
    drawing = [part(band, ink, within=outline)]
    if kind == "belt":
        buckle = [
            part(rectangle(-0.022, level - 0.019, 0.022, level + 0.019, 0.005), PALETTE["gold"]),
            part(rectangle(-0.012, level - 0.011, 0.012, level + 0.011), ink),
        ]
        return drawing + buckle
    loops = [
        path(
            (0.0, level),
            ((side * 0.06, level - 0.07), (side * 0.08, level)),
            ((side * 0.06, level + 0.05), (0.0, level)),
        )
        for side in (-1, 1)
    ]
    ends = [
        stroke(path((0.0, level), ((side * 0.02, level + 0.06), (side * 0.04, level + 0.13))), 0.012, 0.024)
        for side in (-1, 1)
    ]
    return [
        *drawing,
        part(ends, darker(ink, 0.15)),
        part(loops, ink),
        part(ellipse(0.0, level, 0.014), darker(ink, 0.25)),
    ]


def placket(neck: float, depth: float, colour: Colour) -> Drawing:
    """The front of a shirt: collar, button row, a pocket."""
    collar = [
        path(
            (side * neck * 0.9, -0.52),
            (side * neck * 1.35, -0.44),
            (side * neck * 0.75, depth - 0.4),
            (0.0, depth - 0.49),
        )
        for side in (-1, 1)
    ]
    rims = [stroke(np.concatenate([flap, flap[:1]]), 0.006) for flap in collar]
    buttons = [ellipse(0.0, y, 0.012) for y in np.linspace(depth - 0.4, 0.4, 6)]
    ink = ink_on(colour)
    return [
        part(rectangle(-0.026, depth - 0.5, 0.026, 0.49), lighter(colour, 0.08)),
        part([rectangle(x, depth - 0.5, x + 0.004, 0.49) for x in (-0.026, 0.022)], darker(colour, 0.35)),
        part(buttons, ink),
        part(
            [ellipse(x, 0.0, 0.002)[::8] + (0, y) for x in (-0.004, 0.004) for y in np.linspace(depth - 0.4, 0.4, 6)],
            darker(ink, 0.6),
        ),
        part(
            stroke(path((0.08, -0.14), (0.2, -0.14), (0.2, 0.0), (0.14, 0.03), (0.08, 0.0), (0.08, -0.14)), 0.007),
            darker(colour, 0.35),
        ),
        part(collar, lighter(colour, 0.14)),
        part(rims, darker(colour, 0.3)),
    ]


def label(depth: float) -> Drawing:
    """The maker's label, where a neckline is deep enough to show it."""
    return [part(rectangle(-0.03, -0.475, 0.03, -0.45), (236, 234, 228))] if depth > 0.08 else []
