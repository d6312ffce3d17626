import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from ndsc.config.schema import HeadConfig
from ndsc.data.decoding import resizer
from ndsc.model.backbone import Backbone, weights_digest
from ndsc.model.classifier import assemble_classifier, build_head, build_trainable
from ndsc.model.freeze_line import cut
from tests.model.networks import tiny_backbone


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    """For tests that do not train it."""
    return tiny_backbone()


def head_of(backbone: Backbone, **settings: object) -> keras.Sequential:
    config = HeadConfig(**{"units": None, "dropout": 0.0, **settings})
    return build_head(config, backbone.network.output_shape[-1], classes=3, seed=0)


def photo(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 255, (1, height, width, 3)).astype(np.float32)


@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
@pytest.mark.parametrize(("height", "width"), [(32, 32), (31, 33), (1, 20), (200, 50), (64, 480)])
def test_the_classifier_applies_resizing_preprocessing_network_and_head_in_this_order(
    backbone: Backbone, resize: str, height: int, width: int
):
    head = head_of(backbone)
    given = photo(height, width)
    resized = np.asarray(resizer(32, resize)(given))
    preprocessed = keras.applications.mobilenet.preprocess_input(resized.copy())
    expected = head(backbone.network(preprocessed, training=False), training=False)
    found = assemble_classifier(backbone, head, resize)(given)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_three_ways_to_resize_differ_for_a_photo_that_is_not_square(backbone: Backbone):
    head = head_of(backbone)
    found = [
        np.asarray(assemble_classifier(backbone, head, resize)(photo(50, 200))) for resize in ("stretch", "crop", "pad")
    ]
    assert len({probabilities.tobytes() for probabilities in found}) == 3


def test_a_saved_classifier_gives_the_same_bits_in_a_process_without_this_package(backbone: Backbone, tmp_path: Path):
    classifier = assemble_classifier(backbone, head_of(backbone, units=8, dropout=0.5), "pad")
    classifier.save(tmp_path / "classifier.keras")
    np.save(tmp_path / "photo.npy", photo(60, 90))
    script = (
        "import importlib.util, keras, numpy; assert importlib.util.find_spec('ndsc') is None;"
        "classifier = keras.models.load_model('classifier.keras');"
        "numpy.save('found.npy', classifier(numpy.load('photo.npy')))"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(np.load(tmp_path / "found.npy"), classifier(photo(60, 90)))


@pytest.mark.parametrize(
    ("settings", "names", "weights"),
    [
        ({}, ["probabilities"], 256 * 3 + 3),
        ({"units": 8}, ["hidden", "probabilities"], 256 * 8 + 8 + 8 * 3 + 3),
        ({"units": 8, "dropout": 0.5}, ["hidden", "dropout", "probabilities"], 256 * 8 + 8 + 8 * 3 + 3),
    ],
)
def test_a_head_has_the_configured_layers(
    backbone: Backbone, settings: dict[str, object], names: list[str], weights: int
):
    head = head_of(backbone, **settings)
    assert [layer.name for layer in head.layers] == names
    assert head.count_params() == weights
    assert head.output_shape == (None, 3)


def test_the_seed_decides_the_weights_and_the_dropout_of_a_head():
    config = HeadConfig(units=8, dropout=0.5)
    features = np.ones((4, 16), np.float32)
    first, again, other = (build_head(config, 16, 3, seed)(features, training=True).numpy() for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_dropout_is_active_in_training_only():
    head = build_head(HeadConfig(units=None, dropout=0.5), 16, 3, seed=0)
    features = np.ones((4, 16), np.float32)
    np.testing.assert_array_equal(head(features, training=False), head(features, training=False))
    assert not np.array_equal(head(features, training=True), head(features, training=False))


def test_probabilities_are_float32_whatever_the_policy_is():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        head = build_head(HeadConfig(units=8, dropout=0.0), 16, 3, seed=0)
    finally:
        keras.config.set_dtype_policy("float32")
    assert head(np.ones((1, 16))).dtype == "float32"
    assert head.layers[0].compute_dtype == "bfloat16"


def statistics(model: keras.Model) -> list[np.ndarray]:
    """Moving means and variances of batch normalization."""
    return [weight.numpy() for weight in model.weights if "moving_" in weight.path]


def train_one_step(trainable: keras.Model) -> None:
    crossing = np.random.default_rng(0).normal(size=(8, *trainable.input_shape[1:])).astype(np.float32)
    trainable.compile("adam", "sparse_categorical_crossentropy", jit_compile=False)  # whose compilation takes seconds
    trainable.fit(crossing, np.arange(8) % 3, epochs=1, batch_size=8, verbose=0)


@pytest.mark.parametrize("batch_norm", ["inference", "training"])
def test_training_changes_weights_above_the_line_and_none_below_it(batch_norm: str):
    backbone = tiny_backbone()
    parts = cut(backbone, "before:conv_pw_12")
    assert parts.trainable is not None
    assert statistics(parts.frozen)
    below, above, normalized = weights_digest(parts.frozen), parts.trainable.get_weights(), statistics(parts.trainable)
    train_one_step(build_trainable(parts, head_of(backbone), batch_norm, "float32"))
    assert weights_digest(parts.frozen) == below
    for weight, before in zip(parts.trainable.trainable_weights, _trainable(parts.trainable, above), strict=True):
        assert not np.array_equal(weight.numpy(), before), weight.path
    same = [np.array_equal(*pair) for pair in zip(statistics(parts.trainable), normalized, strict=True)]
    assert same == [batch_norm == "inference"] * len(normalized)


def _trainable(model: keras.Model, values: list[np.ndarray]) -> list[np.ndarray]:
    """Those of a model's values that belong to its trainable weights."""
    by_id = {id(weight): value for weight, value in zip(model.weights, values, strict=True)}
    return [by_id[id(weight)] for weight in model.trainable_weights]


def test_at_the_last_line_only_the_head_is_trained(backbone: Backbone):
    head, before = head_of(backbone), weights_digest(backbone.network)
    untrained = weights_digest(head)
    trainable = build_trainable(cut(backbone, "all"), head, "training", "float32")
    train_one_step(trainable)
    assert weights_digest(backbone.network) == before
    assert weights_digest(head) != untrained
    assert trainable.count_params() == head.count_params()


def test_the_assembled_classifier_has_the_weights_trained_above_the_line():
    backbone = tiny_backbone()
    head = head_of(backbone)
    parts = cut(backbone, "before:conv_pw_12")
    trainable = build_trainable(parts, head, "training", "float32")
    train_one_step(trainable)
    given = photo(32, 32)
    expected = trainable(parts.frozen(given, training=False), training=False)
    np.testing.assert_allclose(assemble_classifier(backbone, head, "stretch")(given), expected, atol=1e-6)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_a_classifier_trained_at_a_mixed_precision_computes_nearly_the_same_in_float32(precision: str, tmp_path: Path):
    backbone = tiny_backbone()
    head, parts = head_of(backbone), cut(backbone, "before:conv_pw_12")
    trainable = build_trainable(parts, head, "inference", precision)
    given = photo(32, 32)
    trained = trainable(parts.frozen(given, training=False), training=False)
    assert {weight.dtype for weight in trainable.weights} == {"float32"}
    classifier = assemble_classifier(backbone, head, "stretch")
    np.testing.assert_allclose(classifier(given), trained, atol=0.03)
    assert not np.array_equal(classifier(given), trained)
    classifier.save(tmp_path / "classifier.keras")
    saved: keras.Model = keras.models.load_model(tmp_path / "classifier.keras")
    assert {layer.compute_dtype for layer in saved._flatten_layers()} == {"float32"}
