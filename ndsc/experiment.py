"""The run, read top to bottom: from listings to a logged classifier.

    config → catalogue → sample → validate → extract features → build manifest → fit → assemble → evaluate → report

`ndsc.train` does all of it, `ndsc.reproduce` enters with the manifest of an earlier run, and `ndsc.audit` leaves before
the split.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from ndsc import run_reporter as reporter
from ndsc.config.hydra_job import HydraJob
from ndsc.config.run_key import run_key
from ndsc.config.schema import Config, SplitConfig
from ndsc.data.catalogue import load_catalogue
from ndsc.data.manifest import Manifest, build_manifest
from ndsc.data.photo_validation import ValidatedPhotos, validate_photos
from ndsc.data.sampling import SamplePlan, draw, split_in_effect
from ndsc.duplicates.duplicate_groups import Duplicates, find_duplicates
from ndsc.evaluation.figures.run_figures import figures
from ndsc.evaluation.report import evaluate
from ndsc.features.feature_extractor import CacheStats, FeatureExtractor, FeatureExtractors, QuantizedNetworks
from ndsc.features.image_pipeline import ImagePipeline
from ndsc.features.views import Policy
from ndsc.model.backbone import build_backbone, obtain_backbone
from ndsc.model.classifier import assemble_classifier, build_head
from ndsc.model.engines import choose_engine
from ndsc.model.weights import Weights, locate_weights
from ndsc.process import Timer
from ndsc.seeds import derive
from ndsc.storage.photo_reader import PhotoReader
from ndsc.tracking.downloads import fetch_classifier
from ndsc.tracking.run import start_run
from ndsc.tracking.tracked_run import Run
from ndsc.training import finetuning
from ndsc.training.finetuning import TrainingResult
from ndsc.training.fit import Phase


@dataclass(frozen=True)
class Components:
    """What the steps of a run share: the weights, the phases of training, the feature extractors and a timer."""

    weights: Weights
    phases: tuple[Phase, ...]
    features: FeatureExtractors
    timer: Timer


@dataclass(frozen=True)
class PreparedPhotos:
    """The photos of a run before they are split.

    Attributes:
        split: the one in effect.
        extractor: of the features of the whole backbone.
        vectors: (n, d) features of the plain photos.
        metrics: counts by the names under which they are logged.
    """

    split: SplitConfig
    plan: SamplePlan
    validated: ValidatedPhotos
    extractor: FeatureExtractor
    vectors: np.ndarray
    duplicates: Duplicates
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class RunResult:
    """The result of a run.

    Attributes:
        metrics: by the names under which they are logged.
        history: the curves, by epoch.
        fingerprint: everything that shaped the features at `backbone.freeze`.
        summary: the rows of the closing table.
    """

    metrics: Mapping[str, float]
    history: Mapping[str, list[float]]
    fingerprint: Mapping[str, object]
    summary: Mapping[str, str]


def run_experiment(config: Config, job: HydraJob, key: str, weights: Weights | None = None) -> RunResult:
    """Do one run and log it.

    Args:
        job: the Hydra job that asked for it. key: the identity of the run (`ndsc.config.run_key`). weights: as
        `check_backbone` returns them; None: they are located now, so that a failure is recorded with the run.

    Raises:
        UserError: something that only the user can fix.
    """
    with start_run(config.tracking, job.name(), {"ndsc.key": key}) as run, PhotoReader(_cache(config)) as reader:
        components = start(config, job, run, reader, weights or find_weights(config))
        prepared = prepare_photos(config, components, run)
        photos, groups = prepared.validated.photos, prepared.duplicates.groups
        split = build_manifest(photos, prepared.vectors, groups, prepared.split, config.sampling.test, config.seed)
        counts = {**prepared.metrics, **reporter.log_split(run, split)}
        return train_and_evaluate(config, components, split.manifest, run, prepared, counts)


def check_backbone(config: Config) -> Weights:
    """Check what needs TensorFlow or MLflow, but no data: the weights and the freeze lines.

    Raises:
        UserError: the weights cannot be found, or there is no such line.
    """
    weights, phases = find_weights(config), plan_phases(config)
    if any(phase.freeze != "all" for phase in phases):
        without_weights = build_backbone(config.backbone, None, config.seed)
        finetuning.check_freeze_lines(without_weights, phases, config.backbone.float32_until)
    return weights


def find_weights(config: Config) -> Weights:
    """Locate the weights of the backbone. Only runs on the sample data continue with random weights if ImageNet weights
    are unavailable.

    Raises:
        UserError: they cannot be found.
    """
    fetch = partial(fetch_classifier, tracking=config.tracking, cache_root=_cache(config))
    return locate_weights(config.backbone, config.data.source == "sample", fetch, config.threads)


def plan_phases(config: Config) -> tuple[Phase, ...]:
    """Return the phases of training: one, or two with `training=finetune`."""
    return finetuning.plan_phases(config.backbone, config.training, config.optimizer, config.callbacks, config.seed)


def start(
    config: Config,
    job: HydraJob,
    run: Run,
    reader: PhotoReader,
    weights: Weights,
    quantized: QuantizedNetworks | None = None,
) -> Components:
    """Log the start of a run and build its components; see `build_components`."""
    timer = Timer()
    reporter.log_start(run, job, config.data, _cache(config), weights, config.tracking.resume_run_id is not None)
    components = build_components(config, weights, reader, timer, quantized)
    reporter.log_engine(run, components.features.engine_spec)
    return components


def build_components(
    config: Config, weights: Weights, reader: PhotoReader, timer: Timer, quantized: QuantizedNetworks | None = None
) -> Components:
    """Build what the steps of a run share, in a second or two: a mistake in it shows before any photo is read.

    Args:
        quantized: see `FeatureExtractors`.

    Raises:
        UserError: weights that do not fit, an engine that is not installed, no such freeze line, or a library object
            that refuses its arguments.
    """
    settings, phases = config.backbone, plan_phases(config)
    backbone = obtain_backbone(settings, weights, config.seed, trainable=any(phase.freeze != "all" for phase in phases))
    engine_spec = choose_engine(settings.engine, settings.precision, config.threads)
    pipeline = ImagePipeline(Policy(config.augmentation), backbone.size, settings.resize, reader)
    finetuning.check_freeze_lines(backbone, phases, settings.float32_until)
    finetuning.check_phases(phases)
    features = FeatureExtractors(
        backbone, engine_spec, pipeline, config.cache, settings.float32_until, CacheStats(), quantized or {}
    )
    return Components(weights, phases, features, timer)


def prepare_photos(config: Config, components: Components, run: Run) -> PreparedPhotos:
    """Draw photos, validate them, extract the features of the plain ones, and group the duplicates.

    Raises:
        UserError: the data is missing or invalid.
    """
    timer, reader, cache = components.timer, components.features.pipeline.reader, _cache(config)
    with timer("index"):
        catalogue = load_catalogue(config.data, cache)
    run.log_json(catalogue.facts, "data/catalogue.json")
    split = split_in_effect(catalogue, config.split)
    plan = draw(catalogue, config.sampling, split, config.seed)
    metrics = reporter.log_excluded(run, plan, config.sampling.exclude)
    with timer("read"):
        validated = validate_photos(catalogue, plan, reader, cache, config.sampling.max_rejected)
    metrics |= reporter.log_validated(run, validated, config.sampling.per_class)
    photos = validated.photos
    with timer("features"):
        extractor = components.features.at("all", validated.learnable)
        vectors = extractor.extract(photos, [0]).load()[0]
    duplicates = find_duplicates(photos, vectors, config.split.duplicates, reader, cache, config.threads)
    reporter.log_duplicates(run, duplicates)
    return PreparedPhotos(split, plan, validated, extractor, vectors, duplicates, metrics)


def train_and_evaluate(
    config: Config,
    components: Components,
    manifest: Manifest,
    run: Run,
    prepared: PreparedPhotos | None = None,
    counts: Mapping[str, float] | None = None,
) -> RunResult:
    """Train on a manifest, evaluate, and log the result: what a run and its repetition share.

    Args:
        prepared: the photos that the manifest was built from; None: it is an earlier run's.
        counts: metrics to log with the others.

    Raises:
        UserError: the training diverged.
    """
    reporter.log_manifest(run, manifest, reporter.data_source(config.data))
    extractors = build_extractors(components, manifest, prepared)
    epochs = reporter.EpochLog(run)
    training = train(config, components, extractors, manifest, epochs)
    epochs.flush()
    for freeze, extractor in extractors.items():
        reporter.log_quantized(run, freeze, extractor.quantized, manifest)
    fingerprint = extractors[config.backbone.freeze].fingerprint(augmented=False)
    run.log_json(fingerprint, "environment/features.json")
    classifier = assemble_classifier(components.features.backbone, training.head, config.backbone.resize)
    predictions = training.predictions(manifest)
    evaluation = evaluate(predictions, config.seed)
    if config.tracking.figures:
        pipeline = components.features.pipeline
        grouped = None if prepared is None else (prepared.duplicates.members, prepared.duplicates.pairs)
        curves = training.history, training.best_epoch, training.second_phase
        for path, figure in figures(predictions, *curves, pipeline.read_pixels, pipeline.all_views, grouped):
            run.log_figure(figure, path)
    for path, table in evaluation.tables.items():
        run.log_table(table, path)
    model_id = reporter.log_model(run, config.tracking.model, classifier, training.head, manifest.classes)
    metrics = {
        **(counts or {}),
        **evaluation.metrics,
        **components.features.stats.metrics(),
        "best/epoch": float(training.best_epoch + 1),
        **{f"time/{step}_seconds": seconds for step, seconds in components.timer.seconds.items()},
        "time/total_seconds": components.timer.elapsed,
    }
    reporter.log_results(run, metrics, model_id)
    summary = reporter.closing_rows(metrics, components.weights.origin, run.id, config.tracking)
    return RunResult(metrics, training.history, fingerprint, summary)


def build_extractors(
    components: Components, manifest: Manifest, prepared: PreparedPhotos | None = None
) -> dict[str, FeatureExtractor]:
    """Build the feature extractors that the phases of training need, by freeze line."""
    extractors = {} if prepared is None else {"all": prepared.extractor}
    for phase in components.phases:
        if phase.freeze not in extractors:
            extractors[phase.freeze] = components.features.at(phase.freeze, manifest.of("train"))
    return extractors


def train(
    config: Config,
    components: Components,
    extractors: Mapping[str, FeatureExtractor],
    manifest: Manifest,
    report: Callable[[int, dict[str, float]], None],
) -> TrainingResult:
    """Build the head and train it on the features of a manifest, in all phases.

    Args:
        report: called with the number of each epoch and its metrics.
    """
    features = components.features.backbone.network.output_shape[-1]
    head = build_head(config.head, features, len(manifest.classes), derive(config.seed, "head"))
    state = state_path(config, components, manifest)
    return finetuning.train_phases(components.phases, extractors, manifest, head, report, state, components.timer)


def state_path(config: Config, components: Components, manifest: Manifest) -> Path:
    """Return the path, without its ending, of the files that hold the state of an interrupted training.

    The origin of the weights is part of it: the same configuration may find ImageNet weights on another machine, and
    random weights on this one.
    """
    key = run_key(config, f"{manifest.digest()} {components.features.backbone.origin}")
    return _cache(config) / "unfinished" / key


def _cache(config: Config) -> Path:
    return Path(config.cache.root)
