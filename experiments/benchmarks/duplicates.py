"""Measure the recall of `split.duplicates=near` on planted reposts, its false pairs, and its duration.

    python -m experiments.benchmarks.duplicates [--pairs joined.csv]
    python -m experiments.benchmarks.duplicates --photos 20000

The first command reposts 30 % of the listings and reports the recall of each kind of change, with features of the
backbone. `--pairs` writes the joined pairs that were not planted, so that you can check them by eye. The second command
measures time, with as many reposts as needed. Their features are those of the originals plus noise, because only the
grouping is timed and not the backbone. Needs ImageNet weights. Duration at 10 photos a second: 13 minutes for 6,000
photos with the first command, 20 minutes with the second.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from experiments.benchmarks.command_line import baseline, configured, training_parser
from experiments.benchmarks.report import Report, at_least, at_most
from experiments.benchmarks.reposts import KINDS, plant
from ndsc.config.schema import Config
from ndsc.data.catalogue import load_catalogue
from ndsc.data.photo_validation import validate_photos
from ndsc.data.sampling import draw
from ndsc.duplicates.duplicate_groups import Duplicates, find_duplicates
from ndsc.experiment import build_components
from ndsc.model.weights import locate_weights
from ndsc.process import Timer
from ndsc.storage.photo_reader import PhotoReader

SHARE = 0.3
RECALL = 0.93
TARGET_PHOTOS, TARGET_MINUTES = 20_000, 10
NOISE = 0.5  # in standard deviations of a feature; gives cosines like those of reposts, 0.9


def main() -> None:
    """Run the benchmark and print its report."""
    parser = training_parser(__doc__)
    parser.add_argument("--photos", type=int, help="measure the time of this many photos")
    parser.add_argument("--pairs", type=Path, help="CSV file for the joined pairs that were not planted")
    parser.add_argument("--backbone", default="xception")
    given = parser.parse_args()
    if given.root is None:
        parser.error("--root or NDSC_ROOT must be a folder in the layout of NDSC")
    with tempfile.TemporaryDirectory(prefix="ndsc-duplicates-") as folder:
        report = run(given, Path(folder))
    report.show()
    report.save(given.json)


def run(given: argparse.Namespace, folder: Path) -> Report:
    """Add reposts to the photos of `--root`, and search for them."""
    listings = load_catalogue(everything(given, Path(given.root)).data, folder / "cache").rows.num_rows
    share = SHARE if given.photos is None else max(given.photos / listings - 1, 0.0)
    planted = pd.DataFrame(plant(Path(given.root), folder / "reposted", share, seed=0))
    config = everything(given, folder / "reposted")
    with PhotoReader(folder) as reader:
        catalogue = load_catalogue(config.data, folder / "cache")
        drawn = draw(catalogue, config.sampling, config.split, 0)
        photos = validate_photos(catalogue, drawn, reader, folder / "cache", 1.0).photos
        photos["image_path"] = photos["image_path"].str.removesuffix(".jpg") + ".jpg"
        alone = None if given.photos is None else dict(zip(planted["image_path"], planted["original"], strict=True))
        vectors = features(config, photos, reader, alone)
        started, before = time.perf_counter(), time.process_time()
        found = find_duplicates(photos, vectors, "near", reader, folder / "cache")
        seconds, busy = time.perf_counter() - started, time.process_time() - before
    setting = f"{len(photos):,} photos, {len(planted):,} of them reposts, {given.backbone}"
    report = judged(Report("duplicates", setting), photos, planted, found)
    if given.pairs is not None:
        unplanted(planted, found).to_csv(given.pairs, index=False)
    report.figures["seconds to group them"] = f"{seconds:,.0f}"
    report.figures["CPU seconds of that"] = f"{busy:,.0f}"
    note = "" if len(photos) >= TARGET_PHOTOS else f"{len(photos):,} photos"
    report.rows.append(
        at_most(f"minutes to group {TARGET_PHOTOS:,} photos", seconds / 60, TARGET_MINUTES, " minutes", note)
    )
    return report


def everything(given: argparse.Namespace, root: Path) -> Config:
    """Return the configuration that draws all photos."""
    settings = [f"backbone={given.backbone}", f"data.root={root}", "sampling.per_class=null"]
    settings += ["sampling.test.per_class=0", "sampling.test.pool=0"]
    return configured(baseline(given, 1, settings))


def features(config: Config, photos: pd.DataFrame, reader: PhotoReader, alone: dict[str, str] | None) -> np.ndarray:
    """Return the (n, d) features of the photos without augmentation. Cached features are not computed again.

    With `alone`, a mapping from reposts to originals, reposts get the features of their original plus noise.
    """
    weights = locate_weights(config.backbone, False, Path)  # never a run's weights
    extractor = build_components(config, weights, reader, Timer()).features.at("all", photos)
    if alone is None:
        return extractor.extract(photos, [0]).load()[0]
    own = photos[~photos["image_path"].isin(alone)]
    known = extractor.extract(own, [0]).load()[0].astype(np.float32)
    place = dict(zip(own["image_path"], range(len(own)), strict=True))
    vectors = known[[place[alone.get(path, path)] for path in photos["image_path"]]]
    changed = photos["image_path"].isin(alone).to_numpy()
    noise = np.random.default_rng(0).normal(size=(int(changed.sum()), vectors.shape[1]))
    vectors[changed] += (NOISE * known.std(axis=0) * noise).astype(np.float32)
    return vectors.astype(np.float16)


def judged(report: Report, photos: pd.DataFrame, planted: pd.DataFrame, found: Duplicates) -> Report:
    """Add the recall of each kind, and counts of the other pairs, to the report."""
    group = dict(zip(photos["image_path"], found.groups, strict=True))
    together = planted["image_path"].map(group) == planted["original"].map(group)
    for kind in KINDS:
        recall = float(together[planted["kind"] == kind].mean())
        report.rows.append(at_least(f"recall of photos that were {kind}", recall, RECALL, "", digits=3))
    report.figures = {
        "pairs joined": f"{found.pairs['joined'].sum():,}",
        "of these neither planted nor of the same original": f"{len(unplanted(planted, found)):,}",
        "pairs separated by the limit on groups": f"{found.refused:,}",
        "photos in the largest group": f"{found.members['group'].value_counts().max():,}",
    }
    return report


def unplanted(planted: pd.DataFrame, found: Duplicates) -> pd.DataFrame:
    """Return the joined pairs of different originals, weakest first: often press photos in another crop."""
    original = dict(zip(planted["image_path"], planted["original"], strict=True))
    joined = found.pairs[found.pairs["joined"]]
    first, second = (joined[side].map(lambda path: original.get(path, path)) for side in ("first", "second"))
    return joined[first != second].sort_values("support", kind="stable")


if __name__ == "__main__":
    main()
