"""The notebook to measure against trains on a manifest's photos, with the recipe's settings."""

from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from experiments.benchmarks.command_line import configured
from experiments.benchmarks.plain_keras import recipe, run
from ndsc.config.schema import Config
from ndsc.data.catalogue import load_catalogue
from ndsc.data.manifest import build_manifest
from ndsc.data.photo_validation import validate_photos
from ndsc.data.sampling import draw
from ndsc.storage.photo_reader import PhotoReader


@pytest.fixture
def manifest(tiny, tmp_path: Path) -> Path:
    config: Config = configured(tiny)
    cache = Path(config.cache.root)
    catalogue = load_catalogue(config.data, cache)
    with PhotoReader(cache) as reader:
        photos = validate_photos(
            catalogue, draw(catalogue, config.sampling, config.split, 0), reader, cache, 0.0
        ).photos
    finished = build_manifest(
        photos, np.zeros((len(photos), 1)), photos["content"], config.split, config.sampling.test, 0
    )
    finished.manifest.save(tmp_path / "manifest.parquet")
    return tmp_path / "manifest.parquet"


def test_each_epoch_is_timed_and_all_photos_are_unpacked_by_side_and_class(tiny, manifest: Path, tmp_path: Path):
    folder = tmp_path / "unpacked"
    said = run(manifest, 2, tiny, folder)
    assert len(said["epochs"]) == 2
    assert 0 <= said["validation_accuracy"] <= 1
    sides = pd.read_parquet(manifest).groupby(["split", "label"]).size()
    for (split, label), count in sides.items():
        assert len(list((folder / split / label).glob("*.jpg"))) == count


def test_the_base_is_frozen_and_augmentation_precedes_it(tiny):
    model = recipe(configured(tiny), classes=3)
    assert len(model.trainable_weights) == 2
    kinds = [type(layer) for layer in model.layers]
    assert kinds.index(keras.layers.RandomFlip) < kinds.index(keras.layers.Dense)
