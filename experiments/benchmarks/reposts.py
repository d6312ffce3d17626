"""Copy a data set in the layout of NDSC and add reposts, as sellers make them: changed versions of some of its photos.

    python -m experiments.benchmarks.reposts <folder in NDSC's layout> <new folder> [--share 0.3] [--seed 0]

`planted.csv` in the new folder lists each repost with its original and the kind of change. Takes seconds for 5,000
photos.
"""

import argparse
import csv
import hashlib
import io
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

QUALITY = 60  # JPEG quality of reposts
ARCHIVES = ("beauty_image", "fashion_image", "mobile_image")
WORDS = ("ORIGINAL 100%", "READY STOCK", "BEST PRICE", "FREE SHIPPING", "SALE 50% OFF", "COD", "NEW ARRIVAL", "MURAH")


def resized(photo: Image.Image, random: np.random.Generator) -> Image.Image:
    """Resize to 50 to 85 % of the original size."""
    share = random.uniform(0.5, 0.85)
    return photo.resize((max(round(photo.width * share), 1), max(round(photo.height * share), 1)))


def reencoded(photo: Image.Image, random: np.random.Generator) -> Image.Image:
    """Return the same pixels. Saving the file as JPEG changes them."""
    return photo


def bordered(photo: Image.Image, random: np.random.Generator) -> Image.Image:
    """Add a border of one colour, as wide as 8 % of the sides."""
    width, height = round(0.08 * photo.width), round(0.08 * photo.height)
    framed = Image.new("RGB", (photo.width + 2 * width, photo.height + 2 * height), _colour(random))
    framed.paste(photo, (width, height))
    return framed


def cropped(photo: Image.Image, random: np.random.Generator) -> Image.Image:
    """Cut off 6 % at each side."""
    width, height = round(0.06 * photo.width), round(0.06 * photo.height)
    return photo.crop((width, height, photo.width - width, photo.height - height))


def overprinted(photo: Image.Image, random: np.random.Generator) -> Image.Image:
    """Draw a banner with words across the top or the bottom, and a round price tag in one corner of the other half."""
    changed, (width, height) = photo.copy(), photo.size
    draw = ImageDraw.Draw(changed)
    thickness, at_bottom = round(0.15 * height), bool(random.integers(2))
    top = height - thickness if at_bottom else 0
    draw.rectangle((0, top, width, top + thickness), fill=_colour(random))
    font = ImageFont.load_default(max(0.5 * thickness, 6))
    words = WORDS[int(random.integers(len(WORDS)))]
    draw.text((width / 2, top + thickness / 2), words, fill="white", font=font, anchor="mm")
    side = round(0.25 * min(width, height))
    left = 0 if random.integers(2) else width - side
    corner = (left, 0 if at_bottom else height - side)
    draw.ellipse((*corner, corner[0] + side, corner[1] + side), fill=_colour(random))
    price = f"{random.integers(10, 999)}K"
    middle = (corner[0] + side / 2, corner[1] + side / 2)
    draw.text(middle, price, fill="white", font=ImageFont.load_default(max(0.3 * side, 6)), anchor="mm")
    return changed


KINDS: dict[str, Callable[[Image.Image, np.random.Generator], Image.Image]] = {
    change.__name__: change for change in (resized, reencoded, bordered, cropped, overprinted)
}


def repost(data: bytes, kind: str, seed: int) -> bytes:
    """Return the JPEG file of a photo after one of the changes of KINDS."""
    with Image.open(io.BytesIO(data)) as photo:
        changed = KINDS[kind](photo.convert("RGB"), np.random.default_rng(seed))
    file = io.BytesIO()
    changed.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def plant(root: Path, folder: Path, share: float, seed: int) -> list[dict[str, str]]:
    """Copy a data set and repost a share of its listings, with every kind of change equally often.

    With a share above 1, some listings are reposted several times with different changes.

    Returns:
        The rows of `planted.csv`: image_path, original, kind.
    """
    shutil.copytree(root, folder, copy_function=shutil.copyfile)  # the originals may be read-only
    with (folder / "train.csv").open(newline="") as file:
        listings = list(csv.DictReader(file))
    random = np.random.default_rng(seed)
    whole, rest = divmod(round(share * len(listings)), len(listings))
    chosen = [*range(len(listings))] * whole + random.permutation(len(listings))[:rest].tolist()
    archives = {name: tarfile.open(folder / f"{name}.tar", "a") for name in ARCHIVES}  # noqa: SIM115, closed below
    readers = {name: tarfile.open(root / f"{name}.tar") for name in ARCHIVES}  # noqa: SIM115, closed below
    planted, added = [], []
    for number, at in enumerate(sorted(chosen)):
        original, kind = listings[at], list(KINDS)[number % len(KINDS)]
        path = original["image_path"].removesuffix(".jpg") + ".jpg"
        member = readers[path.split("/")[0]].extractfile(path)
        assert member is not None, path
        data = repost(member.read(), kind, seed + number)
        name = f"{path.split('/')[0]}/{hashlib.md5(data).hexdigest()}.jpg"
        header = tarfile.TarInfo(name)
        header.size = len(data)
        archives[path.split("/")[0]].addfile(header, io.BytesIO(data))
        planted.append({"image_path": name, "original": path, "kind": kind})
        added.append({**original, "itemid": str(10**9 + number), "image_path": name})
    for archive in (*archives.values(), *readers.values()):
        archive.close()
    _write(folder / "train.csv", [*listings, *added])
    _write(folder / "planted.csv", planted)
    _complete_sources(folder / "sources.csv", planted)
    return planted


def _complete_sources(path: Path, planted: list[dict[str, str]]) -> None:
    """Add a row for each repost to the table of sources, if there is one: a repost has the source of its original."""
    if not path.exists():
        return
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    known = {row["image_path"].removesuffix(".jpg"): row for row in rows}
    again = [{**known[row["original"].removesuffix(".jpg")], "image_path": row["image_path"]} for row in planted]
    _write(path, rows + again)


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _colour(random: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = (int(level) for level in random.integers(0, 256, 3))
    return red, green, blue


def main() -> None:
    """Add reposts and print their number."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--share", type=float, default=0.3)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    print(f"{len(plant(given.root, given.folder, given.share, given.seed))} reposts added")


if __name__ == "__main__":
    main()
