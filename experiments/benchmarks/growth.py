"""Measure how time and memory grow with the numbers of images and views, at any freeze line.

    python -m experiments.benchmarks.growth [--images 500 1000 2000 4000] [--views 1 2 4 8]
    python -m experiments.benchmarks.growth --freeze before:conv5_block1 --images 2000 --views 2

All numbers of images run with the first number of views, all numbers of views with the first number of images, and the
largest of both run last. Each run is a process that computes its features again; the index and the exported network are
cached. The peak of anonymous memory comes from the operating system (Linux). Duration at 15 photos a second: 45 minutes
for the first command, 7 minutes for the second.
"""

import argparse
import tempfile
from pathlib import Path

from experiments.benchmarks.command_line import baseline, data_name, training_parser
from experiments.benchmarks.processes import MeasuredProcess, Trainings
from experiments.benchmarks.report import Report, at_most

CLASSES = 3
IMAGE_SIZE = 224
MOST_GIGABYTES = 3.0
TARGET_SIZES = {"all": (4000, 8), "before:conv5_block1": (2000, 2)}  # images and views, by freeze line


def main() -> None:
    """Run the benchmark and print its report."""
    parser = training_parser(__doc__)
    parser.add_argument("--images", nargs="+", type=int, default=[500, 1000, 2000, 4000])
    parser.add_argument("--views", nargs="+", type=int, default=[1, 2, 4, 8])
    parser.add_argument("--freeze", default="all")
    parser.add_argument("--image-size", type=int, default=IMAGE_SIZE, help="fewer pixels are faster")
    parser.add_argument("--backbone", default="resnet50")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ndsc-growth-") as folder:
        report = run(given, Path(folder))
    report.show()
    report.save(given.json)


def run(given: argparse.Namespace, folder: Path) -> Report:
    """Run one process for each number of images and of views."""
    ours, largest = Trainings(folder), (max(given.images), max(given.views))
    setting = f"{given.backbone} at {given.image_size} pixels, freeze={given.freeze}, {data_name(given)}"
    report = Report("growth", setting)
    ours.train(overrides(given, min(given.images), 1))  # builds the index and exports the network
    done: dict[tuple[int, int], MeasuredProcess] = {}
    for images, views in steps(given.images, given.views):
        ours.delete_features()
        finished = done[images, views] = ours.train(overrides(given, images, views))
        logged = ours.logged()[-1]
        report.figures[f"{images:,} images, {views} views ({logged.metrics['cache/misses']:,.0f} computed)"] = (
            f"{finished.seconds:.1f} s"
        )
        report.figures[f"{images:,} images, {views} views: peak anonymous memory"] = f"{finished.megabytes:,.0f} MB"
    if len(done) > 1:
        smallest = done[min(done)]
        report.ratios["seconds, largest / smallest"] = done[largest].seconds / smallest.seconds
        report.ratios["peak memory, largest / smallest"] = done[largest].megabytes / max(smallest.megabytes, 1)
    if given.freeze in TARGET_SIZES and done[largest].megabytes:
        images, views = TARGET_SIZES[given.freeze]
        same = largest == (images, views) and given.image_size == IMAGE_SIZE
        size = "" if same else f"{largest[0]:,} images × {largest[1]} views at {given.image_size} pixels"
        what = f"peak anonymous memory, {images:,} images × {views} views at freeze={given.freeze}"
        report.rows = [at_most(what, done[largest].megabytes / 1000, MOST_GIGABYTES, " GB", size)]
    return report


def steps(images: list[int], views: list[int]) -> list[tuple[int, int]]:
    """Return the pairs (images, views) to measure, the largest last."""
    grown = [(count, views[0]) for count in images] + [(images[0], count) for count in views]
    return [*sorted(set(grown) - {(max(images), max(views))}), (max(images), max(views))]


def overrides(given: argparse.Namespace, images: int, views: int) -> list[str]:
    """Return the overrides of one run: two epochs, or one if layers of the backbone are trained, which takes longer."""
    settings = [f"backbone={given.backbone}", "backbone.weights=random", f"backbone.image_size={given.image_size}"]
    settings += [f"backbone.freeze={given.freeze}", f"augmentation.views={views}", "callbacks=none"]
    settings += [f"training.epochs={2 if given.freeze == 'all' else 1}"]
    settings += ["sampling.test.per_class=0", "sampling.test.pool=0"]
    return baseline(given, round(images / CLASSES), settings)


if __name__ == "__main__":
    main()
