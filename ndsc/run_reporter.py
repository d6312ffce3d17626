"""What a run tells of itself, to the person at the terminal and to tracking: what it drew, what it rejected, what it
reused, what it cost. Each method takes what a step made, records it, and gives it on."""

import logging
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from ndsc.config.hydra_job import HydraJob
from ndsc.config.run_key import source_digest
from ndsc.config.schema import Config, TrackingConfig
from ndsc.data.catalogue import Catalogue
from ndsc.data.decoding import read_pixels
from ndsc.data.manifest import Manifest, ManifestResult
from ndsc.data.photo_validation import ValidatedPhotos
from ndsc.data.sampling import SamplePlan
from ndsc.duplicates.duplicate_groups import Duplicates
from ndsc.evaluation.figures.duplicate_sheet import duplicate_sheet
from ndsc.evaluation.figures.photo_sheets import view_sheet
from ndsc.evaluation.figures.run_figures import figures
from ndsc.evaluation.predictions import Predictions
from ndsc.evaluation.report import evaluate
from ndsc.model.engines import EngineSpec
from ndsc.model.weights import Weights
from ndsc.terminal import closing_table
from ndsc.tracking.environment import log_environment
from ndsc.tracking.logged_model import log_classifier, log_head
from ndsc.tracking.store_address import store_uri
from ndsc.tracking.tracked_run import Run
from ndsc.training.finetuning import Study, Trained

log = logging.getLogger(__name__)

FLUSH_SECONDS = 5.0  # a long training is followed live, a short one is written in one go
SHEET_PHOTOS = 2  # a class


