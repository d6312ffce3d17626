"""Photos on disk, as rows of a manifest, and the components of a run of a tiny backbone: fixtures for several rooms."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ndsc.config.schema import Config
from ndsc.experiment import Components, build_components
from ndsc.features.feature_extractor import FeatureExtractor
from ndsc.model.weights import Weights
from ndsc.process import Timer
from ndsc.storage.photo_reader import PhotoReader
from tests.conftest import TINY

LABELS = ("dark", "light")


def write_photo(path: Path, number: int) -> None:
    """Write a photo that a linear head can classify: dark or light, with coarse noise."""
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
    """Returns the first `count` photos."""

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


@dataclass
class Setup:
    """A configuration with the components that a run of it has."""

    config: Config
    components: Components

    def extractor(self, freeze: str = "all", calibration: pd.DataFrame | None = None) -> FeatureExtractor:
        """The feature extractor at a line; built once."""
        extractors = self.__dict__.setdefault("extractors", {})
        if freeze not in extractors:
            extractors[freeze] = self.components.features.at(freeze, calibration)
        return extractors[freeze]

    @property
    def counts(self) -> tuple[int, int]:
        """Hits and misses of the cache."""
        return self.components.features.stats.hits, self.components.features.stats.misses


@pytest.fixture
def setup(configured: Callable[..., Config], tmp_path: Path, networks: Path) -> Callable[..., Setup]:
    """Builds the components of a run of the tiny backbone with these overrides, its cache in the test's folder."""

    def make(*overrides: str, seed: int = 0) -> Setup:
        config = configured(*TINY, f"cache.root={tmp_path / 'cache'}", "backbone.engine=openvino", *overrides)
        config = replace(config, seed=seed) if seed else config
        cache = Path(config.cache.root)
        cache.mkdir(exist_ok=True)
        if not (cache / "networks").exists():
            (cache / "networks").symlink_to(networks)
        return Setup(config, build_components(config, Weights("random", "random"), PhotoReader(cache), Timer()))

    return make
