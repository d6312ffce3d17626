"""Measure the frozen pass with decoding, against `model.predict` with decoding and against two limits.

The limits are a bare loop of OpenVINO over one batch in memory (copying it into each request takes 1 % of the time),
and matrix multiplication on this machine at the same precision.

    python -m experiments.benchmarks.frozen_pass [--photos 192] [--backbone resnet50] [backbone.precision=int8]

Duration at 15 photos a second: 3 minutes.
"""

import tempfile
import time
from itertools import repeat
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from experiments.benchmarks.command_line import baseline, configured, data_name, training_parser
from experiments.benchmarks.plan import OURS, PREDICT
from experiments.benchmarks.report import Report, at_least, in_turn, machine
from ndsc.config.schema import Config
from ndsc.data.catalogue import load_catalogue
from ndsc.data.photo_validation import validate_photos
from ndsc.data.sampling import draw
from ndsc.experiment import build_components
from ndsc.features.feature_extractor import FeatureExtractor
from ndsc.model.engines import BATCH
from ndsc.model.weights import locate_weights
from ndsc.process import Timer
from ndsc.storage.photo_reader import PhotoReader

CLASSES = 3
GIGAFLOP = {"resnet50": 7.75, "xception": 8.4}  # a photo at 224 x 224
MULTIPLICATIONS = 4
HALF = {"bfloat16": "bfloat16", "mixed_float16": "float16"}  # type of the matrices, by precision
# Target speed relative to `model.predict`, by precision, and the CPU instructions that the target assumes.
TARGETS = {"float32": (1.3, ""), "bfloat16": (2.2, "avx512_bf16"), "int8": (3.6, "avx512_vnni")}


def main() -> None:
    """Run the benchmark and print its report."""
    parser = training_parser(__doc__)
    parser.add_argument("--photos", type=int, default=192)
    parser.add_argument("--backbone", default="resnet50")
    parser.add_argument("--rounds", type=int, default=3, help="number of measurements; the report has the medians")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ndsc-frozen-pass-") as cache:
        settings = [f"backbone={given.backbone}", "backbone.weights=random", f"cache.root={cache}", "augmentation=none"]
        settings += ["sampling.test.per_class=0", "sampling.test.pool=0"]
        config = configured(baseline(given, -(-given.photos // CLASSES), settings))
        report = run(config, data_name(given), given.rounds)
    report.show()
    report.save(given.json)


def run(config: Config, data: str, rounds: int) -> Report:
    """Measure all contenders in turn, on the same photos."""
    cache = Path(config.cache.root)
    catalogue = load_catalogue(config.data, cache)
    drawn = draw(catalogue, config.sampling, config.split, config.seed)
    with PhotoReader(cache) as reader:
        photos = validate_photos(catalogue, drawn, reader, cache, config.sampling.max_rejected).photos
        weights = locate_weights(config.backbone, False, Path)  # never a run's weights
        # At int8 this quantizes the network, which is not timed.
        extractor = build_components(config, weights, reader, Timer()).features.at("all", photos)
        found = rates(extractor, photos, rounds)
    name, spec = config.backbone.name, extractor.engine_spec
    precision = spec.precision
    report = Report("frozen pass", f"{name}, {len(photos)} of {data}, {spec.engine} at {precision}")
    return reported(report, found, name, precision)


def rates(extractor: FeatureExtractor, photos: pd.DataFrame, rounds: int) -> dict[str, float]:
    """Return photos a second of each contender, and GFLOP a second of the matrix multiplication."""
    extractor.extract(photos, [0])  # warms up
    plain, every = np.array([0]), np.ones((len(photos), 1), bool)
    batch = next(extractor.batches(photos, plain, every))
    encoded = [
        extractor.pipeline.reader.read(row.archive, int(row.offset), int(row.size)) for row in photos.itertuples()
    ]

    def ours() -> float:
        started = time.perf_counter()
        list(extractor.engine.run(extractor.batches(photos, plain, every)))
        return len(photos) / (time.perf_counter() - started)

    def bare() -> float:
        batches = max(len(photos) // BATCH, 2)
        started = time.perf_counter()
        list(extractor.engine.run(repeat(batch, batches)))
        return batches * BATCH / (time.perf_counter() - started)

    contenders = {
        "ours": ours,
        "model.predict": lambda: predict_rate(extractor.cut.frozen, encoded, extractor.pipeline.size),
        "bare loop": bare,
        "matrix multiplication": lambda: matmul_rate(HALF.get(extractor.engine_spec.precision, "float32")),
    }
    contenders["model.predict"]()
    return in_turn(rounds, contenders)


def reported(report: Report, found: dict[str, float], backbone: str, precision: str) -> Report:
    """Add the ratios, the figures, and the targets of this precision to the report."""
    against_predict, against_bare = (found["ours"] / found[name] for name in ("model.predict", "bare loop"))
    report.ratios["ours / model.predict, both with decoding"] = against_predict
    report.ratios["ours / bare OpenVINO loop over one batch in memory"] = against_bare
    report.figures |= {OURS: f"{found['ours']:.1f}", PREDICT: f"{found['model.predict']:.1f}"}
    report.figures["bare loop, photos a second"] = f"{found['bare loop']:.1f}"
    multiplication, dtype = found["matrix multiplication"], HALF.get(precision, "float32")
    report.figures[f"{dtype} matrix multiplication, GFLOP a second"] = f"{multiplication:.0f}"
    if backbone in GIGAFLOP:
        report.figures["photos a second at that rate"] = f"{multiplication / GIGAFLOP[backbone]:.1f}"
    report.rows = [at_least(f"frozen pass at {precision} against a bare loop", against_bare, 0.85)]
    if precision in TARGETS:
        target, needed = TARGETS[precision]
        note = "" if needed in machine() else f"this CPU has no {needed}"
        what = f"frozen pass at {precision} against model.predict"
        report.rows.insert(0, at_least(what, against_predict, target, note=note))
    return report


def predict_rate(model: keras.Model, data: list[bytes], size: int) -> float:
    """Return photos a second of a typical notebook: decode, resize, batch, prefetch, predict."""

    def decode(encoded: tf.Tensor) -> tf.Tensor:
        return tf.image.resize(tf.io.decode_image(encoded, channels=3, expand_animations=False), (size, size))

    dataset = tf.data.Dataset.from_tensor_slices(data).map(decode, num_parallel_calls=tf.data.AUTOTUNE)
    started = time.perf_counter()
    model.predict(dataset.batch(BATCH).prefetch(tf.data.AUTOTUNE), verbose=0)
    return len(data) / (time.perf_counter() - started)


def matmul_rate(dtype: str) -> float:
    """Return GFLOP a second of a matrix multiplication.

    Uses NumPy at float32, where it is faster than TensorFlow (160 against 118 on the machine of experiments/LOG.md),
    and TensorFlow for the types that NumPy does not have.
    """
    drawn = np.random.default_rng(0).standard_normal((2048, 2048), dtype=np.float32)
    matrix = drawn if dtype == "float32" else tf.cast(drawn, dtype)
    started = time.perf_counter()
    for _ in range(MULTIPLICATIONS):
        np.asarray(matrix @ matrix)
    return MULTIPLICATIONS * 2 * 2048**3 / (time.perf_counter() - started) / 1e9


if __name__ == "__main__":
    main()
