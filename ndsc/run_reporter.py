"""The log of a run: artifacts, tags and lines for the results of each step, and the rows of the closing table."""

import logging
import shlex
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import keras

from ndsc.caching.openvino_cache import Network
from ndsc.config.hydra_job import HydraJob
from ndsc.config.run_key import source_digest
from ndsc.config.schema import DataConfig, TrackingConfig
from ndsc.data.manifest import Manifest, ManifestResult
from ndsc.data.photo_validation import ValidatedPhotos
from ndsc.data.sampling import SamplePlan
from ndsc.duplicates.duplicate_groups import Duplicates
from ndsc.errors import redacted
from ndsc.model.engines import EngineSpec
from ndsc.model.weights import Weights
from ndsc.tracking.environment import log_environment
from ndsc.tracking.logged_model import log_classifier, log_head, log_quantized_network
from ndsc.tracking.store import store_uri
from ndsc.tracking.tracked_run import Run

log = logging.getLogger(__name__)

# The splits by the metrics of their predictions.
MEASURED_ON = {"train": "best/train_", "validation": "best/val_", "test": "test/"}
FLUSH_SECONDS = 5.0  # a long training can be followed live, a short one is logged in one call


def log_start(run: Run, job: HydraJob, data: DataConfig, cache_root: Path, weights: Weights, resumed: bool) -> None:
    """Log the configuration, the environment, and the paths of the data and the cache.

    Args:
        resumed: the run is a sweep's own, into which its best job is logged. It gets no params, since the comparison
        page
            would list the best job twice.
    """
    if weights.warning:
        log.warning(weights.warning)
    if not resumed:
        run.log_params(job.params())
    run.log_text(job.yaml, "config/config.yaml")
    invocation = {"overrides": job.overrides, "choices": job.choices, "folder": str(job.folder)}
    run.log_json(invocation, "config/invocation.json")
    run.set_tags(
        {
            "command": job.command,
            "source": source_digest(),
            "weights": weights.origin,
            "data.root": data_source(data),
            "cache.root": str(cache_root.absolute()),
        }
    )
    log_environment(run, Path(__file__).parent.parent)


def log_engine(run: Run, spec: EngineSpec) -> None:
    """Log the engine and the reason for it."""
    log.info("engine: %s at %s (%s)", spec.engine, spec.precision, spec.reason)
    run.set_tags({"engine": spec.engine, "engine.precision": spec.precision, "engine.reason": spec.reason})


def log_excluded(run: Run, plan: SamplePlan, exclude: str | None) -> dict[str, float]:
    """Log the listings that `sampling.exclude` excludes; return metrics."""
    if plan.excluded is None:
        return {}
    listings = plan.excluded.listings
    counts = listings["issue"].value_counts().items()
    issues = ", ".join(f"{count} × {issue}" for issue, count in counts if issue)
    log.info("%d listings are excluded by %s%s", len(listings), exclude, issues and f": {issues}")
    if plan.excluded.unmatched:
        log.warning("%d photos that %s excludes are not in this data", plan.excluded.unmatched, exclude)
    run.log_table(listings, "data/excluded.csv")
    return {"data/excluded": len(listings)}


def log_validated(run: Run, validated: ValidatedPhotos, per_class: int | None) -> dict[str, float]:
    """Log the rejected photos, and the classes that have fewer photos than requested; return metrics."""
    run.log_table(validated.rejected, "data/rejected.csv")
    drawn = validated.photos.loc[validated.photos["role"] != "pool", "label"].value_counts()
    short = {str(label): int(count) for label, count in drawn.items() if per_class is not None and count < per_class}
    if short:
        listed = ", ".join(f"{label} {count}" for label, count in short.items())
        log.info("classes with fewer than %d photos, all of which are used: %s", per_class, listed)
        run.log_json({"asked": per_class, "drawn": short}, "data/shortages.json")
    return {"data/rejected": len(validated.rejected)}


def log_duplicates(run: Run, duplicates: Duplicates) -> None:
    """Log duplicate groups."""
    run.log_table(duplicates.members[["group", "image_path", "label", "content"]], "data/duplicates.csv")
    if len(duplicates.pairs):
        run.log_table(duplicates.pairs, "data/near_pairs.csv")
    if duplicates.refused:
        log.warning(
            "%d pairs are not joined, because the group would be too large (joined=False in data/near_pairs.csv)",
            duplicates.refused,
        )


def log_split(run: Run, result: ManifestResult) -> dict[str, float]:
    """Log the photos that were set aside, and the duplicate groups that the split keeps together; return metrics."""
    log.info(
        "%d duplicate groups, of which %d would have leaked across the split; %d photos set aside",
        result.duplicate_groups,
        result.leaks_prevented,
        len(result.set_aside),
    )
    run.log_table(result.set_aside, "data/set_aside.csv")
    return {"data/duplicate_groups": result.duplicate_groups, "data/leaks_prevented": result.leaks_prevented}


def log_manifest(run: Run, manifest: Manifest, source: str) -> None:
    """Log the manifest, its classes, and each split as an MLflow data set."""
    sizes = manifest.rows["split"].value_counts()
    log.info(
        "manifest %s: %d training, %d validation, %d test photos in %d classes",
        manifest.digest(),
        *(int(sizes.get(split, 0)) for split in ("train", "validation", "test")),
        len(manifest.classes),
    )
    run.set_tags({"manifest": manifest.digest()})
    run.log_json(list(manifest.classes), "data/classes.json")
    run.log_saved(manifest.save, "data/manifest.parquet")
    for split in manifest.rows["split"].unique():
        run.log_dataset(manifest.of(split), split, source, "training" if split == "train" else split)


