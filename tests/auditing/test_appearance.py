import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageFilter

from ndsc.auditing.appearance import BLURRED, decode_photo, examine_appearance, sharpness
from ndsc.auditing.issues import CERTAINLY_BLANK
from ndsc.sample import render_sample
from ndsc.storage.photo_reader import PhotoReader


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Return a good photo, dark and blurred versions of it, and a nearly blank photo."""
    sample = render_sample(tmp_path_factory.mktemp("sample"), photos_per_class=10)
    with tarfile.open(sample / "fashion_image.tar") as archive:
        members = (member for member in archive if member.isfile())
        with Image.open(archive.extractfile(next(members))) as opened:
            good = opened.convert("RGB")
    dot = Image.new("RGB", good.size, "white")
    dot.putpixel((30, 30), (0, 0, 0))
    made = {
        "good": good,
        "dark": good.point(lambda level: level // 8),
        "blurred": good.filter(ImageFilter.GaussianBlur(max(good.size) / 12)),
        "nearly blank": dot,
    }
    folder = tmp_path_factory.mktemp("photos")
    rows = []
    for name, image in made.items():
        image.save(folder / f"{name}.png")
        size = (folder / f"{name}.png").stat().st_size
        rows.append({"image_path": name, "archive": str(folder / f"{name}.png"), "offset": 0, "size": size})
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def scores(photos: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    with PhotoReader(tmp_path_factory.mktemp("cache")) as reader:
        return examine_appearance(photos, reader).set_index(photos["image_path"])


@pytest.mark.parametrize("issue", ["dark", "blurred", "nearly blank"])
def test_a_planted_fault_is_found(scores: pd.DataFrame, issue: str):
    assert 0 <= scores.loc[issue, issue] < 1


def test_the_original_photo_has_no_fault(scores: pd.DataFrame):
    assert scores.loc["good"].isna().all()


def test_each_photo_has_the_planted_fault_only(scores: pd.DataFrame):
    assert scores.loc["dark"].notna().tolist() == [True, False, False]
    assert pd.isna(scores.loc["blurred", "dark"])
    assert scores.loc["nearly blank", "nearly blank"] < CERTAINLY_BLANK


def test_sharpness_depends_on_the_edges_of_an_object_on_a_plain_background():
    slim = Image.new("L", (400, 400), 255)
    slim.paste(20, (190, 50, 210, 350))
    assert sharpness(slim) > 4 * BLURRED
    assert sharpness(slim.filter(ImageFilter.GaussianBlur(8))) < BLURRED / 2
    assert sharpness(slim.resize((100, 100))) > 4 * BLURRED  # a small photo is not blurred


def test_a_photo_is_decoded_upright_and_in_colour(tmp_path: Path):
    grey = Image.fromarray(np.tile(np.arange(200, dtype=np.uint8), (100, 1)))
    exif = Image.Exif()
    exif[0x0112] = 6
    grey.save(tmp_path / "turned.jpg", exif=exif)
    seen = decode_photo((tmp_path / "turned.jpg").read_bytes())
    assert (seen.mode, seen.size) == ("RGB", (100, 200))
