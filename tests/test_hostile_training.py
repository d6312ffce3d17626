"""A training on data with hostile files, by the real command line."""

import io
import os
import random
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from experiments.benchmarks.processes import MeasuredProcess, measured
from ndsc.sample import render_sample
from tests.conftest import TINY
from tests.hostile import HOSTILE, flipped

GOOD, BAD, ABSENT, DOUBTFUL = 3000, 2000, 40, 300
DOMAINS = ("beauty", "fashion", "mobile")


def good_photos(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Path and bytes of GOOD photos, equally many of each domain: from NDSC_ROOT if that is set, or from a rendered
    sample."""
    root = Path(os.environ["NDSC_ROOT"]) if "NDSC_ROOT" in os.environ else render_sample(folder, GOOD // 3)
    for domain in DOMAINS:
        with tarfile.open(root / f"{domain}_image.tar") as archive:
            members = [member for member in archive if member.isfile()][: GOOD // 3]
            for member in members:
                opened = archive.extractfile(member)
                assert opened is not None
                yield member.name, opened.read()


def write_root(root: Path, photos: dict[str, bytes | None]) -> None:
    """NDSC's layout with these photos by path; None: listed but absent."""
    root.mkdir()
    for domain in DOMAINS:
        with tarfile.open(root / f"{domain}_image.tar", "w") as archive:
            for path, data in photos.items():
                if data is not None and path.startswith(domain):
                    member = tarfile.TarInfo(path)
                    member.size = len(data)
                    archive.addfile(member, io.BytesIO(data))
    pd.DataFrame({"image_path": list(photos)}).to_csv(root / "train.csv", index=False)


def train(folder: Path, root: Path) -> MeasuredProcess:
    settings = ("data=ndsc", f"data.root={root}", "sampling=all", "sampling.max_rejected=0.6", "training.epochs=3")
    quick = ("augmentation=none", "backbone.engine=tensorflow", "tracking.model=none")
    locations = (f"tracking.root={folder / 'mlruns'}", f"cache.root={folder / 'cache'}", f"hydra.run.dir={folder}")
    return measured([sys.executable, "-m", "ndsc.train", *TINY, *settings, *quick, *locations])


@pytest.mark.soak
def test_a_training_rejects_two_thousand_hostile_files_among_three_thousand_photos(tmp_path: Path):
    dice = random.Random(0)
    good = dict(good_photos(tmp_path / "rendered"))
    kinds = list(HOSTILE)
    bad: dict[str, bytes | None] = {
        f"{DOMAINS[number % 3]}_image/bad{number}.jpg": HOSTILE[kinds[number % len(kinds)]](dice)
        for number in range(BAD - ABSENT)
    }
    bad |= {f"{DOMAINS[number % 3]}_image/absent{number}.jpg": None for number in range(ABSENT)}
    doubtful = {f"{DOMAINS[number % 3]}_image/doubtful{number}.jpg": flipped(dice) for number in range(DOUBTFUL)}
    photos = [*good.items(), *bad.items(), *doubtful.items()]
    dice.shuffle(photos)
    write_root(tmp_path / "root", dict(photos))
    finished = train(tmp_path, tmp_path / "root")
    (listed,) = (tmp_path / "mlruns").rglob("rejected.csv")
    rejected = pd.read_csv(listed)
    print(f"\n{finished.seconds:.0f} s, {finished.megabytes:.0f} MB anonymous; {len(HOSTILE)} kinds")
    print(rejected["reason"].value_counts().to_string())
    assert len(good) == GOOD
    assert set(bad) <= set(rejected["image_path"]) <= {*bad, *doubtful}
    assert rejected["reason"].str.len().gt(0).all()
    assert finished.megabytes <= 3000
