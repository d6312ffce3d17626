"""All combinations of what is swept: Hydra's multirun, `python -m ndsc.train -m optimizer.learning_rate=1e-3,1e-4`.

Hydra takes sweepers from the package `hydra_plugins` only, and imports all that lies in it at every start.
"""

import itertools
import re
import sys
from collections.abc import Mapping, Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

from ndsc.config import typed
from ndsc.errors import UserError, shown_to_user
from ndsc.run_key import run_key
from ndsc.sweeps.job import Job


class GridSweeper(Sweeper):
    """Runs every combination under one parent run."""

    def __init__(self, params: Mapping[str, str] | None = None) -> None:
        self._params = params or {}

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Hydra hands over what a sweep needs."""
        self.config = config
        self.hydra_context = hydra_context
        self._launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> None:
        """Run what the command line asks for; exit code 1 when a run failed."""
        with shown_to_user():
            # MLflow takes seconds to import, and a mistake in the configuration is told before that.
            jobs = [self._job(*combination) for combination in self._combinations(arguments)]
            from ndsc.sweeps.sweep import Sweep

            failed = Sweep(self._launcher, self.config, arguments).run(jobs)
        if failed:
            sys.exit(1)

    def _combinations(self, arguments: Sequence[str]) -> list[tuple[list[str], dict[str, str]]]:
        """All combinations: their overrides, and those of them that are swept."""
        given = [f"{key}={value}" for key, value in self._params.items()]
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        # The same key a second time: the command line comes before what an experiment sweeps.
        overrides = {override.get_key_element(): override for override in parser.parse_overrides([*given, *arguments])}
        swept = [key for key, override in overrides.items() if override.is_sweep_override()]
        choices = [_values(override) for override in overrides.values()]
        combinations = []
        for values in itertools.product(*choices):
            chosen = dict(zip(overrides, values, strict=True))
            texts = [f"{key}={value}" if value is not None else key for key, value in chosen.items()]
            combinations.append((texts, {key.lstrip("+"): _unescaped(str(chosen[key])) for key in swept}))
        return combinations

    def _job(self, overrides: list[str], differs: dict[str, str]) -> Job:
        """Composed and checked before anything runs, so that a mistake costs seconds and not a night."""
        composed = self.hydra_context.config_loader.load_sweep_config(self.config, overrides)
        with open_dict(composed):
            del composed["hydra"]
        config = typed(composed)
        return Job(overrides, differs, config, run_key(config))


def _values(override: Override) -> list[str | None]:
    """What an override may be; None for one without a value (`~augmentation.layers.flip`)."""
    if not override.is_sweep_override():
        if override.is_delete() and override.value() is None:
            return [None]
        return [override.get_value_element_as_str()]
    if not override.is_discrete_sweep():
        raise UserError(
            f"A sweep over all combinations expects values to choose from (a,b,c, choice(…), range(…), glob(*)). "
            f"Received: {override.input_line}. For an interval use the search: hydra/sweeper=optuna."
        )
    return list(override.sweep_string_iterator())


def _unescaped(value: str) -> str:
    """A value as a person writes it: Hydra puts a backslash before colons and the like."""
    return re.sub(r"\\(.)", r"\1", value)
