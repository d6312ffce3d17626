"""The command line and composed configuration of a run, as Hydra knows them, in plain values."""

import shlex
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from ndsc.config.keys import flatten, is_compared

LONGEST_NAME = 120
# Overrides that a sweep adds to those of its runs.
SET_BY_SWEEPS = ("tracking.parent_run_id=", "tracking.resume_run_id=", "tracking.run_name='", "+callbacks.pruning=")


@dataclass(frozen=True)
class HydraJob:
    """The overrides as typed, the choice of each config group, the composed configuration and Hydra's output folder."""

    overrides: tuple[str, ...]
    choices: Mapping[str, str]
    composed: DictConfig
    folder: Path

    @classmethod
    def of(cls, composed: DictConfig) -> "HydraJob":
        """Return the job that Hydra is running now."""
        hydra = HydraConfig.get()
        choices = {group: choice for group, choice in hydra.runtime.choices.items() if isinstance(choice, str)}
        return cls(tuple(hydra.overrides.task), choices, composed, Path(hydra.runtime.output_dir))

    @property
    def command(self) -> str:
        """The command that repeats this run; for a run of a sweep, without the rest of the sweep."""
        typed = [override for override in self.overrides if not override.startswith(SET_BY_SWEEPS)]
        return shlex.join(["python", "-m", "ndsc.train", *typed])

    @property
    def yaml(self) -> str:
        """The whole configuration as YAML, with interpolations resolved."""
        return OmegaConf.to_yaml(self.composed, resolve=True)

    def params(self) -> dict[str, object]:
        """Return the choice of each config group and every value of the configuration, keyed like its override.

        Values keep their types. Keys that shape no number are left out (`ndsc.config.keys`).
        """
        groups = {group: choice for group, choice in self.choices.items() if group in self.composed}
        settings = OmegaConf.to_container(self.composed, resolve=True)
        assert isinstance(settings, dict)
        return {key: value for key, value in (groups | flatten(settings)).items() if is_compared(key)}

    def name(self) -> str:
        """Return the name of the run: the experiment, and the overrides by the last part of each key."""
        pairs = [override.lstrip("+~").partition("=") for override in self.overrides]
        parts = [f"{key.split('.')[-1]}={value}" for key, _, value in pairs if key != "experiment" and is_compared(key)]
        return textwrap.shorten(
            " ".join([self.choices.get("experiment", "run"), *parts]), LONGEST_NAME, placeholder=" …"
        )
