"""How a run was asked for: what Hydra knows of the command line, in plain values."""

import shlex
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

# Choices of these groups shape a run's numbers; `tracking` and Hydra's own do not.
COMPARED_GROUPS = (
    "data",
    "sampling",
    "split",
    "augmentation",
    "backbone",
    "head",
    "optimizer",
    "training",
    "callbacks",
)
# What a person compares, whether it was overridden or not.
COMPARED_KEYS = (
    "data.labels",
    "sampling.per_class",
    "augmentation.views",
    "backbone.weights",
    "backbone.freeze",
    "backbone.image_size",
    "head.units",
    "head.dropout",
    "optimizer.learning_rate",
    "optimizer.weight_decay",
    "training.epochs",
    "training.batch_size",
    "seed",
)
# Where things lie and how they are recorded: facts of the invocation, not of the run.
PLACES = (
    "threads",
    "rerun_finished",
    "data.root",
    "data.metadata",
    "data.table",
    "sampling.test.list",
    "tracking",
    "cache",
    "hydra",
)
LONGEST_NAME = 120
SET_BY_SWEEPS = ("tracking.parent_run_id=", "tracking.resume_run_id=", "tracking.run_name='", "+callbacks.pruning=")


@dataclass(frozen=True)
class HydraJob:
    """The overrides as typed, the choice made in each group, the composed configuration, and Hydra's folder."""

    overrides: tuple[str, ...]
    choices: Mapping[str, str]
    composed: DictConfig
    folder: Path
    in_sweep: bool

    @classmethod
    def of(cls, composed: DictConfig) -> "HydraJob":
        """What Hydra knows of the job that is running now."""
        hydra = HydraConfig.get()
        choices = {group: choice for group, choice in hydra.runtime.choices.items() if isinstance(choice, str)}
        return cls(
            tuple(hydra.overrides.task),
            choices,
            composed,
            Path(hydra.runtime.output_dir),
            hydra.mode is RunMode.MULTIRUN,
        )

    @property
    def command(self) -> str:
        """The command line, to be typed again; of a run of a sweep, the one that does this run alone."""
        typed = [override for override in self.overrides if not override.startswith(SET_BY_SWEEPS)]
        return shlex.join(["python", "-m", "ndsc.train", *typed])

    @property
    def yaml(self) -> str:
        """The whole configuration, resolved."""
        return OmegaConf.to_yaml(self.composed, resolve=True)

    def params(self) -> dict[str, object]:
        """What was swept and what a person compares, keyed exactly like its override."""
        params: dict[str, object] = {group: self.choices[group] for group in COMPARED_GROUPS if group in self.choices}
        keys = [*COMPARED_KEYS, *(key for key, _ in self._compared_overrides() if key not in self.choices)]
        for key in keys:
            value = OmegaConf.select(self.composed, key)
            if not OmegaConf.is_config(value):
                params[key] = value
        return params

    def name(self) -> str:
        """A run's name: the experiment, and what was overridden, the last part of each key."""
        parts = [f"{key.split('.')[-1]}={value}" for key, value in self._compared_overrides() if key != "experiment"]
        return textwrap.shorten(
            " ".join([self.choices.get("experiment", "run"), *parts]), LONGEST_NAME, placeholder=" …"
        )

    def _compared_overrides(self) -> list[tuple[str, str]]:
        """Overrides that shape the numbers, as (key, value)."""
        pairs = [override.lstrip("+~").partition("=") for override in self.overrides]
        return [
            (key, value)
            for key, _, value in pairs
            if not any(key == place or key.startswith(place + ".") for place in PLACES)
        ]