class Story:
    """Tells one run. `time/index_seconds` and `time/read_seconds` are the seconds between one telling and the next."""

    def __init__(self, run: Run, config: Config, invocation: HydraJob, weights: Weights) -> None:
        self._run, self._config, self._weights = run, config, weights
        self._in_sweep = invocation.in_sweep
        self._started = self._last = time.perf_counter()
        self._metrics: dict[str, float] = {}
        self._waiting: dict[str, list[float]] = {}
        self._duplicates: Duplicates | None = None
        self._epochs_sent = 0
        self._sent_at = self._started
        if weights.warning:
            log.warning(weights.warning)
        run.log_text(invocation.yaml, "config/config.yaml")
        asked = {"overrides": invocation.overrides, "choices": invocation.choices, "folder": str(invocation.folder)}
        run.log_json(asked, "config/invocation.json")
        if config.tracking.resume_run_id is None:  # a sweep's own run has no params: it stands for many
            run.log_params(invocation.params())
        run.set_tags(
            {
                "command": invocation.command,
                "source": source_digest(),
                "weights": weights.origin,
                "data.root": _source(config),
                "cache.root": str(Path(config.cache.root).absolute()),
            }
        )
        log_environment(run, Path(__file__).parent.parent)

    def indexed(self, catalogue: Catalogue) -> Catalogue:
        """The listings there are: how many, how many paths were repaired, how many photos are absent."""
        self._time("time/index_seconds")
        self._run.log_json(catalogue.facts, "data/catalogue.json")
        return catalogue

    def drawn(self, drawn: SamplePlan) -> SamplePlan:
        """What shall be tried, and what `sampling.exclude` left out."""
        if drawn.excluded is not None:
            listings = drawn.excluded.listings
            issues = ", ".join(
                f"{count} × {issue}" for issue, count in listings["issue"].value_counts().items() if issue
            )
            log.info(
                "%d listings are excluded by %s%s",
                len(listings),
                self._config.sampling.exclude,
                issues and f": {issues}",
            )
            if drawn.excluded.unmatched:
                log.warning("%d photos that it excludes are not in this data", drawn.excluded.unmatched)
            self._metrics["data/excluded"] = len(listings)
            self._run.log_table(listings, "data/excluded.csv")
        self._last = time.perf_counter()  # drawing is no part of reading
        return drawn

    def read(self, usable: ValidatedPhotos) -> ValidatedPhotos:
        """The photos that can be used, and the ones that were passed over."""
        self._time("time/read_seconds")
        self._metrics["data/rejected"] = len(usable.rejected)
        self._run.log_table(usable.rejected, "data/rejected.csv")
        self._tell_shortages(usable.photos)
        return usable

    def _tell_shortages(self, photos: pd.DataFrame) -> None:
        asked = self._config.sampling.per_class
        drawn = photos.loc[photos["role"] != "pool", "label"].value_counts()
        short = {label: count for label, count in drawn.items() if asked is not None and count < asked}
        if short:
            listed = ", ".join(f"{label} {count}" for label, count in short.items())
            log.info("fewer photos than the %d asked for, so all there are: %s", asked, listed)
            self._run.log_json(
                {"asked": asked, "drawn": {str(k): int(v) for k, v in short.items()}}, "data/shortages.json"
            )

    def chose(self, choice: EngineSpec) -> EngineSpec:
        """The engine, and why."""
        log.info("engine: %s at %s (%s)", choice.engine, choice.precision, choice.reason)
        self._run.set_tags(
            {"engine": choice.engine, "engine.precision": choice.precision, "engine.reason": choice.reason}
        )
        self._last = time.perf_counter()  # building a backbone is no part of indexing
        return choice

    def compared(self, duplicates: Duplicates) -> Duplicates:
        """Who is a copy of whom."""
        self._duplicates = duplicates
        self._run.log_table(duplicates.members[["group", "image_path", "label", "content"]], "data/duplicates.csv")
        if len(duplicates.pairs):
            self._run.log_table(duplicates.pairs, "data/near_pairs.csv")
        if duplicates.refused:
            log.warning(
                "%d pairs stay apart, for with them a group would be too large; joined=False in data/near_pairs.csv",
                duplicates.refused,
            )
        return duplicates

    def finished(self, finished: ManifestResult) -> Manifest:
        """The manifest, and what was set aside for it."""
        log.info(
            "%d duplicate groups, %d of which a split blind to them would have divided; %d photos set aside",
            finished.duplicate_groups,
            finished.leaks_prevented,
            len(finished.set_aside),
        )
        self._metrics["data/duplicate_groups"] = finished.duplicate_groups
        self._metrics["data/leaks_prevented"] = finished.leaks_prevented
        self._run.log_table(finished.set_aside, "data/set_aside.csv")
        return self.found_again(finished.manifest)

    def found_again(self, manifest: Manifest) -> Manifest:
        """A manifest for which nothing was drawn now."""
        sizes = manifest.rows["split"].value_counts()
        log.info(
            "manifest %s: %d to train on, %d to validate, %d to test, in %d classes",
            manifest.digest(),
            *(int(sizes.get(split, 0)) for split in ("train", "validation", "test")),
            len(manifest.classes),
        )
        self._run.set_tags({"manifest": manifest.digest()})
        self._run.log_json(list(manifest.classes), "data/classes.json")
        self._log_manifest(manifest)
        return manifest

    def _log_manifest(self, manifest: Manifest) -> None:
        self._log_made("manifest.parquet", manifest.save)
        source = _source(self._config)
        for split in manifest.rows["split"].unique():
            self._run.log_dataset(manifest.of(split), split, source, "training" if split == "train" else split)

    def epoch(self, number: int, metrics: dict[str, float]) -> None:
        """One epoch's metrics: kept, and written at most every few seconds, off the training loop."""
        for name, value in metrics.items():
            self._waiting.setdefault(name, []).append(value)
        if time.perf_counter() - self._sent_at > FLUSH_SECONDS and number > 0:
            self._send_epochs()

    def _send_epochs(self) -> None:
        if self._waiting:
            self._run.log_history(self._waiting, first_step=self._epochs_sent + 1)
            self._epochs_sent += len(next(iter(self._waiting.values())))
            self._waiting = {}
        self._sent_at = time.perf_counter()

    def trained(self, trained: Trained, study: Study) -> Trained:
        """The curves, and what the features are and cost."""
        self._send_epochs()
        features = study.frozen_part(self._config.backbone.freeze).fingerprint(augmented=False)
        self._run.log_json(features, "environment/features.json")
        cost = study.cost
        self._metrics |= {
            "time/features_seconds": cost.seconds,
            "time/fit_seconds": trained.fit_seconds,
            "cache/hits": cost.hits,
            "cache/misses": cost.misses,
            "best/epoch": trained.best_epoch + 1,
        }
        if cost.misses:
            self._metrics["throughput/backbone_images_per_second"] = cost.misses / cost.backbone_seconds
        return trained

    def evaluated(self, trained: Trained, manifest: Manifest, study: Study) -> dict[str, float]:
        """Metrics, reports and figures."""
        self._tell_calibration(manifest, study)
        predictions = {}
        for split, probabilities in trained.probabilities.items():
            rows = manifest.of(split)
            if len(rows):
                predictions[split] = Predictions(probabilities, manifest.labels(rows), manifest.classes, rows)
        report = evaluate(predictions, self._config.seed)
        self._metrics |= report.metrics
        for path, table in report.tables.items():
            self._run.log_table(table, path)
        if self._config.tracking.figures:

            def photo(row: pd.Series) -> np.ndarray:
                return read_pixels(study.reader.read(row["archive"], int(row["offset"]), int(row["size"])))

            for path, figure in figures(predictions, trained.history, trained.best_epoch, trained.second_phase, photo):
                self._run.log_figure(figure, path)
            self._log_views(manifest, study)
            if self._duplicates is not None and len(self._duplicates.members):
                sheet = duplicate_sheet(self._duplicates.members, self._duplicates.pairs, photo)
                self._run.log_figure(sheet, "figures/duplicates.png")
        return self._metrics

    def _tell_calibration(self, manifest: Manifest, study: Study) -> None:
        """What a quantized network was measured on: a repetition that finds no network measures it on the same."""
        photos = study.calibration()
        if photos is None:
            return
        self._log_made("calibration.parquet", partial(photos.to_parquet, index=False))
        tested = manifest.of("test")["content"].isin(photos["content"]).sum()
        if tested:
            log.warning(
                "%d of the %d test photos are among those that an earlier run measured the int8 network on: their "
                "pixels were seen, not their labels. Another cache (cache.root=<folder>) gets a network without them.",
                tested,
                len(manifest.of("test")),
            )

    def _log_made(self, name: str, write: Callable[[Path], None]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder) / name)
            self._run.log_file(Path(folder) / name, "data")

    def _log_views(self, manifest: Manifest, study: Study) -> None:
        train = manifest.of("train")
        shown = train.groupby("label", sort=True).head(SHEET_PHOTOS)
        shown = shown.sort_values("label", kind="stable").head(12)
        pixels = study.frozen_part("all").pixels(shown)
        self._run.log_figure(view_sheet(pixels, shown["label"].tolist()), "figures/augmented_views.png")

    def saved(self, classifier: keras.Model, head: keras.Model, classes: tuple[str, ...]) -> None:
        """The model, as much of it as `tracking.model` says."""
        if self._config.tracking.model == "full":
            log_classifier(self._run, classifier, classes)
        elif self._config.tracking.model == "head":
            log_head(self._run, head, classes)

    def closed(self, metrics: dict[str, float]) -> None:
        """Write all metrics at once and print the closing table."""
        metrics["time/total_seconds"] = time.perf_counter() - self._started
        self._run.log_metrics(metrics)
        if self._in_sweep:
            log.info("validation accuracy %.2f %%", 100 * metrics["best/val_accuracy"])
        else:
            closing_table(self._summary(metrics))

    def _summary(self, metrics: dict[str, float]) -> dict[str, str]:
        low, high = metrics["best/val_accuracy_low"], metrics["best/val_accuracy_high"]
        steps = {"reading": "time/read_seconds", "features": "time/features_seconds", "fit": "time/fit_seconds"}
        seconds = [f"{step} {metrics[name]:.1f}" for step, name in steps.items() if name in metrics]
        summary = {
            "validation accuracy": f"{metrics['best/val_accuracy']:.2%}  (95 % interval {low:.1%} to {high:.1%})",
            "training accuracy": f"{metrics['best/train_accuracy']:.2%}",
            "best epoch": f"{metrics['best/epoch']:.0f}",
            **self._copies(metrics),
            "features": f"{metrics['cache/hits']:,.0f} from the cache, {metrics['cache/misses']:,.0f} computed",
            "seconds": f"{metrics['time/total_seconds']:.1f}: {', '.join(seconds)}",
            "weights": self._weights.origin,
        }
        if "test/accuracy" in metrics:
            low, high = metrics["test/accuracy_low"], metrics["test/accuracy_high"]
            summary["test accuracy"] = f"{metrics['test/accuracy']:.2%}  (95 % interval {low:.1%} to {high:.1%})"
        if self._run.id:
            summary["run"] = self._run.id
            summary["to look at it"] = _page(self._config.tracking)
        return summary

    @staticmethod
    def _copies(metrics: dict[str, float]) -> dict[str, str]:
        """A repetition of a run groups nothing: its manifest is the run's."""
        if "data/duplicate_groups" not in metrics:
            return {}
        found, divided = metrics["data/duplicate_groups"], metrics["data/leaks_prevented"]
        return {"duplicate groups": f"{found:,.0f}, {divided:,.0f} of them else on both sides"}

    def _time(self, name: str) -> None:
        now = time.perf_counter()
        self._metrics[name] = now - self._last
        self._last = now


def _source(config: Config) -> str:
    """Where the photos come from, in one line."""
    if config.data.source == "sample":
        return "rendered sample"
    return " ".join(place for place in (config.data.root, config.data.table) if place)


def _page(tracking: TrackingConfig) -> str:
    """How to look at a run."""
    if tracking.kind == "server":
        return "the tracking server's page"
    return "make ui" if tracking.root == "mlruns" else f"mlflow ui --backend-store-uri {store_uri(tracking)}"
