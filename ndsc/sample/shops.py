"""Shops: a dozen invented sellers a label, each with a look that runs through all its photos."""

from dataclasses import dataclass

import numpy as np

from ndsc.sample.drawing.palette import PALETTE, Colour, lighter, pick
from ndsc.sample.grounds import BUSY_GROUNDS, PLAIN_GROUNDS
from ndsc.sample.overprint import STYLES

# What part of a label's listings each of its shops has. Those marked True are for validation: 20 % together.
SHARES = [
    (0.16, False), (0.13, False), (0.12, False), (0.10, True), (0.09, False), (0.08, False),
    (0.07, False), (0.06, True), (0.06, False), (0.05, False), (0.04, True), (0.04, False),
]  # fmt: skip
FIRST_WORDS = ["kedai", "rumah", "lapak", "galeri", "pojok", "warna"]
LAST_WORDS = [
    "melati", "senja", "pelangi", "rimba", "bintang", "embun", "kenari", "samudra", "awan", "kopi", "randu", "lentera",
]  # fmt: skip
BACKDROPS: list[Colour] = [
    (250, 250, 250), (244, 244, 246), (236, 232, 226), (252, 250, 246), (246, 226, 228), (222, 232, 240),
    (228, 238, 228), (240, 232, 246), (214, 214, 218), (248, 240, 214), (92, 94, 104), (250, 250, 250),
]  # fmt: skip


@dataclass(frozen=True)
class Shop:
    """A seller and the look of its photos; `warmth` tints its light from blue (-1) to orange (1)."""

    name: str
    label: str
    split: str
    share: float
    plain_ground: str
    backdrop: Colour
    busy_ground: str
    accent: Colour
    overprint: str
    warmth: float


def invent_shops(label: str, index: int, rng: np.random.Generator) -> list[Shop]:
    """The shops of the label with this index. Each label deals the same looks out anew: no look is any label's own."""
    grounds, styles = [*BUSY_GROUNDS, *BUSY_GROUNDS], [*STYLES, *STYLES]
    count = len(SHARES)
    dealt = zip(SHARES, *(rng.permutation(count) for _ in range(3)), strict=True)
    return [
        Shop(
            name=f"{FIRST_WORDS[(number + index) % 6]}_{LAST_WORDS[number]}",
            label=label,
            split="validation" if is_validation else "train",
            share=share,
            plain_ground=pick(rng, list(PLAIN_GROUNDS)),
            backdrop=BACKDROPS[backdrop],
            busy_ground=grounds[ground],
            accent=lighter(pick(rng, list(PALETTE.values())), 0.05),
            overprint=styles[style],
            warmth=float(rng.uniform(-1, 1)),
        )
        for number, ((share, is_validation), backdrop, ground, style) in enumerate(dealt)
    ]