def log_quantized(run: Run, freeze: str, network: Network | None, manifest: Manifest) -> None:
    """Log the int8 network of a freeze line (None: another precision), so that the run can be repeated to the bit."""
    if network is None:
        return
    log_quantized_network(run, network.folder, network.digest, freeze)
    test = manifest.of("test")["content"]
    if seen := int(test.isin(network.notes.get("contents", ())).sum()):
        log.warning(
            "%d of the %d test photos are among those that calibrated the int8 network in an earlier run. The network "
            "saw their pixels, but not their labels. To calibrate without them, use another cache "
            "(cache.root=<folder>).",
            seen,
            len(test),
        )


class EpochLog:
    """Buffers the metrics of epochs and logs them at most every few seconds."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._buffer: defaultdict[str, list[float]] = defaultdict(list)
        self._logged = 0
        self._logged_at = time.perf_counter()

    def __call__(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Add the metrics of one epoch."""
        for name, value in metrics.items():
            self._buffer[name].append(value)
        if time.perf_counter() - self._logged_at > FLUSH_SECONDS and epoch > 0:
            self.flush()

    def flush(self) -> None:
        """Log the buffered metrics."""
        if self._buffer:
            self._run.log_history(self._buffer, first_step=self._logged + 1)
            self._logged += len(next(iter(self._buffer.values())))
            self._buffer.clear()
        self._logged_at = time.perf_counter()


def log_model(run: Run, kind: str, classifier: keras.Model, head: keras.Model, classes: tuple[str, ...]) -> str | None:
    """Log the model as `tracking.model` says (`kind`): the whole model (`full`), its head, or nothing (`none`).

    Returns:
        the id of the whole model in MLflow.
    """
    if kind == "full":
        return log_classifier(run, classifier, classes)
    if kind == "head":
        log_head(run, head, classes)
    return None


def log_results(run: Run, metrics: Mapping[str, float], model_id: str | None) -> None:
    """Log the metrics of a run, and those of its predictions with the model and the split they were measured on."""
    others = dict(metrics)
    for split, prefix in MEASURED_ON.items() if model_id is not None else ():
        measured = {name: others.pop(name) for name in metrics if name.startswith(prefix)}
        run.log_model_metrics(measured, model_id, split)
    run.log_metrics(others)


def data_source(data: DataConfig) -> str:
    """Return the source of the photos in one line."""
    if data.source == "sample":
        return "rendered sample"
    return " ".join(path for path in (data.root, data.table) if path)


def closing_rows(metrics: Mapping[str, float], weights: str, run_id: str | None, tracking: TrackingConfig) -> dict:
    """Return the rows of the table that a finished run prints."""
    steps = {"reading": "time/read_seconds", "features": "time/features_seconds", "fit": "time/fit_seconds"}
    seconds = [f"{step} {metrics[name]:.1f}" for step, name in steps.items() if name in metrics]
    rows = {
        "validation accuracy": _with_interval(metrics, "best/val_accuracy"),
        "training accuracy": f"{metrics['best/train_accuracy']:.2%}",
        "best epoch": f"{metrics['best/epoch']:.0f}",
    }
    if "data/duplicate_groups" in metrics:  # not in the repetition of a run, which uses the recorded manifest
        groups, leaks = metrics["data/duplicate_groups"], metrics["data/leaks_prevented"]
        rows["duplicate groups"] = f"{groups:,.0f} ({leaks:,.0f} would have leaked into validation)"
    rows |= {
        "features": f"{metrics['cache/hits']:,.0f} from the cache, {metrics['cache/misses']:,.0f} computed",
        "seconds": f"{metrics['time/total_seconds']:.1f}: {', '.join(seconds)}",
        "weights": weights,
    }
    if "test/accuracy" in metrics:
        rows["test accuracy"] = _with_interval(metrics, "test/accuracy")
    if run_id is None:
        return rows
    serve = {"serve with": serve_command(run_id, tracking)} if tracking.model == "full" else {}
    return rows | {"run": run_id, "view with": _view_command(tracking)} | serve


def serve_command(run_id: str, tracking: TrackingConfig) -> str:
    """Return the command that serves the model of a run, from any folder."""
    # MLflow finds a server by the same variable; it would search a local store in the current folder.
    store = f"MLFLOW_TRACKING_URI={shlex.quote(store_uri(tracking))} " if tracking.kind == "local" else ""
    return f"{store}mlflow models serve --model-uri runs:/{run_id}/model --env-manager local"


def _with_interval(metrics: Mapping[str, float], name: str) -> str:
    low, high = metrics[f"{name}_low"], metrics[f"{name}_high"]
    return f"{metrics[name]:.2%}  (95 % interval {low:.1%} to {high:.1%})"


def _view_command(tracking: TrackingConfig) -> str:
    if tracking.kind == "server":
        return "the tracking server's page"
    own = shlex.join(["mlflow", "ui", "--backend-store-uri", redacted(store_uri(tracking))])
    return "make ui" if tracking.root == "mlruns" else own
