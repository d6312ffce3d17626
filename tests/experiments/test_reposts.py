"""What is planted is what is said to be planted."""

import csv
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from experiments.benchmarks.reposts import KINDS, plant, repost
from ndsc.config.schema import DataConfig
from ndsc.data.catalogue import load_catalogue


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        ("reencoded", (400, 300)),
        ("bordered", (464, 348)),
        ("cropped", (352, 264)),
        ("overprinted", (400, 300)),
    ],
)
def test_a_repost_is_changed_according_to_its_kind(kind: str, size: tuple[int, int]):
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)).save(file, "PNG")
    changed = repost(file.getvalue(), kind, 0)
    assert Image.open(io.BytesIO(changed)).size == size
    assert repost(file.getvalue(), kind, 0) == changed


@pytest.mark.parametrize("share", [0.3, 1.25])
def test_the_planted_data_set_holds_the_old_photos_and_the_new_ones(photos: Path, tmp_path: Path, share: float):
    planted = plant(photos, tmp_path / "new", share, seed=0)
    before, after = (
        load_catalogue(DataConfig("ndsc", str(root), "domain", None, None, "", ""), tmp_path / "cache")
        for root in (photos, tmp_path / "new")
    )
    assert len(planted) == round(share * before.rows.num_rows)
    assert after.rows.num_rows == before.rows.num_rows + len(planted)
    assert after.facts["absent"] == before.facts["absent"]
    counts = [sum(row["kind"] == kind for row in planted) for kind in KINDS]
    assert max(counts) - min(counts) <= 1
    assert len({(row["original"], row["kind"]) for row in planted}) == len(planted)
    label = dict(zip(*(after.rows.column(name).to_pylist() for name in ("image_path", "label")), strict=True))
    assert all(label[row["image_path"]] == row["original"].split("_")[0] for row in planted)


def test_the_original_data_set_stays_as_it_is(photos: Path, tmp_path: Path):
    before = {path: path.read_bytes() for path in photos.iterdir()}
    plant(photos, tmp_path / "new", 0.3, seed=0)
    assert {path: path.read_bytes() for path in photos.iterdir()} == before
    with (tmp_path / "new" / "planted.csv").open() as file, tarfile.open(tmp_path / "new" / "beauty_image.tar") as tar:
        names = {row["image_path"] for row in csv.DictReader(file)}
        assert {name for name in names if name.startswith("beauty")} <= set(tar.getnames())
