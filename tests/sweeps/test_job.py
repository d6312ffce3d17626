from collections.abc import Callable

import pytest

from ndsc.config.schema import Config
from ndsc.sweeps.job import Job


@pytest.mark.parametrize(
    ("differs", "name"),
    [
        ({"augmentation": "strong", "optimizer.learning_rate": "0.001"}, "augmentation=strong learning_rate=0.001"),
        (
            {"optimizer.learning_rate": "0.1", "training.finetune.learning_rate": "0.01", "seed": "3"},
            "optimizer.learning_rate=0.1 training.finetune.learning_rate=0.01 seed=3",
        ),
        ({}, ""),
    ],
)
def test_a_job_is_named_by_what_differs(configured: Callable[..., Config], differs: dict[str, str], name: str):
    assert Job([], differs, configured(), "").name == name
