"""The frozen pass, decoding included on both sides: ours against `model.predict`, and against two limits: a bare loop
of OpenVINO on one resident batch, and the machine's own matrix multiplication.

    python -m experiments.benchmarks.frozen_pass [--photos 192] [--backbone resnet50]
"""

import tempfile
import time
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from hydra import compose, initialize_config_dir

from experiments.benchmarks.report import Report, arguments, data_overrides, in_turn
from ndsc.config import CONFIG_FOLDER, Config, register, typed
from ndsc.data.catalogue import PhotoReader, load_catalogue
from ndsc.data.photos import find_usable
from ndsc.data.sampling import draw
from ndsc.model.backbone import build_backbone
from ndsc.model.engine import BATCH, choose_engine
from ndsc.model.weights import locate_weights
from ndsc.training.phases import Study
from ndsc.training.views import Policy

GIGAFLOP = {"resnet50": 7.75, "xception": 8.4}  # a photo at 224 x 224
ROUNDS = 3


def main() -> None:
    """Measure and show."""
    given = arguments(__doc__, [("--photos", {"type": int, "default": 192}), ("--backbone", {"default": "resnet50"})])
    with tempfile.TemporaryDirectory() as cache:
        report = run(configure(given.root, given.backbone, given.photos, cache), given.photos)
    report.show()
    report.save(given.json)


def configure(root: str | None, backbone: str, photos: int, cache: str) -> Config:
    """A configuration that draws about so many photos, plain."""
    register()
    weights = "imagenet" if backbone == "xception" else "random"
    with initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
        overrides = [f"sampling.per_class={photos}", f"backbone={backbone}", f"backbone.weights={weights}"]
        places = [f"cache.root={cache}", "augmentation=none", "sampling.test.per_class=0", "sampling.test.pool=0"]
        return typed(compose("train", overrides=[*overrides, *places, *data_overrides(root)]))


def run(config: Config, count: int) -> Report:
    """All contenders in turn, over the same photos."""
    cache = Path(config.cache.root)
    catalogue = load_catalogue(config.data, cache)
    drawn = draw(catalogue, config.sampling, config.split, config.seed)
    with PhotoReader(cache) as reader:
        photos = find_usable(catalogue, drawn, reader, cache, config.sampling.max_rejected).photos.head(count)
        weights = locate_weights(config.backbone, False, Path)  # no run's weights are asked for
        backbone = build_backbone(config.backbone, weights, config.seed)
        choice = choose_engine(config.backbone.engine, config.backbone.precision)
        part = Study(config, backbone, choice, Policy(config.augmentation), reader).frozen_part("all")
        batch = part.pixels(photos.head(BATCH))[:, 0]
        model = part.cut.frozen
        data = [reader.read(row.archive, int(row.offset), int(row.size)) for row in photos.itertuples()]

        def ours() -> float:
            started = time.perf_counter()
            every = np.ones((len(photos), 1), bool)
            list(part.engine.run(part.batches(photos, np.array([0]), every)))
            return len(photos) / (time.perf_counter() - started)

        def bare() -> float:
            batches = max(len(photos) // BATCH, 2)
            started = time.perf_counter()
            list(part.engine.run(repeat(batch, batches)))
            return batches * BATCH / (time.perf_counter() - started)

        contenders = {
            "ours": ours,
            "model.predict": lambda: predict_rate(model, data, backbone.size),
            "bare loop": bare,
            "matrix multiplication": matmul_rate,
        }
        for warm_up in ("ours", "model.predict"):
            contenders[warm_up]()
        found = in_turn(ROUNDS, contenders)
        worst = worst_cosine(part, model, photos)
    report = Report("frozen pass", f"{config.backbone.name}, {count} photos, {choice.engine} at {choice.precision}")
    report.ratios["ours / model.predict, decoding on both sides"] = found["ours"] / found["model.predict"]
    report.ratios["ours / bare OpenVINO loop on one resident batch"] = found["ours"] / found["bare loop"]
    for name in ("ours", "model.predict", "bare loop"):
        report.figures[f"{name}, photos a second"] = f"{found[name]:.1f}"
    report.figures["float32 matrix multiplication, GFLOP a second"] = f"{found['matrix multiplication']:.0f}"
    if config.backbone.name in GIGAFLOP:
        limit = found["matrix multiplication"] / GIGAFLOP[config.backbone.name]
        report.figures["photos a second at that rate"] = f"{limit:.1f}"
    report.figures["cosine to float32 Keras, worst photo"] = f"{worst:.6f}"
    return report


def predict_rate(model: keras.Model, data: list[bytes], size: int) -> float:
    """Photos a second of the usual notebook's pipeline: decode, resize, batch, prefetch, predict."""

    def decode(encoded: tf.Tensor) -> tf.Tensor:
        return tf.image.resize(tf.io.decode_image(encoded, channels=3, expand_animations=False), (size, size))

    dataset = tf.data.Dataset.from_tensor_slices(data).map(decode, num_parallel_calls=tf.data.AUTOTUNE)
    started = time.perf_counter()
    model.predict(dataset.batch(BATCH).prefetch(tf.data.AUTOTUNE), verbose=0)
    return len(data) / (time.perf_counter() - started)


def matmul_rate() -> float:
    """GFLOP a second of a float32 matrix multiplication by TensorFlow."""
    matrix = tf.random.normal((2048, 2048))
    product = tf.matmul(matrix, matrix)
    started = time.perf_counter()
    for _ in range(10):
        product = tf.matmul(matrix, product / tf.reduce_max(product))
    product.numpy()
    return 10 * 2 * 2048**3 / (time.perf_counter() - started) / 1e9


def worst_cosine(part, model: keras.Model, photos) -> float:
    """The smallest cosine between a photo's features by our engine and by Keras in float32."""
    every = np.ones((len(photos), 1), bool)

    def batches() -> Iterator[np.ndarray]:
        yield from part.batches(photos, np.array([0]), every)

    worst = 1.0
    for pixels, features in zip(batches(), part.engine.run(batches()), strict=True):
        expected = np.asarray(model(pixels, training=False), np.float64).reshape(BATCH, -1)
        features = features.astype(np.float16).astype(np.float64).reshape(BATCH, -1)
        norms = np.linalg.norm(expected, axis=1) * np.linalg.norm(features, axis=1)
        worst = min(worst, float(((expected * features).sum(axis=1) / norms).min()))
    return worst


if __name__ == "__main__":
    main()
