from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from ndsc.config.schema import Config
from ndsc.errors import UserError
from ndsc.model.backbone import Backbone, build_backbone, obtain_backbone, weights_digest
from ndsc.model.freeze_line import cut, find_lines
from ndsc.model.weights import Weights
from tests.conftest import TINY

RANDOM = Weights("random", "random")


def photos(size: int, count: int = 2) -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 255, (count, size, size, 3)).astype(np.float32)


@pytest.fixture
def tiny(configured: Callable[..., Config]) -> Callable[..., Backbone]:
    return lambda seed=0, weights=RANDOM, size=32: build_backbone(
        configured(*TINY, f"backbone.image_size={size}").backbone, weights, seed
    )


@pytest.fixture(scope="module")
def resnet50() -> Backbone:
    network = keras.applications.ResNet50(include_top=False, pooling="avg", weights=None, input_shape=(64, 64, 3))
    preprocess = keras.applications.resnet50.preprocess_input
    return Backbone(network, preprocess, "random", {"backbone": "resnet50"})


def test_grey_is_preprocessed_as_resnet50_was_trained(resnet50: Backbone):
    grey = np.full((1, 64, 64, 3), 128, np.float32)
    frozen = cut(resnet50, "none").frozen
    np.testing.assert_allclose(frozen(grey)[0, 0, 0], [24.06, 11.22, 4.32], atol=1e-2)


def test_resnet50_has_39_lines_above_its_input(resnet50: Backbone):
    lines = find_lines(resnet50.network)
    assert len(lines) == 1 + 39
    assert {"conv4_block6_out", "avg_pool"} <= lines.keys()
    assert "conv5_block1_2_relu" not in lines


@pytest.mark.parametrize("freeze", ["all", "none", "before:conv5_block1", "before:conv1_conv"])
def test_the_two_parts_of_a_cut_network_give_the_same_bits_as_the_whole(resnet50: Backbone, freeze: str):
    whole = resnet50.network(resnet50.preprocess(photos(64)), training=False)
    parts = cut(resnet50, freeze)
    crossing = parts.frozen(photos(64), training=False)
    pooled = crossing if parts.trainable is None else parts.trainable(crossing, training=False)
    np.testing.assert_array_equal(pooled, whole)


def test_the_last_stage_of_resnet50_starts_from_its_14_by_14_maps(resnet50: Backbone):
    assert cut(resnet50, "before:conv5_block1").line == "conv4_block6_out"


def test_the_stem_and_the_rest_give_the_same_bits_as_the_whole_frozen_part(resnet50: Backbone):
    parts = cut(resnet50, "before:conv5_block1", float32_until="before:conv2_block2")
    assert parts.stem is not None
    assert parts.stem.rest is not None
    assert (parts.stem.line, parts.line) == ("conv2_block1_out", "conv4_block6_out")
    crossing = parts.stem.rest(parts.stem.first(photos(64), training=False), training=False)
    np.testing.assert_array_equal(crossing, parts.frozen(photos(64), training=False))


@pytest.mark.parametrize(
    ("freeze", "float32"),
    [
        ("before:conv2_block2", "before:conv2_block2"),
        ("before:conv2_block1", "before:conv5_block1"),
        ("all", "all"),
        ("none", "none"),  # the photos themselves are not rounded
    ],
)
def test_a_frozen_part_that_ends_before_float32_until_is_all_stem(resnet50: Backbone, freeze: str, float32: str):
    parts = cut(resnet50, freeze, float32)
    assert parts.stem is not None
    assert parts.stem.rest is None
    assert parts.stem.line == parts.line
    np.testing.assert_array_equal(parts.stem.first(photos(64)), parts.frozen(photos(64)))


def test_there_is_no_stem_by_default(resnet50: Backbone):
    assert cut(resnet50, "all").stem is None


def test_an_error_in_float32_until_names_that_key(resnet50: Backbone):
    with pytest.raises(UserError, match=r"Received: backbone\.float32_until=before:conv5_block1_2_conv"):
        cut(resnet50, "all", "before:conv5_block1_2_conv")


@pytest.mark.parametrize(
    ("freeze", "complaint"),
    [
        ("before:conv5_block1_2_conv", "nearest are before:conv5_block1_1_conv"),
        ("before:nothing_like_it", "No layer of resnet50 begins with 'nothing_like_it'"),
        ("before:", "No layer"),
        ("conv5_block1", "must be all, none or before:"),
    ],
)
def test_an_error_in_freeze_names_the_nearest_lines(resnet50: Backbone, freeze: str, complaint: str):
    with pytest.raises(UserError, match=complaint) as refused:
        cut(resnet50, freeze)
    assert f"Received: backbone.freeze={freeze}" in str(refused.value)


