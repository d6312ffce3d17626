import functools
import io
import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from ndsc.config.schema import HeadConfig
from ndsc.data.decoding import Unusable, read_pixels
from ndsc.errors import UserError
from ndsc.model.classifier import assemble_classifier, build_head
from ndsc.model.photo_classifier import PhotoClassifier
from tests.model.networks import tiny_backbone

CLASSES = ("beauty", "fashion", "mobile")


def encoded(width: int, height: int, kind: str = "JPEG", seed: int = 0) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, kind)
    return data.getvalue()


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Gives a saved classifier that resizes in this way, with the names of its classes beside it."""
    backbone = tiny_backbone()
    head = build_head(HeadConfig(None, 0.0), backbone.network.output_shape[-1], len(CLASSES), seed=0)

    @functools.cache
    def save(resize: str) -> Path:
        folder = tmp_path_factory.mktemp(resize)
        assemble_classifier(backbone, head, resize).save(folder / "classifier.keras")
        (folder / "classes.json").write_text(json.dumps(CLASSES))
        return folder / "classifier.keras"

    return save


@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
def test_photos_of_all_sizes_and_kinds_share_a_batch_with_the_results_of_the_whole_model(
    saved: Callable[[str], Path], resize: str
):
    path = saved(resize)
    photos = [encoded(40, 30), encoded(32, 32, "PNG"), encoded(20, 200, "WEBP"), encoded(300, 20, "BMP")]
    classifier = PhotoClassifier(path)
    prepared = [classifier.prepare(photo) for photo in photos]
    assert {(photo.shape, str(photo.dtype)) for photo in prepared} == {((32, 32, 3), "float32")}
    whole: keras.Model = keras.models.load_model(path)
    expected = np.concatenate([whole(read_pixels(photo)[None]) for photo in photos])
    assert len(np.unique(expected.round(3), axis=0)) == len(photos)
    np.testing.assert_allclose(classifier.probabilities(prepared), expected, atol=1e-6)


def test_more_photos_than_a_batch_are_classified_in_order(saved: Callable[[str], Path]):
    classifier = PhotoClassifier(saved("stretch"))
    prepared = [classifier.prepare(encoded(32, 32, seed=seed)) for seed in range(70)]
    found = classifier.probabilities(prepared)
    assert found.shape == (70, 3)
    np.testing.assert_allclose(
        found[[0, 40, 69]], classifier.probabilities([prepared[at] for at in (0, 40, 69)]), atol=1e-6
    )


def test_many_threads_prepare_the_same_bits(saved: Callable[[str], Path]):
    classifier = PhotoClassifier(saved("crop"))
    photos = [encoded(30 + seed, 50, seed=seed) for seed in range(40)]
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(classifier.prepare, photos))
    np.testing.assert_array_equal(together, [classifier.prepare(photo) for photo in photos])


def test_a_classifier_has_the_names_of_its_classes_and_its_size(saved: Callable[[str], Path]):
    classifier = PhotoClassifier(saved("stretch"))
    assert (classifier.classes, classifier.size) == (CLASSES, 32)


@pytest.mark.parametrize(
    ("data", "reason"), [(b"", "empty file"), (b"no photo", "not an image"), (encoded(99, 99)[:700], "damaged")]
)
def test_an_unreadable_photo_raises_its_reason(saved: Callable[[str], Path], data: bytes, reason: str):
    with pytest.raises(Unusable, match=reason):
        PhotoClassifier(saved("stretch")).prepare(data)


def test_a_file_that_is_no_classifier_is_an_error(tmp_path: Path):
    other, broken = tmp_path / "other.keras", tmp_path / "broken.keras"
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="only")]).save(other)
    broken.write_bytes(b"not a model")
    with pytest.raises(UserError, match=r"Received: .*other\.keras, whose layers are only"):
        PhotoClassifier(other)
    with pytest.raises(UserError, match=r"Received: .*broken\.keras, which Keras cannot load"):
        PhotoClassifier(broken)


def test_missing_class_names_or_a_wrong_number_of_them_is_an_error(saved: Callable[[str], Path], tmp_path: Path):
    path = Path(shutil.copy(saved("stretch"), tmp_path))
    path.with_name("classes.json").write_text('["one", "two"]')
    with pytest.raises(UserError, match=r"names of 3 classes .* Received: 2\."):
        PhotoClassifier(path)
    path.with_name("classes.json").unlink()
    with pytest.raises(UserError, match=r"names of the 3 classes .* Received: no .*classes\.json"):
        PhotoClassifier(path)
