import multiprocessing
import shutil
from collections.abc import Iterator
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import NoReturn

import keras
import numpy as np
import pytest

from ndsc.caching.openvino_cache import Network, cached_network
from ndsc.model.backbone import weights_digest
from ndsc.model.engines import BATCH, EngineSpec, build_engine, choose_engine
from ndsc.model.freeze_line import Cut
from ndsc.model.quantization import CALIBRATION_PHOTOS, choose_calibration_photos, quantized

PHOTOS = 40
CONTENTS, OTHER_CONTENTS = ([f"{who}{number:031x}" for number in range(PHOTOS)] for who in "ab")


def small_cut(seed: int = 0, line: str = "pooled") -> Cut:
    """Three convolutions, exported and quantized in a second, as the frozen part of a backbone."""
    keras.utils.set_random_seed(seed)
    layers = [keras.layers.Rescaling(1 / 127.5, offset=-1)]
    for channels in (8, 16, 32):
        layers += [keras.layers.Conv2D(channels, 3, strides=2), keras.layers.ReLU()]
    pooling = [keras.layers.GlobalAveragePooling2D()] if line == "pooled" else []
    frozen = keras.Sequential([keras.Input((32, 32, 3)), *layers, *pooling])
    return Cut(line, {"backbone": "small", "line": line}, keras.Model(frozen.inputs[0], frozen.outputs[0]), None)


def pixels(seed: int, count: int = PHOTOS) -> np.ndarray:
    """Squares of random colours: (count, 32, 32, 3)."""
    blotches = np.random.default_rng(seed).uniform(0, 255, (count, 8, 8, 3)).astype(np.float32)
    return blotches.repeat(4, axis=1).repeat(4, axis=2)


def quantize(part: Cut, cache: Path, seed: int = 0) -> Network:
    batches = np.array_split(pixels(seed), 5)
    return quantized(part, weights_digest(part.frozen), cache, CONTENTS, lambda: batches)


def features(part: Cut, cache: Path, network: Network, photos: np.ndarray) -> np.ndarray:
    engine = build_engine(
        part, weights_digest(part.frozen), EngineSpec("openvino", "int8", "for the test"), cache, network
    )
    return np.concatenate(list(engine.run([photos])))


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Cut, Path]:
    """A frozen part and a cache with its exported and its quantized network: an export takes seconds."""
    part, cache = small_cut(), tmp_path_factory.mktemp("cache")
    quantize(part, cache)
    return part, cache


@pytest.fixture
def part(made_once: tuple[Cut, Path]) -> Cut:
    return made_once[0]


@pytest.fixture
def cache(made_once: tuple[Cut, Path], tmp_path: Path) -> Path:
    """A copy of that cache."""
    return Path(shutil.copytree(made_once[1], tmp_path / "cache"))


def test_quantized_features_are_close_to_those_of_keras_but_not_equal(part: Cut, cache: Path):
    photos = pixels(seed=1, count=BATCH)
    found = features(part, cache, quantize(part, cache), photos)
    expected = np.asarray(part.frozen(photos, training=False))
    cosines = (found * expected).sum(axis=1) / np.linalg.norm(found, axis=1) / np.linalg.norm(expected, axis=1)
    assert found.shape == expected.shape
    assert cosines.min() > 0.99
    # Rounding in float32 changes a thousand times less.
    assert cosines.min() < 0.99999


def test_a_quantized_feature_does_not_depend_on_its_neighbours_or_its_position(part: Cut, cache: Path):
    photos = pixels(seed=1, count=BATCH)
    network = quantize(part, cache)
    alone = np.zeros_like(photos)
    alone[7] = photos[3]
    together, single = (features(part, cache, network, batch) for batch in (photos, alone))
    np.testing.assert_array_equal(single[7], together[3])


def test_calibration_photos_have_the_lowest_hashes_whatever_their_order():
    contents = np.random.default_rng(0).integers(0, 256, (1000, 16), dtype=np.uint8)
    expected = sorted(content.tobytes() for content in contents)[:CALIBRATION_PHOTOS]
    for order in (np.arange(1000), np.arange(1000)[::-1], np.repeat(np.arange(1000), 2)):
        shown = contents[order]
        assert [content.tobytes() for content in shown[choose_calibration_photos(shown)]] == expected


def test_the_digest_depends_on_the_calibration_photos_only(part: Cut, cache: Path):
    first = quantize(part, cache)
    shutil.rmtree(first.folder)
    assert quantize(part, cache) == first
    shutil.rmtree(first.folder)
    assert quantize(part, cache, seed=1).digest != first.digest


def refuse() -> NoReturn:
    pytest.fail("photos were read though the network is cached")


def test_a_cached_network_is_reused_and_names_its_calibration_photos(part: Cut, cache: Path):
    first = quantize(part, cache)
    for contents in (CONTENTS, OTHER_CONTENTS):
        found = quantized(part, weights_digest(part.frozen), cache, contents, refuse)
        assert found == first
        assert found.notes["contents"] == CONTENTS


def test_other_lines_and_fewer_photos_have_their_own_networks(part: Cut, cache: Path):
    first, lower = quantize(part, cache), quantize(small_cut(line="maps"), cache)
    fewer = quantized(part, weights_digest(part.frozen), cache, CONTENTS[:8], lambda: [pixels(0, count=8)])
    assert len({first.folder, lower.folder, fewer.folder}) == 3


@pytest.mark.parametrize("name", ["network.bin", "network.xml", "network.json"])
def test_an_incomplete_network_is_made_again(part: Cut, cache: Path, name: str):
    first = quantize(part, cache)
    file = first.folder / name
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    assert quantize(part, cache) == first
    assert file.read_bytes() == whole


def test_a_failed_quantization_leaves_no_files(part: Cut, cache: Path):
    shutil.rmtree(quantize(part, cache).folder)
    before = list((cache / "networks").iterdir())

    def broken() -> Iterator[np.ndarray]:
        yield pixels(0, count=8)
        raise OSError("the disk of the photos is gone")

    with pytest.raises(OSError, match="photos is gone"):
        quantized(part, weights_digest(part.frozen), cache, CONTENTS, broken)
    assert list((cache / "networks").iterdir()) == before


def make_one_of_its_own(number: int, cache: Path, together: Barrier) -> Network:
    """Make a network that another process makes, too, with different files."""

    def make(path: Path) -> None:
        path.write_text(f"made by {number}")
        path.with_suffix(".bin").write_bytes(bytes([number]))
        together.wait(timeout=100)

    return cached_network({"backbone": "small"}, cache, make)


def report_one_of_its_own(cache: Path, together: Barrier, found: Connection) -> None:
    found.send(make_one_of_its_own(1, cache, together))


def test_processes_that_make_a_network_at_once_use_the_same_one(tmp_path: Path):
    context = multiprocessing.get_context("spawn")
    together, (mine, theirs) = context.Barrier(2), context.Pipe()
    maker = context.Process(target=report_one_of_its_own, args=(tmp_path, together, theirs))
    maker.start()
    network = make_one_of_its_own(0, tmp_path, together)
    assert mine.recv() == network
    maker.join()
    assert [path.name for path in (tmp_path / "networks").iterdir()] == [network.folder.name]


def test_auto_never_chooses_int8_and_runs_it_in_openvino():
    assert choose_engine("auto", "auto").precision != "int8"
    asked = choose_engine("auto", "int8")
    assert (asked.engine, asked.precision) == ("openvino", "int8")
