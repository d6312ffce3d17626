"""Layouts of data as people have them, by the real command line: training, and its repetition from moved data."""

import io
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from tests.conftest import TINY
from tests.storage.archives import add

SETTINGS = (
    *TINY,
    "backbone.engine=tensorflow",
    "augmentation=none",
    "training.epochs=1",
    "sampling.test.per_class=0",
    "sampling.test.pool=0",
    "tracking.figures=false",
    "tracking.model=none",
)


def photo(label: str, number: int) -> bytes:
    pixels = np.random.default_rng([len(label), number]).integers(0, 255, (40, 40, 3), dtype=np.uint8)
    pixels[..., label == "bags"] //= 4
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG")
    return buffer.getvalue()


def command(folder: Path, name: str, *overrides: str) -> str:
    locations = (f"cache.root={folder / 'cache'}", f"tracking.root={folder / 'mlruns'}", f"hydra.run.dir={folder}")
    line = [sys.executable, "-m", f"ndsc.{name}", *overrides, *locations]
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stderr


def trained(folder: Path, *data: str) -> tuple[str, pd.DataFrame, str]:
    """Train, and return the id of the run, its manifest and its output."""
    output = command(folder, "train", *SETTINGS, *data)
    (run,) = re.findall(r"MLflow run ([0-9a-f]{32})", output)
    (manifest,) = (folder / "mlruns").rglob("manifest.parquet")
    return run, pd.read_parquet(manifest), output


def test_a_split_of_folders_in_an_archive_is_trained_on_and_repeated_after_a_move(tmp_path: Path):
    name = "photos.tar.gz"
    members = {
        f"photos/{side}/{label}/{number}.jpg": photo(label, start + number)
        for side, count, start in (("train", 6, 0), ("val", 3, 100))
        for label in ("bags", "hats")
        for number in range(count)
    }
    with tarfile.open(tmp_path / name, "w:gz") as archive:
        for path, data in members.items():
            add(archive, path, data)
        add(archive, "__MACOSX/photos/train/bags/._0.jpg", b"\0\5\x16\7")
    run, manifest, output = trained(tmp_path, "data=folder", f"data.root={tmp_path / name}")
    assert "are taken as the split" in output
    assert len(manifest) == len(members)
    assert {f"{row.split} {row.label}" for row in manifest.itertuples()} == {
        f"{side} {label}" for side in ("train", "validation") for label in ("bags", "hats")
    }
    assert all(("/train/" in row.image_path) == (row.split == "train") for row in manifest.itertuples())
    moved = tmp_path / "moved"
    moved.mkdir()
    (tmp_path / name).rename(moved / name)
    assert "identical" in command(tmp_path, "reproduce", f"run={run}", f"data.root={moved / name}")
