"""What the tests of the benchmarks share: a few photos, and settings that make everything tiny."""

from pathlib import Path

import pytest

from ndsc.sample import render_sample
from tests.conftest import TINY

# What takes seconds and is tested elsewhere is left out.
QUICK = (*TINY, "backbone.engine=tensorflow", "tracking.figures=false", "tracking.model=none", "training.epochs=1")
# Each layer of the policy costs a second to trace in every pipeline.
FEW_VIEWS = ("augmentation.views=2", "~augmentation.layers.rotate", "~augmentation.layers.shift")


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty rendered photos a class, in NDSC's layout."""
    return render_sample(tmp_path_factory.mktemp("photos"), photos_per_class=20)


@pytest.fixture
def tiny(photos: Path, tmp_path: Path) -> list[str]:
    """Overrides for the baseline on these photos, with a cache of the test's own."""
    places = [f"data.root={photos}", f"cache.root={tmp_path / 'cache'}"]
    no_test = ["sampling.test.per_class=0", "sampling.test.pool=0", "sampling.per_class=12"]
    return ["+experiment=baseline", "data=ndsc", *places, *no_test, *QUICK, *FEW_VIEWS]
