import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from ndsc.config.schema import CONFIG_FOLDER, Config
from ndsc.errors import UserError
from ndsc.model.backbone import build_backbone, weights_digest
from ndsc.model.engines import BATCH, Engine, EngineSpec, build_engine, choose_engine
from ndsc.model.freeze_line import Cut, cut
from ndsc.model.weights import Weights
from tests.conftest import TINY

ENGINES = ("openvino", "tensorflow")


@pytest.fixture
def parts(configured: Callable[..., Config]) -> Callable[..., Cut]:
    backbone = build_backbone(configured(*TINY).backbone, Weights("random", "random"), seed=0)
    return lambda freeze, float32="none": cut(backbone, freeze, float32)


def engine(name: str, parts: Cut, cache: Path, precision: str = "float32") -> Engine:
    return build_engine(parts, weights_digest(parts.frozen), EngineSpec(name, precision, "for the test"), cache)


def batch(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 255, (BATCH, 32, 32, 3)).astype(np.float32)


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("freeze", ["all", "none", "before:conv_pw_6"])
def test_an_engine_gives_the_features_of_keras(parts: Callable[..., Cut], tmp_path: Path, name: str, freeze: str):
    frozen = parts(freeze)
    (features,) = engine(name, frozen, tmp_path).run([batch()])
    expected = np.asarray(frozen.frozen(batch(), training=False))
    assert features.shape == expected.shape
    np.testing.assert_allclose(features, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("name", ENGINES)
def test_features_come_in_the_order_of_the_batches(parts: Callable[..., Cut], tmp_path: Path, name: str):
    running = engine(name, parts("all"), tmp_path)
    together = list(running.run(batch(seed) for seed in range(5)))
    for seed in range(5):
        (alone,) = running.run([batch(seed)])
        np.testing.assert_array_equal(together[seed], alone)


def test_inner_tensors_that_an_export_adds_as_outputs_are_ignored(tmp_path: Path):
    photo = keras.Input((32, 32, 3))
    signal = keras.layers.Conv2D(4, 3, activation="silu")(photo)
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(8, 3, activation="silu")(signal))
    frozen = keras.Model(photo, pooled)
    (features,) = engine("openvino", Cut("all", {"part": "silu"}, frozen, None), tmp_path).run([batch()])
    np.testing.assert_allclose(features, np.asarray(frozen(batch(), training=False)), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", sorted(path.stem for path in (CONFIG_FOLDER / "backbone").glob("*.yaml")))
def test_every_configured_backbone_gives_the_features_of_keras_by_the_engine_auto(
    configured: Callable[..., Config], tmp_path: Path, name: str
):
    config = configured(f"backbone={name}", "backbone.image_size=72").backbone
    # With weights as Keras draws them: with adapted batch normalization, small differences grow from layer to layer.
    parts = cut(build_backbone(config, None, seed=0), "all", config.float32_until)
    photos = np.random.default_rng(0).uniform(0, 255, (BATCH, 72, 72, 3)).astype(np.float32)
    choice = choose_engine("auto", "float32")
    (features,) = build_engine(parts, weights_digest(parts.frozen), choice, tmp_path).run([photos])
    expected = np.asarray(parts.frozen(photos, training=False))
    np.testing.assert_allclose(features, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())


@pytest.mark.parametrize("freeze", ["none", "before:conv_pw_6"])
def test_the_stem_gives_the_bits_of_float32_at_bfloat16(parts: Callable[..., Cut], tmp_path: Path, freeze: str):
    until = "none" if freeze == "none" else "before:conv_pw_6"
    (rounded,) = engine("openvino", parts(freeze, until), tmp_path, "bfloat16").run([batch()])
    (expected,) = engine("openvino", parts(freeze), tmp_path).run([batch()])
    np.testing.assert_array_equal(rounded, expected)


def test_the_rest_receives_the_float32_outputs_of_the_stem_in_order(parts: Callable[..., Cut], tmp_path: Path):
    both = parts("all", "before:conv_pw_6")
    batches = [batch(seed) for seed in range(5)]
    found = list(engine("openvino", both, tmp_path, "bfloat16").run(iter(batches)))
    first = engine("openvino", parts("before:conv_pw_6"), tmp_path)
    for given, features in zip(batches, found, strict=True):
        (crossing,) = first.run([given])
        rest = Cut("rest", {"part": "rest"}, both.stem.rest, None)
        (expected,) = engine("openvino", rest, tmp_path, "bfloat16").run([crossing])
        np.testing.assert_array_equal(features, expected)


def test_a_feature_does_not_depend_on_its_neighbours_or_its_position(parts: Callable[..., Cut], tmp_path: Path):
    running = engine("openvino", parts("all"), tmp_path)
    photos = batch()
    alone = np.zeros_like(photos)
    alone[7] = photos[3]
    (together,), (single,) = running.run([photos]), running.run([alone])
    np.testing.assert_array_equal(single[7], together[3])


def test_features_are_the_same_bits_when_the_network_is_compiled_again_on_one_thread(
    parts: Callable[..., Cut], tmp_path: Path
):
    (expected,) = engine("openvino", parts("all"), tmp_path).run([batch()])
    (network,) = (tmp_path / "networks").glob("*/network.xml")
    script = (
        "import sys, numpy, openvino; core = openvino.Core(); network = core.read_model(sys.argv[1]);"
        f"network.reshape([{BATCH}, 32, 32, 3]);"
        "compiled = core.compile_model(network, 'CPU', {'INFERENCE_NUM_THREADS': 1, 'INFERENCE_PRECISION_HINT': "
        "'f32'});"
        "numpy.save(sys.argv[3], compiled([numpy.load(sys.argv[2])])[0])"
    )
    np.save(tmp_path / "photos.npy", batch())
    subprocess.run(
        [sys.executable, "-c", script, str(network), str(tmp_path / "photos.npy"), str(tmp_path / "features.npy")],
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    np.testing.assert_array_equal(np.load(tmp_path / "features.npy"), expected)


CTRL_C_AFTER_TWO_ENGINES = """
import gc, pathlib, signal, sys
from ndsc.model.engines import EngineSpec, OpenVINOEngine
from ndsc.caching.openvino_cache import Network
network = Network(pathlib.Path(sys.argv[1]), "", {})
first, second = (OpenVINOEngine(network, (32, 32, 3), EngineSpec("openvino", "float32", "")) for _ in range(2))
del first
gc.collect()
del second
gc.collect()
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_ctrl_c_works_after_engines_are_deleted(parts: Callable[..., Cut], tmp_path: Path):
    engine("openvino", parts("before:conv_pw_6"), tmp_path)
    (network,) = (tmp_path / "networks").iterdir()
    done = subprocess.run([sys.executable, "-c", CTRL_C_AFTER_TWO_ENGINES, str(network)], stdout=subprocess.PIPE)
    assert (done.returncode, done.stdout) == (0, b"interrupted\n")


def test_a_network_is_exported_once(parts: Callable[..., Cut], tmp_path: Path):
    engine("openvino", parts("all"), tmp_path)
    (exported,) = (tmp_path / "networks").glob("*/network.xml")
    before = exported.stat().st_mtime_ns
    engine("openvino", parts("all"), tmp_path)
    assert exported.stat().st_mtime_ns == before
    assert [path.name for path in (tmp_path / "networks").iterdir()] == [exported.parent.name]


def test_other_lines_and_weights_have_other_digests(configured: Callable[..., Config]):
    digests = set()
    for seed in (0, 1):
        backbone = build_backbone(configured(*TINY).backbone, Weights("random", "random"), seed)
        for freeze in ("all", "before:conv_pw_6"):
            digests.add(weights_digest(cut(backbone, freeze).frozen))
    assert len(digests) == 4


def test_auto_gives_a_reason_for_its_choice():
    choice = choose_engine("auto", "auto")
    assert choice.engine in ENGINES
    assert choice.precision in ("float32", "bfloat16", "mixed_float16")
    assert choice.reason


def test_an_engine_that_is_not_installed_is_a_user_error(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="needs the package openvino"):
        choose_engine("openvino", "auto")
