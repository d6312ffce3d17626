"""How many reposts `split.duplicates=near` finds, what else it joins, and how long it takes.

    python -m experiments.benchmarks.duplicates [--pairs joined.csv]
    python -m experiments.benchmarks.duplicates --photos 20000

The first posts 30 % of the listings again and gives the recall of each kind of change, with features of the backbone;
`--pairs` writes what was joined and not planted, to be looked at. The second takes time: photos and as many reposts as
are needed, with the features of their originals and some noise, for it is the grouping that is timed and not the
backbone. Needs ImageNet's weights. Time, with a backbone that passes 10 photos a second: 13 minutes for 6,000 photos of
the first, and 20 for the second.
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
from ndsc.experiment import build_components, extractor_at
from ndsc.model.weights import locate_weights
from ndsc.process import Timer
from ndsc.storage.photo_reader import PhotoReader

SHARE = 0.3
RECALL = 0.93
ASKED_PHOTOS, ASKED_MINUTES = 20_000, 10
NOISE = 0.5  # standard deviations of a feature: cosines as far as reposts' are, 0.9


def main() -> None:
    """Plant, group, show."""
    parser = training_parser(__doc__)
    parser.add_argument("--photos", type=int, help="so many, timed")
    parser.add_argument("--pairs", type=Path, help="where to write what was joined and not planted, as CSV")
    parser.add_argument("--backbone", default="xception")
    given = parser.parse_args()
    if given.root is None:
        parser.error("--root or NDSC_ROOT must name a folder in NDSC's layout")
    with tempfile.TemporaryDirectory(prefix="ndsc-duplicates-") as folder:
        report = run(given, Path(folder))
    report.show()
    report.save(given.json)


def run(given: argparse.Namespace, folder: Path) -> Report:
    """Plant reposts among the photos of `--root`, and look for them."""
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
    but = "" if len(photos) >= ASKED_PHOTOS else f"{len(photos):,} photos"
    report.rows.append(
        at_most(f"minutes to group {ASKED_PHOTOS:,} photos", seconds / 60, ASKED_MINUTES, " minutes", but)
    )
    return report


def everything(given: argparse.Namespace, root: Path) -> Config:
    """The configuration that draws all photos there are."""
    settings = [f"backbone={given.backbone}", f"data.root={root}", "sampling.per_class=null"]
    settings += ["sampling.test.per_class=0", "sampling.test.pool=0"]
    return configured(baseline(given, 1, settings))


def features(config: Config, photos: pd.DataFrame, reader: PhotoReader, alone: dict[str, str] | None) -> np.ndarray:
    """(n, d) features of the plain views; with `alone`, the originals by repost, reposts have their original's and some
    noise. What the cache of `cache.root` holds is not computed."""
    weights = locate_weights(config.backbone, False, Path)  # no run's weights are asked for
    extractor = extractor_at(config, build_components(config, weights, reader, Timer()), "all", photos)
    if alone is None:
        return extractor.extract(photos, [0]).rows[0][:]
    own = photos[~photos["image_path"].isin(alone)]
    known = extractor.extract(own, [0]).rows[0][:].astype(np.float32)
    place = dict(zip(own["image_path"], range(len(own)), strict=True))
    vectors = known[[place[alone.get(path, path)] for path in photos["image_path"]]]
    changed = photos["image_path"].isin(alone).to_numpy()
    noise = np.random.default_rng(0).normal(size=(int(changed.sum()), vectors.shape[1]))
    vectors[changed] += (NOISE * known.std(axis=0) * noise).astype(np.float32)
    return vectors.astype(np.float16)


def judged(report: Report, photos: pd.DataFrame, planted: pd.DataFrame, found: Duplicates) -> Report:
    """Recall by kind, and what else was joined."""
    group = dict(zip(photos["image_path"], found.groups, strict=True))
    together = planted["image_path"].map(group) == planted["original"].map(group)
    for kind in KINDS:
        recall = float(together[planted["kind"] == kind].mean())
        report.rows.append(at_least(f"recall of photos that were {kind}", recall, RECALL, "", digits=3))
    report.figures = {
        "pairs joined": f"{found.pairs['joined'].sum():,}",
        "of these neither planted nor of the same two pictures": f"{len(unplanted(planted, found)):,}",
        "pairs kept apart by the cap on groups": f"{found.refused:,}",
        "photos in the largest group": f"{found.members['group'].value_counts().max():,}",
    }
    return report


def unplanted(planted: pd.DataFrame, found: Duplicates) -> pd.DataFrame:
    """Joined pairs of different originals, the weakest first: true ones are press photos in another shade or crop."""
    original = dict(zip(planted["image_path"], planted["original"], strict=True))
    joined = found.pairs[found.pairs["joined"]]
    first, second = (joined[side].map(lambda path: original.get(path, path)) for side in ("first", "second"))
    return joined[first != second].sort_values("support", kind="stable")


if __name__ == "__main__":
    main()
