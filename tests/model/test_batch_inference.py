import io
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from ndsc.config.schema import HeadConfig
from ndsc.data.prediction_files import find_prediction_inputs
from ndsc.model.batch_inference import BATCHES_AHEAD, classifier_engine, classify_photos, result_schema
from ndsc.model.classifier import assemble_classifier, build_head
from ndsc.model.engines import BATCH, Engine
from ndsc.model.photo_classifier import PhotoClassifier
from ndsc.storage.image_header import MAX_BYTES
from ndsc.storage.photo_reader import PhotoReader
from tests.model.networks import tiny_backbone

CLASSES = ("dark", "light")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    backbone = tiny_backbone()
    head = build_head(HeadConfig(None, 0.0), backbone.network.output_shape[-1], len(CLASSES), seed=0)
    assemble_classifier(backbone, head, "stretch").save(folder / "classifier.keras")
    (folder / "classes.json").write_text(json.dumps(CLASSES))
    return folder / "classifier.keras"


@pytest.fixture(scope="module")
def classifier(saved: Path) -> PhotoClassifier:
    return PhotoClassifier(saved)


@pytest.fixture(scope="module")
def engine(saved: Path, classifier: PhotoClassifier, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return classifier_engine(classifier, saved, "float32", tmp_path_factory.mktemp("cache"))


def encoded(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (20, 30 + seed, 3), np.uint8)
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "JPEG")
    return data.getvalue()


@pytest.fixture
def photos(tmp_path: Path) -> Callable[..., pa.Table]:
    """Lists a folder of so many photos, with these other files among them."""

    def make(count: int, **others: bytes) -> pa.Table:
        folder = tmp_path / "new"
        folder.mkdir()
        for number in range(count):
            (folder / f"{number:03}.jpg").write_bytes(encoded(number))
        for name, data in others.items():
            (folder / name).write_bytes(data)
        return find_prediction_inputs([str(folder)], tmp_path)

    return make


def test_every_photo_gets_the_probabilities_that_plain_keras_gives_it(
    photos: Callable[..., pa.Table], classifier: PhotoClassifier, engine: Engine, tmp_path: Path
):
    listed = photos(70)
    with PhotoReader(tmp_path) as reader:
        found = pa.Table.from_batches(classify_photos(listed, reader, classifier, engine)).to_pandas()
    expected = classifier.probabilities([classifier.prepare(encoded(number)) for number in range(70)])
    assert len(np.unique(expected, axis=0)) == 70
    np.testing.assert_allclose(found[["p_dark", "p_light"]].to_numpy(), expected, atol=1e-3)
    assert found["label"].tolist() == [CLASSES[best] for best in expected.argmax(axis=1)]
    assert found["path"].tolist() == listed["path"].to_pylist()
    assert not found["reason"].any()


def test_unreadable_files_have_only_a_reason_and_do_not_change_other_rows(
    photos: Callable[..., pa.Table], classifier: PhotoClassifier, engine: Engine, tmp_path: Path
):
    listed = photos(3, **{"000b.jpg": b"", "001b.txt": b"no photo"})
    (tmp_path / "new" / "z.jpg").symlink_to("nowhere")
    with (tmp_path / "new" / "film.jpg").open("wb") as film:
        film.truncate(MAX_BYTES + 1)
    listed = find_prediction_inputs([str(tmp_path / "new")], tmp_path)
    (tmp_path / "new" / "002.jpg").unlink()
    with PhotoReader(tmp_path) as reader:
        (batch,) = classify_photos(listed, reader, classifier, engine)
    found = batch.to_pandas()
    assert found["path"].map(os.path.basename).tolist() == [
        "000.jpg",
        "000b.jpg",
        "001.jpg",
        "001b.txt",
        "002.jpg",
        "film.jpg",
        "z.jpg",
    ]
    reasons = found["reason"].tolist()
    assert reasons[:4] == ["", "empty file", "", "not an image"]
    assert reasons[4].startswith("the file cannot be opened")
    assert reasons[5:] == ["file over the limit", "not a regular file"]
    unreadable = found[found["reason"] != ""]
    assert unreadable[["label", "p_dark", "p_light"]].isna().all(axis=None)
    expected = classifier.probabilities([classifier.prepare(encoded(0)), classifier.prepare(encoded(1))])
    np.testing.assert_allclose(found.loc[[0, 2], ["p_dark", "p_light"]].to_numpy(), expected, atol=1e-3)


class CountingReader(PhotoReader):
    """Counts what has been read."""

    count = 0

    def read(self, archive: str, offset: int, size: int) -> bytes:
        self.count += 1
        return super().read(archive, offset, size)


class LazyEngine:
    """Takes one batch at a time, and labels every photo dark."""

    def run(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        for _ in batches:
            yield np.tile(np.array([1, 0], np.float32), (BATCH, 1))


def test_photos_are_read_a_few_batches_ahead_and_no_further(
    photos: Callable[..., pa.Table], classifier: PhotoClassifier, tmp_path: Path
):
    listed = pa.concat_tables([photos(BATCH)] * 20)
    with CountingReader(tmp_path) as reader:
        labelled = classify_photos(listed, reader, classifier, LazyEngine())
        for taken in range(1, 6):
            assert next(labelled).num_rows == BATCH
            assert reader.count <= (taken + BATCHES_AHEAD + 1) * BATCH
        assert sum(batch.num_rows for batch in labelled) == 15 * BATCH
        assert reader.count == 20 * BATCH


def test_an_archive_without_photos_gives_a_table_of_reasons(
    photos: Callable[..., pa.Table], classifier: PhotoClassifier, tmp_path: Path
):
    listed = photos(0, **{f"{number}.txt": b"no photo" for number in range(BATCH + 1)})
    with PhotoReader(tmp_path) as reader:
        found = pa.Table.from_batches(classify_photos(listed, reader, classifier, LazyEngine()))
    assert found.schema.equals(result_schema(CLASSES))
    assert found["reason"].to_pylist() == ["not an image"] * (BATCH + 1)
    assert found["label"].null_count == BATCH + 1


def test_columns_of_classes_have_distinct_names():
    assert result_schema(("label", "path")).names == ["path", "label", "p_label", "p_path", "reason"]
