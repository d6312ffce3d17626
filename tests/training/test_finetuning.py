from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import pytest

from ndsc.data.manifest import IDENTITY, Manifest
from ndsc.errors import UserError
from ndsc.training.finetuning import Study, _unfinished, check_phases


@pytest.mark.parametrize(
    ("override", "told"),
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
def test_mistakes_are_found_before_any_photo_is_read(study: Callable[..., Study], override: str, told: str):
    with pytest.raises(UserError, match=told):
        check_phases(study(*override.split()))


def test_what_can_be_trained_passes(study: Callable[..., Study]):
    check_phases(study("training=finetune", "training.finetune.freeze=before:conv_pw_13", "callbacks=plateau"))


def test_a_training_on_random_weights_for_want_of_others_is_not_gone_on_with_on_those(study: Callable[..., Study]):
    makeshift, manifest = study(), Manifest(pd.DataFrame(columns=pd.Index(IDENTITY)), ())
    genuine = replace(makeshift, backbone=replace(makeshift.backbone, origin="imagenet"))
    assert _unfinished(genuine, manifest, "first") != _unfinished(makeshift, manifest, "first")
    assert _unfinished(makeshift, manifest, "first") == _unfinished(makeshift, manifest, "first")
