"""Measure the whole baseline: ndsc with a cold cache (no index, no exported network) and with a warm cache, against the
same recipe in plain Keras (see plain_keras.py) on the same photos. Each run is a process.

    python -m experiments.benchmarks.baseline [--per-class 1150] [--backbone resnet50] [--epochs 15]
    python -m experiments.benchmarks.baseline --backbone xception --accuracy

Only time is compared, so the runs use random weights and no early stopping. Two epochs of plain Keras are timed, and
the others are assumed to take as long as the second. With --accuracy, the runs use ImageNet weights and all epochs,
and the report has both validation accuracies. Duration with n photos a class, at 15 photos a second: 0.7 n seconds
for ndsc, 0.5 n seconds for plain Keras (3.5 n with --accuracy), and about a minute.
"""

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

from experiments.benchmarks.command_line import baseline, data_name, training_parser
from experiments.benchmarks.processes import Trainings, measured
from experiments.benchmarks.report import Report, at_least

PER_CLASS = 1150
TIMED_EPOCHS = 2
WARM_ROUNDS = 3


def main() -> None:
    """Run the benchmark and print its report."""
    parser = training_parser(__doc__)
    parser.add_argument("--per-class", type=int, default=PER_CLASS)
    parser.add_argument("--backbone", default="resnet50")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--accuracy", action="store_true", help="compare validation accuracies, with ImageNet weights")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ndsc-baseline-") as folder:
        report = run(given, Path(folder))
    report.show()
    report.save(given.json)


def run(given: argparse.Namespace, folder: Path) -> Report:
    """Run ndsc with a cold cache, plain Keras, and ndsc with a warm cache."""
    weights = "imagenet" if given.accuracy else "random"
    settings = [f"backbone={given.backbone}", f"backbone.weights={weights}"]
    settings += ["callbacks=none", f"training.epochs={given.epochs}"]
    overrides = baseline(given, given.per_class, settings)
    ours = Trainings(folder)
    cold = ours.train(overrides)
    (logged,) = ours.logged()
    rate = logged.metrics["throughput/backbone_images_per_second"]
    keras_seconds, keras_accuracy = plain_keras(
        logged.manifest, overrides, given.epochs, given.epochs if given.accuracy else TIMED_EPOCHS
    )
    rounds = 1 if given.accuracy else WARM_ROUNDS
    warm = statistics.median(ours.train(overrides).seconds for _ in range(rounds))
    report = Report(
        "whole baseline",
        f"{given.backbone}, {given.per_class} a class of {data_name(given)}, {given.epochs} epochs, {weights} weights",
    )
    report.ratios = {
        "plain Keras / ours, cold cache": keras_seconds / cold.seconds,
        "plain Keras / ours, warm cache": keras_seconds / warm,
    }
    report.figures = {
        "ours, cold cache": f"{cold.seconds:.1f} s",
        f"ours, warm cache, median of {rounds}": f"{warm:.1f} s",
        f"plain Keras, {given.epochs} epochs": f"{keras_seconds:.1f} s",
        "views computed by ours": f"{logged.metrics['cache/misses']:,.0f}",
        "views a second, including the export of the network": f"{rate:.1f}",
        "ours, cold cache: peak anonymous memory": f"{cold.megabytes:.0f} MB",
    }
    if given.accuracy:
        report.figures["ours: validation accuracy"] = f"{logged.metrics['best/val_accuracy']:.2%}"
        report.figures["plain Keras: validation accuracy"] = f"{keras_accuracy:.2%}"
        return report
    size = "" if given.per_class >= PER_CLASS else f"{given.per_class} a class"
    report.rows = [
        at_least(f"whole baseline against plain Keras, {state} cache", ratio, target, note=size)
        for (state, target), ratio in zip((("cold", 10), ("warm", 50)), report.ratios.values(), strict=True)
    ]
    return report


def plain_keras(manifest: Path, overrides: list[str], epochs: int, timed: int) -> tuple[float, float]:
    """Return the seconds that the notebook takes for `epochs` epochs, including its start, and its validation accuracy.

    Only `timed` epochs are run. The others are assumed to take as long as the last of them.
    """
    command = [sys.executable, "-m", "experiments.benchmarks.plain_keras", "--manifest", str(manifest)]
    finished = measured([*command, "--epochs", str(timed), *overrides])
    result = json.loads(finished.output.splitlines()[-1])
    skipped = (epochs - timed) * result["epochs"][-1]
    return finished.seconds - result["not_counted"] + skipped, result["validation_accuracy"]


if __name__ == "__main__":
    main()
