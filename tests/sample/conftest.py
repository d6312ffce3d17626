"""A small sample that several tests share."""

import csv
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from ndsc.sample import render_sample

LABELS = ["beauty", "fashion", "mobile"]


@dataclass(frozen=True)
class Sample:
    """A rendered sample, read with the standard library."""

    folder: Path
    listings: list[dict[str, str]]
    sources: list[dict[str, str]]
    tests: list[dict[str, str]]
    photos: dict[str, bytes]


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """Return a sample with 40 listings a class: the smallest with twelve categories."""
    folder = render_sample(tmp_path_factory.mktemp("samples"), photos_per_class=40, seed=5)
    tables = [_rows(folder / f"{name}.csv") for name in ("train", "sources", "test_photos")]
    return Sample(folder, *tables, photos={name: photo for label in LABELS for name, photo in _members(folder, label)})


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _members(folder: Path, label: str) -> list[tuple[str, bytes]]:
    with tarfile.open(folder / f"{label}_image.tar") as archive:
        files = [(member.name, archive.extractfile(member)) for member in archive]
        return [(name, file.read()) for name, file in files if file is not None]
