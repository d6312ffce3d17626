"""Compare features and accuracies with those of float32 Keras without a cache, on the same views of the same photos.

Also counts the views that a further run with another seed computes.

    python -m experiments.benchmarks.fidelity [--per-class 350] [--seeds 3] [--backbone xception]
    python -m experiments.benchmarks.fidelity backbone.precision=int8

Each seed draws from 25 % more photos than it uses, so that a new seed has both known and new photos. Needs ImageNet
weights: with random weights, accuracy and its differences would be random too. Duration with n photos a class, at 15
photos a second: 1.7 n seconds and a minute.
"""

import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from experiments.benchmarks.command_line import baseline, configured, data_name, training_parser
from experiments.benchmarks.report import Report, Row, at_least, at_most
from experiments.benchmarks.uncached import UncachedExtractor
from ndsc.config.schema import Config
from ndsc.data.catalogue import Catalogue, load_catalogue
from ndsc.data.manifest import Manifest, build_manifest
from ndsc.data.photo_validation import validate_photos
from ndsc.data.sampling import draw
from ndsc.duplicates.duplicate_groups import find_duplicates
from ndsc.experiment import Components, build_components, plan_phases, train
from ndsc.features.feature_extractor import CacheStats, FeatureExtractor
from ndsc.model.weights import locate_weights
from ndsc.process import Timer
from ndsc.storage.photo_reader import PhotoReader

DRAWN_FROM = 1.25  # times the number of photos of one seed
PHOTOS = 1000
COSINE = 0.9995
SEEDS = 3


@dataclass
class Found:
    """Results over all seeds: the worst cosine, the photos, the accuracies, and the computed and new views."""

    cosine: float = 1.0
    photos: set[str] = field(default_factory=set)
    ours: list[float] = field(default_factory=list)
    keras: list[float] = field(default_factory=list)
    computed: list[int] = field(default_factory=list)
    new: list[int] = field(default_factory=list)


def main() -> None:
    """Run the benchmark and print its report."""
    parser = training_parser(__doc__)
    parser.add_argument("--per-class", type=int, default=350)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--backbone", default="xception")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ndsc-fidelity-") as cache:
        settings = [f"backbone={given.backbone}", f"cache.root={cache}"]
        settings += ["sampling.test.per_class=0", "sampling.test.pool=0"]
        config = configured(baseline(given, given.per_class, settings))
        report = run(config, given.seeds, data_name(given))
    report.show()
    report.save(given.json)


def run(config: Config, seeds: int, data: str) -> Report:
    """Run all seeds, one after the other, from one cache. The backbone is that of the configuration's own seed: random
    weights would change with it."""
    cache, per_class = Path(config.cache.root), config.sampling.per_class
    assert per_class is not None
    catalogue = some_of(load_catalogue(config.data, cache), round(DRAWN_FROM * per_class))
    weights = locate_weights(config.backbone, False, Path)  # never a run's weights
    found, seen, computed = Found(), set(), {}
    with PhotoReader(cache) as reader:
        shared = build_components(config, weights, reader, Timer())
        for seed in range(seeds):
            seeded = replace(config, seed=seed)
            features = replace(shared.features, stats=CacheStats())
            components = replace(shared, phases=plan_phases(seeded), features=features)
            plan = draw(catalogue, config.sampling, config.split, seed)
            photos = validate_photos(catalogue, plan, reader, cache, 1.0)
            ours = features.at("all", photos.learnable)
            keras = UncachedExtractor.like(ours, computed)
            vectors = ours.extract(photos.photos, [0]).load()[0]
            groups = find_duplicates(photos.photos, vectors, config.split.duplicates, reader, cache).groups
            manifest = build_manifest(photos.photos, vectors, groups, config.split, config.sampling.test, seed).manifest
            found.ours.append(accuracy(seeded, components, ours, manifest))
            found.keras.append(accuracy(seeded, components, keras, manifest))
            compare_features(ours, keras, manifest, config.augmentation.views, found)
            needed = views_of(photos.photos, manifest, config.augmentation.views)
            found.computed.append(components.features.stats.misses)
            found.new.append(len(needed - seen))
            seen |= needed
    setting = f"{config.backbone.name} ({weights.origin}), {per_class} a class of {data}, {seeds} seeds"
    spec = shared.features.engine_spec
    return reported(Report("fidelity", f"{setting}, {spec.engine}"), found, spec.precision)


