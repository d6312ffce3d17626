from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from ndsc.data.manifest import IDENTITY, Manifest
from ndsc.errors import UserError
from ndsc.experiment import state_path
from tests.components import Setup

FINETUNE = ("training=finetune", "training.finetune.freeze=before:conv_pw_13")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("backbone.freeze=before:nonsense", "begins with 'nonsense'.*Received: backbone.freeze=before:nonsense"),
        (
            "training=finetune training.finetune.freeze=before:nonsense",
            "begins with 'nonsense'.*Received: training.finetune.freeze=before:nonsense",
        ),
        ("+optimizer.momentun=0.1", "optimizer cannot be built"),
        ("+callbacks.early_stopping.patienc=3", "callbacks.early_stopping cannot be built"),
        ("callbacks.early_stopping.monitor=val/loss", "loss, accuracy, val_loss, val_accuracy. Received: .*val/loss"),
    ],
)
def test_errors_in_the_configuration_are_found_before_any_photo_is_read(
    setup: Callable[..., Setup], override: str, message: str
):
    with pytest.raises(UserError, match=message):
        setup(*override.split())


def test_fine_tuning_has_a_second_phase_with_its_own_line_rate_and_files(setup: Callable[..., Setup], tmp_path: Path):
    checkpoint = "+callbacks.checkpoint={_target_:keras.callbacks.ModelCheckpoint,filepath:'out/best.weights.h5',"
    checkpoint += "save_weights_only:true}"
    first, second = setup(*FINETUNE, "callbacks=plateau", checkpoint).components.phases
    assert (first.freeze, second.freeze) == ("all", "before:conv_pw_13")
    assert first.optimizer["learning_rate"] > second.optimizer["learning_rate"]
    assert first.seed != second.seed
    files = [Path(phase.callbacks["checkpoint"]["filepath"]) for phase in (first, second)]
    assert files == [Path("out/best.weights.h5"), Path("out/finetune-best.weights.h5")]


def test_a_whole_number_is_a_learning_rate(setup: Callable[..., Setup]):
    first, second = setup(*FINETUNE, "optimizer.learning_rate=1").components.phases
    assert (first.optimizer["learning_rate"], second.optimizer["learning_rate"]) == (1.0, 1e-5)


def test_a_training_on_random_weights_is_not_resumed_on_imagenet_weights(setup: Callable[..., Setup]):
    one, manifest = setup(*FINETUNE), Manifest(pd.DataFrame(columns=pd.Index(IDENTITY)), ())
    random = one.components
    backbone = replace(random.features.backbone, origin="imagenet")
    imagenet = replace(random, features=replace(random.features, backbone=backbone))
    files = [state_path(one.config, components, manifest) for components in (random, imagenet, random)]
    assert files[0] != files[1]
    assert files[0] == files[2]
