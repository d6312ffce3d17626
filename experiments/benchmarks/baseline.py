"""The whole baseline, as whole processes: ours from a cold cache (nothing indexed, nothing exported) and from a warm
one, against the same recipe in plain Keras (see plain_keras.py) on the same photos.

    python -m experiments.benchmarks.baseline [--per-class 1150] [--backbone resnet50] [--epochs 15]
    python -m experiments.benchmarks.baseline --backbone xception --accuracy

Random weights and no early stopping, since only time is compared: two epochs of plain Keras are timed, and the second
stands for the rest. With --accuracy, ImageNet's weights, all epochs, and both validation accuracies. Time, with n
photos a class and a backbone that passes 15 photos a second: 0.7 n seconds of ours, 0.5 n of plain Keras (3.5 n with
--accuracy), and about a minute.
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
    """Measure and show."""
    parser = training_parser(__doc__)
    parser.add_argument("--per-class", type=int, default=PER_CLASS)
    parser.add_argument("--backbone", default="resnet50")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--accuracy", action="store_true", help="ImageNet's weights, and both validation accuracies")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ndsc-baseline-") as folder:
        report = run(given, Path(folder))
    report.show()
    report.save(given.json)


def run(given: argparse.Namespace, folder: Path) -> Report:
    """Ours cold, plain Keras, ours warm."""
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
        "views that ours computed": f"{logged.metrics['cache/misses']:,.0f}",
        "views a second, exporting the network included": f"{rate:.1f}",
        "ours, cold cache: peak anonymous memory": f"{cold.megabytes:.0f} MB",
    }
    if given.accuracy:
        report.figures["ours: validation accuracy"] = f"{logged.metrics['best/val_accuracy']:.2%}"
        report.figures["plain Keras: validation accuracy"] = f"{keras_accuracy:.2%}"
        return report
    size = "" if given.per_class >= PER_CLASS else f"{given.per_class} a class"
    report.rows = [
        at_least(f"whole baseline against plain Keras, {state} cache", ratio, asked, but=size)
        for (state, asked), ratio in zip((("cold", 10), ("warm", 50)), report.ratios.values(), strict=True)
    ]
    return report


def plain_keras(manifest: Path, overrides: list[str], epochs: int, timed: int) -> tuple[float, float]:
    """Seconds that a notebook of so many epochs takes, start included, if the last of the timed ones stands for those
    that were left out; and the validation accuracy after those that were not."""
    command = [sys.executable, "-m", "experiments.benchmarks.plain_keras", "--manifest", str(manifest)]
    finished = measured([*command, "--epochs", str(timed), *overrides])
    said = json.loads(finished.output.splitlines()[-1])
    left_out = (epochs - timed) * said["epochs"][-1]
    return finished.seconds - said["not_counted"] + left_out, said["validation_accuracy"]


if __name__ == "__main__":
    main()
