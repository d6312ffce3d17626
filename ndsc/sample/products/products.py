"""Products by label and NDSC category: what a listing can show."""

from collections.abc import Callable
from functools import partial

import numpy as np

from ndsc.sample.drawing.palette import Colour
from ndsc.sample.drawing.parts import Drawing
from ndsc.sample.products.accessories import accessory
from ndsc.sample.products.clothes import CUTS, garment
from ndsc.sample.products.face import blush, cream, face_palette, foundation, powder, setting_spray
from ndsc.sample.products.key_phones import keyboard_phone, keypad_phone
from ndsc.sample.products.lips import lip_tint, lipstick
from ndsc.sample.products.phones import HANDSETS, phone

DrawProduct = Callable[[Colour, np.random.Generator], Drawing]

# The first of a label are those that a small sample shows too.
PRODUCTS: dict[str, dict[str, DrawProduct]] = {
    "beauty": {
        "Lipstick": lipstick,
        "Face Palette": face_palette,
        "Foundation": foundation,
        "Powder": powder,
        "BB & CC Cream": cream,
        "Blush On": blush,
        "Lip Tint": lip_tint,
        "Setting Spray": setting_spray,
    },
    "fashion": {
        "Casual Dress": partial(garment, CUTS["Casual Dress"]),
        "Tshirt": partial(garment, CUTS["Tshirt"]),
        "Others": accessory,
        "Blouse": partial(garment, CUTS["Blouse"]),
        "Maxi Dress": partial(garment, CUTS["Maxi Dress"]),
        "Party Dress": partial(garment, CUTS["Party Dress"]),
        "Shirt": partial(garment, CUTS["Shirt"]),
        "Tanktop": partial(garment, CUTS["Tanktop"]),
    },
    "mobile": {
        "Iphone": partial(phone, HANDSETS["Iphone"]),
        "Samsung": partial(phone, HANDSETS["Samsung"]),
        "Nokia": keypad_phone,
        "Xiaomi": partial(phone, HANDSETS["Xiaomi"]),
        "Blackberry": keyboard_phone,
        "Oppo": partial(phone, HANDSETS["Oppo"]),
        "Others Mobile & Tablet": partial(phone, HANDSETS["Others Mobile & Tablet"]),
        "Sony": partial(phone, HANDSETS["Sony"]),
    },
}
