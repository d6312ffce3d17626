"""What several test files share: small configurations composed as the command line composes them."""

import os
from collections.abc import Callable

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from ndsc.config import CONFIG_FOLDER, Config, register, typed

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# A real network, but a tiny one: 218,000 weights, built and run in a second.
TINY = (
    "backbone.name=tiny",
    "backbone.build._target_=keras.applications.MobileNet",
    "+backbone.build.alpha=0.25",
    "backbone.preprocess=keras.applications.mobilenet.preprocess_input",
    "backbone.weights=random",
    "backbone.image_size=32",
)


@pytest.fixture
def composed() -> Callable[..., DictConfig]:
    """Composes `conf/train.yaml` with these overrides."""

    def with_overrides(*overrides: str) -> DictConfig:
        register()
        with initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
            return compose("train", overrides=list(overrides))

    return with_overrides


@pytest.fixture
def configured(composed: Callable[..., DictConfig]) -> Callable[..., Config]:
    """Composes, types and checks."""
    return lambda *overrides: typed(composed(*overrides))