def test_random_weights_come_from_the_seed(tiny: Callable[..., Backbone]):
    first, again, other = ({one.path: one.numpy() for one in tiny(seed).network.weights} for seed in (0, 0, 1))
    assert first.keys() == again.keys()
    for path, weight in first.items():
        # The statistics are sums over TensorFlow's threads, which need not agree to the last bit (experiments/LOG.md).
        tolerance = 1e-4 if "moving_" in path else 0
        np.testing.assert_allclose(again[path], weight, rtol=tolerance, err_msg=path)
    assert any(not np.array_equal(other[path], weight) for path, weight in first.items())


def test_weights_come_from_a_weights_file(tiny: Callable[..., Backbone], tmp_path: Path):
    other = tiny(seed=1)
    other.network.save_weights(tmp_path / "other.weights.h5")
    expected = weights_digest(other.network)
    loaded = tiny(seed=0, weights=Weights("file", "other", tmp_path / "other.weights.h5"))
    assert weights_digest(loaded.network) == expected


def test_weights_come_from_a_layer_of_a_keras_file_built_at_another_size(tiny: Callable[..., Backbone], tmp_path: Path):
    other = tiny(seed=1, size=64)
    expected = weights_digest(other.network)
    whole = keras.Sequential([keras.Input((64, 64, 3)), other.network, keras.layers.Dense(2)])
    whole.save(tmp_path / "whole.keras")
    loaded = tiny(seed=0, weights=Weights("file", "whole", tmp_path / "whole.keras"))
    assert weights_digest(loaded.network) == expected


@pytest.mark.parametrize("name", ["other.keras", "broken.keras", "broken.weights.h5"])
def test_a_file_without_matching_weights_is_a_user_error(tiny: Callable[..., Backbone], tmp_path: Path, name: str):
    path = tmp_path / name
    if name == "other.keras":
        keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save(path)
    else:
        path.write_bytes(b"not a model")
    with pytest.raises(UserError, match=str(path)):
        tiny(weights=Weights("file", name, path))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("backbone.build._target_=keras.applications.NoSuch", "must name functions of keras.applications"),
        ("backbone.preprocess=keras.applications.nosuch.preprocess_input", "must name functions of keras.applications"),
        ("+backbone.build.include_top=true", "backbone.build cannot be built at 32 pixels"),
        ("+backbone.build.alfa=0.5", "backbone.build cannot be built at 32 pixels"),
    ],
)
def test_a_network_that_keras_cannot_build_is_a_user_error(
    configured: Callable[..., Config], override: str, message: str
):
    with pytest.raises(UserError, match=message):
        build_backbone(configured(*TINY, override).backbone, RANDOM, 0)


def obtained(config: Config, weights: Weights = RANDOM) -> Backbone:
    trainable = config.backbone.freeze != "all" or config.training.finetune is not None
    return obtain_backbone(config.backbone, weights, config.seed, trainable)


def test_runs_with_the_same_frozen_backbone_share_it(configured: Callable[..., Config]):
    first = obtained(configured(*TINY))
    assert obtained(configured(*TINY, "optimizer.learning_rate=0.1", "backbone.resize=pad")) is first
    assert obtained(configured(*TINY, "seed=1")) is not first


def test_a_backbone_that_is_trained_is_never_shared(
    configured: Callable[..., Config], tiny: Callable[..., Backbone], tmp_path: Path
):
    tiny().network.save_weights(tmp_path / "first.weights.h5")
    file = Weights("file", "first", tmp_path / "first.weights.h5")
    tuned = configured(*TINY, "training=finetune", "training.finetune.freeze=before:conv_pw_13")
    before = obtained(configured(*TINY), file)
    own = obtained(tuned, file)
    assert own is not before
    own.network.set_weights([weight + 1 for weight in own.network.get_weights()])
    assert weights_digest(obtained(configured(*TINY), file).network) == weights_digest(before.network)
    assert weights_digest(obtained(tuned, file).network) == weights_digest(before.network)
    assert obtained(configured(*TINY, "backbone.freeze=before:conv_pw_13"), file) is not before


def test_a_cached_backbone_gives_the_same_bits_and_leaves_the_same_random_state(configured: Callable[..., Config]):
    photos = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    outputs, drawn = [], []
    for _ in range(2):
        backbone = obtained(configured(*TINY))
        drawn.append(keras.random.normal((3,)))
        outputs.append(keras.ops.convert_to_numpy(cut(backbone, "all").frozen(photos, training=False)))
    np.testing.assert_array_equal(*outputs)
    np.testing.assert_array_equal(*drawn)
