"""What our sweepers share: Hydra's launcher, and jobs composed and checked before anything runs."""

from collections.abc import Mapping, Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

from ndsc.config import typed
from ndsc.sweeps.job import Job


class ComposingSweeper(Sweeper):
    """A sweeper whose jobs are known as typed configurations.

    Args:
        params: what an experiment sweeps, as one would type it; the command line comes before it.
    """

    def __init__(self, params: Mapping[str, str] | None = None) -> None:
        self._params = params or {}
        self._digests: dict[str, str] = {}

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Hydra hands over what a sweep needs."""
        self.config = config
        self.hydra_context = hydra_context
        self._launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def _overrides(self, arguments: Sequence[str]) -> dict[str, Override]:
        """What is overridden, by key."""
        given = [f"{key}={value}" for key, value in self._params.items()]
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        return {override.get_key_element(): override for override in parser.parse_overrides([*given, *arguments])}

    def _job(self, overrides: Sequence[str], differs: Mapping[str, str]) -> Job:
        """A job of these overrides, composed and checked: a mistake costs seconds and not a night.

        Raises:
            UserError: the configuration is wrong, or its data is not there.
        """
        # Hydra imports this file at every start; what this needs takes a while.
        from ndsc.data.identity import data_digest
        from ndsc.run_key import training_key

        composed = self.hydra_context.config_loader.load_sweep_config(self.config, list(overrides))
        with open_dict(composed):
            del composed["hydra"]
        config = typed(composed)
        # Jobs of a sweep share their data, and to look through a folder of it takes a while.
        data = repr((config.data, config.sampling.test.list, config.sampling.exclude))
        if data not in self._digests:
            self._digests[data] = data_digest(config)
        return Job(overrides, differs, config, training_key(config, self._digests[data]))


def fixed(override: Override) -> str:
    """An override that is not swept, as one would type it again."""
    key = override.get_key_element()
    if override.is_delete() and override.value() is None:
        return key
    return f"{key}={override.get_value_element_as_str()}"
