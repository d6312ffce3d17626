import io
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

from ndsc.sample.photo import render_photo
from ndsc.sample.plan import Picture, plan_listings
from tests.sample.conftest import Sample

PICTURES = [listing.picture for listing in plan_listings(80, seed=0)]


def _opened(photo: bytes) -> Image.Image:
    return Image.open(io.BytesIO(photo))


def _shrunk(photos: Sequence[bytes], side: int) -> NDArray[np.float64]:
    """Return photos as rows of side × side × 3 values from 0 to 1."""
    small = [_opened(photo).resize((side, side), Image.Resampling.BOX) for photo in photos]
    return np.stack([np.asarray(image, dtype=float).ravel() / 255 for image in small])


def test_a_photo_depends_on_its_seed_and_number_only() -> None:
    first, second = PICTURES[3], PICTURES[4]
    alone = render_photo(second, seed=0)
    render_photo(first, seed=0)
    assert render_photo(second, seed=0) == alone
    assert render_photo(second, seed=1) != alone
    assert render_photo(first, seed=0) != alone


def test_photos_are_jpegs_of_many_sizes_shapes_and_qualities(sample: Sample) -> None:
    images = [_opened(photo) for photo in sample.photos.values()]
    sides = [side for image in images for side in image.size]
    shapes = {round(image.width / image.height, 1) for image in images}
    coarseness = {tuple(image.quantization[0]) for image in images}
    assert {(image.format, image.mode) for image in images} == {("JPEG", "RGB")}
    assert 200 <= min(sides) < 230
    assert 450 < max(sides) <= 640
    assert min(shapes) < 0.7 < 1.4 < max(shapes)
    assert len(coarseness) > 20


@pytest.mark.parametrize("difficulty", [0.0, 1.0])
@pytest.mark.parametrize(("label", "category"), sorted({(picture.label, picture.category) for picture in PICTURES}))
def test_every_category_can_be_rendered_at_its_easiest_and_hardest(
    label: str, category: str, difficulty: float
) -> None:
    picture = Picture(7, label, category, PICTURES[0].shop, difficulty)
    pixels = np.asarray(_opened(render_photo(picture, seed=0)), dtype=float)
    assert pixels.std() > 10


def test_an_easy_photo_shows_its_product_in_the_middle_and_nothing_at_the_edges() -> None:
    for number in range(5):
        picture = Picture(number, "mobile", "Iphone", PICTURES[0].shop, 0.0)
        image = _opened(render_photo(picture, seed=0)).resize((50, 50), Image.Resampling.BOX)
        steps = np.abs(np.diff(np.asarray(image, dtype=float), axis=0))
        assert steps[:, :4].max() < 15
        assert steps[10:40, 20:30].max() > 40


def test_harder_photos_have_more_detail() -> None:
    def detail(difficulty: float) -> float:
        pictures = [Picture(number, "beauty", "Lipstick", PICTURES[0].shop, difficulty) for number in range(12)]
        small = _shrunk([render_photo(picture, seed=0) for picture in pictures], 32).reshape(12, 32, 32, 3)
        return float(np.abs(np.diff(small, axis=1)).mean() + np.abs(np.diff(small, axis=2)).mean())

    assert detail(0.0) < 0.8 * detail(0.5)
    assert detail(0.0) < 0.8 * detail(0.95)


def test_neither_colours_nor_backgrounds_reveal_the_class(sample: Sample) -> None:
    """A linear model on the mean colour, or on the pixels of the four corners, stays near chance (a third)."""
    photos = list(sample.photos.values())
    labels = [name.split("_")[0] for name in sample.photos]
    small = _shrunk(photos, 8).reshape(len(photos), 8, 8, 3)
    model = LogisticRegression(max_iter=1000)
    for clue in (small.mean(axis=(1, 2)), small[:, ::7, ::7].reshape(len(photos), -1)):
        assert cross_val_score(model, clue, labels, cv=5).mean() < 0.55