def some_of(catalogue: Catalogue, per_class: int) -> Catalogue:
    """Return at most `per_class` random listings of each class."""
    labels = catalogue.rows.column("label").to_numpy()
    random = np.random.default_rng(0)
    chosen = [random.permutation(np.flatnonzero(labels == label))[:per_class] for label in catalogue.classes]
    return replace(catalogue, rows=catalogue.rows.take(np.sort(np.concatenate(chosen))))


def accuracy(config: Config, components: Components, extractor: FeatureExtractor, manifest: Manifest) -> float:
    """Return the validation accuracy of the best epoch."""
    trained = train(config, components, {"all": extractor}, manifest, lambda epoch, metrics: None)
    predicted = trained.probabilities["validation"].argmax(axis=1)
    return float((predicted == manifest.labels(manifest.of("validation"))).mean())


def compare_features(
    ours: FeatureExtractor, keras: FeatureExtractor, manifest: Manifest, views_trained: int, found: Found
) -> None:
    """Update the worst cosine between our cached features and Keras', over all views of training and validation."""
    for split, views in (("train", range(views_trained)), ("validation", [0])):
        rows = manifest.of(split)
        features = [extractor.extract(rows, views) for extractor in (ours, keras)]
        for view in views:
            one, other = (np.asarray(part.rows[view][:], np.float64).reshape(len(rows), -1) for part in features)
            norms = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
            found.cosine = min(found.cosine, float(((one * other).sum(axis=1) / norms).min()))
        found.photos |= set(rows["content"])


def views_of(photos: pd.DataFrame, manifest: Manifest, views: int) -> set[tuple[str, int]]:
    """Return (content, view) of all features that a run needs: view 0 of every photo, all views of training photos."""
    plain = {(content, 0) for content in photos["content"]}
    return plain | {(content, view) for content in manifest.of("train")["content"] for view in range(views)}


def reported(report: Report, found: Found, precision: str) -> Report:
    """Add the figures and the targets to the report."""
    ours, keras = (100 * float(np.mean(accuracies)) for accuracies in (found.ours, found.keras))
    apart = [100 * abs(one - other) for one, other in zip(found.ours, found.keras, strict=True)]
    report.figures = {
        f"cosine to float32 Keras, worst of all views of {len(found.photos):,} photos": f"{found.cosine:.6f}",
        "validation accuracy, ours, mean of the seeds": f"{ours:.2f} %",
        "validation accuracy, float32 Keras without a cache": f"{keras:.2f} %",
        "largest difference of one seed, in points": f"{max(apart):.2f}",
    }
    for seed, (computed, new) in enumerate(zip(found.computed, found.new, strict=True)):
        report.figures[f"seed {seed}: views computed, of {new:,} new to this seed"] = f"{computed:,}"
    note = "" if len(found.photos) >= PHOTOS else f"{len(found.photos):,} photos"
    computed, new = sum(found.computed[1:]), sum(found.new[1:])
    report.rows = [
        at_most(
            f"validation accuracy, {precision} and float32 Keras, uncached", abs(ours - keras), 0.3, " points", note
        ),
        Row("views computed by runs with further seeds", f"{computed:,}", f"{new:,} new", computed == new),
    ]
    if precision != "int8":
        what = f"cosine of features, {precision} and float32 Keras, worst of {PHOTOS:,} photos"
        report.rows.append(at_least(what, found.cosine, COSINE, "", note, digits=6))
    return report


if __name__ == "__main__":
    main()
