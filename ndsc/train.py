"""One tracked run, from archives to a saved classifier: `python -m ndsc.train +experiment=baseline`.

`main` reads straight down, in the order in which the data goes.
"""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from ndsc.config.command_line import hydra_command
from ndsc.config.hydra_job import HydraJob
from ndsc.config.schema import Config, register, typed
from ndsc.errors import shown_to_user
from ndsc.startup import start_tensorflow

if TYPE_CHECKING:
    from ndsc.data.manifest import Manifest
    from ndsc.run_reporter import Story
    from ndsc.training.finetuning import Study, Trained


def main(config: Config, invocation: HydraJob) -> dict[str, float]:
    """Do one run and return its metrics.

    Raises:
        UserError: something only the user can mend.
    """
    from ndsc.config.run_key import run_key
    from ndsc.data.catalogue import check_data, load_catalogue
    from ndsc.data.data_digest import data_digest
    from ndsc.model.weights import locate_weights
    from ndsc.storage.photo_reader import PhotoReader

    cache = Path(config.cache.root)
    check_data(config.data, config.sampling, config.split, cache)

    def fetch_weights(run_id: str) -> Path:
        from ndsc.tracking.downloads import fetch_classifier  # it imports MLflow, which most runs do not need here

        return fetch_classifier(run_id, config.tracking, cache)

    find_weights = partial(
        locate_weights,
        config.backbone,
        config.data.source == "sample",
        fetch_weights,
        config.threads,
    )
    # What is wrong is told before anything heavy is imported; a sweep goes on, and wants a run that says what failed.
    weights = None if invocation.in_sweep else find_weights()
    key = {"ndsc.key": run_key(config, data_digest(config.data, config.sampling, cache))}
    # From here on it takes seconds: whatever needs TensorFlow or MLflow is imported here, and nowhere above.
    start_tensorflow(config.threads)
    from ndsc.training.finetuning import Study, check_lines, check_phases

    if not invocation.in_sweep:
        check_lines(config)
    from ndsc.data.manifest import build_manifest
    from ndsc.data.photo_validation import validate_photos
    from ndsc.data.sampling import draw
    from ndsc.duplicates.duplicate_groups import find_duplicates
    from ndsc.features.views import Policy
    from ndsc.model.backbone_cache import obtain_backbone
    from ndsc.model.engines import choose_engine
    from ndsc.run_reporter import Story
    from ndsc.tracking.run import start_run

    with start_run(config.tracking, invocation.name(), key) as run, PhotoReader(cache) as reader:
        weights = weights or find_weights()
        story = Story(run, config, invocation, weights)
        backbone = obtain_backbone(config, weights)
        choice = story.chose(choose_engine(config.backbone.engine, config.backbone.precision, config.threads))
        study = Study(config, backbone, choice, Policy(config.augmentation), reader)
        check_phases(study)
        catalogue = story.indexed(load_catalogue(config.data, cache))
        drawn = story.drawn(draw(catalogue, config.sampling, config.split, config.seed))
        usable = story.read(validate_photos(catalogue, drawn, reader, cache, config.sampling.max_rejected))
        frozen = study.frozen_part("all")
        frozen.calibrate(usable.learnable)
        vectors = frozen.features(usable.photos, [0]).rows[0][:]
        duplicates = story.compared(
            find_duplicates(usable.photos, vectors, config.split.duplicates, reader, cache, config.threads)
        )
        groups = duplicates.groups
        finished = build_manifest(usable.photos, vectors, groups, config.split, config.sampling.test, config.seed)
        return train_and_evaluate(study, story.finished(finished), story)[1]


def train_and_evaluate(study: "Study", manifest: "Manifest", story: "Story") -> "tuple[Trained, dict[str, float]]":
    """Train on a manifest, judge, save and tell: what a run and its repetition share. Gives the run's metrics too.

    Raises:
        UserError: no such freeze line, or the training diverged.
    """
    from ndsc.model.classifier import assemble
    from ndsc.training.finetuning import train_phases

    trained = story.trained(train_phases(study, manifest, story.epoch), study)
    classifier = assemble(study.backbone, trained.head, study.config.backbone.resize)
    metrics = story.evaluated(trained, manifest, study)
    story.saved(classifier, trained.head, manifest.classes)
    story.closed(metrics)
    return trained, metrics


@hydra_command("train")
def command(composed: DictConfig) -> float:
    """Hydra's way in; a sweeper is given the best validation accuracy."""
    invocation = HydraJob.of(composed)
    with shown_to_user(invocation.in_sweep):
        return main(typed(composed), invocation)["best/val_accuracy"]


if __name__ == "__main__":
    register()
    command()
