"""Photos on disk, as rows of a manifest, and the frozen part of a tiny backbone that reads them."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ndsc.config.schema import Config
from ndsc.features.views import Policy
from ndsc.model.backbone_cache import obtain_backbone
from ndsc.model.engines import choose_engine
from ndsc.model.weights import Weights
from ndsc.storage.photo_reader import PhotoReader
from ndsc.training.finetuning import Study
from tests.conftest import TINY

LABELS = ("dark", "light")


def write_photo(path: Path, number: int) -> None:
    """A photo that a linear head can tell apart: dark or light, with coarse noise."""
    random = np.random.default_rng(number)
    grey = 60 if number % 2 == 0 else 190
    coarse = random.uniform(grey - 50, grey + 50, (6, 8, 3)).astype(np.uint8)
    Image.fromarray(coarse).resize((80, 60), Image.Resampling.BICUBIC).save(path, quality=90)


def row(path: Path, number: int) -> dict[str, object]:
    data = path.read_bytes()
    return {
        "content": hashlib.blake2b(data, digest_size=16).hexdigest(),
        "image_path": path.name,
        "label": LABELS[number % 2],
        "archive": str(path),
        "offset": 0,
        "size": len(data),
        "format": "jpeg",
        "orientation": 1,
        "alpha": False,
        "animated": False,
    }


@pytest.fixture
def photos(tmp_path: Path) -> Callable[[int], pd.DataFrame]:
    """The first so many photos."""

    def make(count: int) -> pd.DataFrame:
        folder = tmp_path / "photos"
        folder.mkdir(exist_ok=True)
        for number in range(count):
            if not (folder / f"{number}.jpg").exists():
                write_photo(folder / f"{number}.jpg", number)
        return pd.DataFrame([row(folder / f"{number}.jpg", number) for number in range(count)])

    return make


@pytest.fixture(scope="session")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Exported networks, shared by all tests: an export takes seconds."""
    return tmp_path_factory.mktemp("networks")


@pytest.fixture
def study(configured: Callable[..., Config], tmp_path: Path, networks: Path) -> Callable[..., Study]:
    """A study of the tiny backbone with these overrides, its cache in the test's folder."""

    def make(*overrides: str, seed: int = 0) -> Study:
        config = configured(*TINY, f"cache.root={tmp_path / 'cache'}", "backbone.engine=openvino", *overrides)
        cache = Path(config.cache.root)
        cache.mkdir(exist_ok=True)
        if not (cache / "networks").exists():
            (cache / "networks").symlink_to(networks)
        backbone = obtain_backbone(replace(config, seed=seed), Weights("random", "random"))
        choice = choose_engine(config.backbone.engine, config.backbone.precision)
        return Study(config, backbone, choice, Policy(config.augmentation), PhotoReader(Path(config.cache.root)))

    return make
