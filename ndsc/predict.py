"""Classify new photos: `python -m ndsc.predict run=<run id> images=<files, folders or archives>`."""

import logging
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import MISSING, DictConfig

from ndsc.config.checks import typed
from ndsc.config.command_line import hydra_command
from ndsc.config.constraints import choice
from ndsc.config.schema import CacheRootConfig, TrackingStoreConfig
from ndsc.errors import UserError, report_errors
from ndsc.startup import start_tensorflow
from ndsc.terminal import progress

if TYPE_CHECKING:
    import pyarrow as pa

    from ndsc.data.prediction_files import ResultsFile

log = logging.getLogger(__name__)


@dataclass
class PredictConfig:
    """The settings of `python -m ndsc.predict`; `images` is a path or a list of paths."""

    run: str | None = None
    model: str | None = None
    images: Any = None
    output: str = MISSING
    overwrite: bool = MISSING
    precision: str = choice("float32", "auto")
    tracking: TrackingStoreConfig = MISSING
    cache: CacheRootConfig = MISSING


def main(config: PredictConfig) -> None:
    """Classify the photos and write the results.

    Raises:
        UserError: something that only the user can fix.
    """
    check(config)
    # Arrow and Pillow take a third of a second to import, which --help and a mistake in the configuration do without.
    from ndsc.data.prediction_files import ResultsFile, check_images, check_results_file, find_prediction_inputs
    from ndsc.storage.photo_reader import PhotoReader

    output, cache = Path(config.output).expanduser(), Path(config.cache.root)
    images = [str(image) for image in (config.images if isinstance(config.images, list) else [config.images])]
    check_results_file(output, config.overwrite)
    check_images(images)
    saved = _classifier_file(config, cache)
    photos = find_prediction_inputs(images, cache)
    # TensorFlow takes seconds to import.
    start_tensorflow()
    from ndsc.model.batch_inference import classifier_engine, classify_photos, result_schema
    from ndsc.model.photo_classifier import PhotoClassifier

    classifier = PhotoClassifier(saved)
    engine = classifier_engine(classifier, saved, config.precision, cache)
    with PhotoReader(cache) as reader, ResultsFile(output, result_schema(classifier.classes), config.overwrite) as file:
        unreadable, seconds = _write(classify_photos(photos, reader, classifier, engine), photos.num_rows, file)
    log.info(
        "%s: %d photos, %d of them unreadable, in %.1f seconds (%.1f a second)",
        output,
        photos.num_rows,
        unreadable,
        seconds,
        photos.num_rows / seconds,
    )


def check(config: PredictConfig) -> None:
    """Check that the configuration names a classifier and photos.

    Raises:
        UserError: the classifier or the photos are not named.
    """
    if (config.run is None) == (config.model is None):
        raise UserError(
            "Either run=<run id> or model=<a classifier.keras> must name the classifier. "
            f"Received: run={config.run or 'null'} and model={config.model or 'null'}. The id of a run is in the last "
            "lines that it printed and at the top of its page (make ui)."
        )
    if not config.images:
        raise UserError(
            "images=<photos, folders or archives> must name the photos to classify. Received: images=null. Set images."
        )


def _classifier_file(config: PredictConfig, cache: Path) -> Path:
    if config.run is not None:
        from ndsc.tracking.downloads import fetch_classifier

        return fetch_classifier(config.run, config.tracking, cache)
    path = Path(str(config.model)).expanduser()
    if not path.is_file() or path.suffix != ".keras":
        raise UserError(f"model= must name a file that ends in .keras. Received: model={path}. Fix the path.")
    return path


def _write(rows: Iterator["pa.RecordBatch"], total: int, file: "ResultsFile") -> tuple[int, float]:
    """Write all rows as they arrive; return the number of unreadable photos, and the seconds it took."""
    unreadable, started = 0, time.perf_counter()
    with progress("classifying", total=total) as advance, warnings.catch_warnings():
        # Pillow warns about metadata that does not matter here.
        warnings.simplefilter("ignore")
        for batch in rows:
            file.write(batch)
            unreadable += batch.column("label").null_count
            advance(batch.num_rows)
    return unreadable, time.perf_counter() - started


@hydra_command("predict", PredictConfig)
def command(composed: DictConfig) -> None:
    """Run the job that Hydra composed."""
    with report_errors():
        main(typed(composed, PredictConfig))


if __name__ == "__main__":
    command()
