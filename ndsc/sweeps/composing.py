"""What our sweepers share: Hydra's launcher, and jobs composed and checked before anything runs."""

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from ndsc.config.checks import typed
from ndsc.config.command_line import validate_keys
from ndsc.sweeps.job import Job


class ComposingSweeper(Sweeper):
    """A sweeper whose jobs are known as typed configurations.

    Args:
        params: what an experiment sweeps, as one would type it; the command line comes before it.
    """

    def __init__(self, params: Mapping[str, str] | None = None) -> None:
        self._params = params or {}
        self._digests: dict[str, str] = {}
        self._compositions: dict[tuple[str, ...], DictConfig] = {}

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Hydra hands over what a sweep needs."""
        self.config = config
        self.hydra_context = hydra_context
        self._launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )
        # Hydra knows its own settings in jobs only, but configurations may name its folder: until a job has one, the
        # sweep's stands for it.
        known = copy.deepcopy(config)
        with read_write(known.hydra), open_dict(known):
            known.hydra.runtime.output_dir = known.hydra.sweep.dir
        HydraConfig.instance().set_config(known)

    def _overrides(self, arguments: Sequence[str]) -> dict[str, Override]:
        """What is overridden, by key."""
        validate_keys(f"{key}={value}" for key, value in self._params.items())
        given = [f"{key}={value}" for key, value in self._params.items()]
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        return {override.get_key_element(): override for override in parser.parse_overrides([*given, *arguments])}

    def _job(self, same: Sequence[str], chosen: Mapping[str, str], differs: Mapping[str, str]) -> Job:
        """A job, composed and checked: a mistake costs seconds and not a night.

        Args:
            same: the overrides that all jobs share.
            chosen: what this one overrides, by key.
            differs: the same in a person's words.

        Raises:
            UserError: the configuration is wrong, or its data is not there.
        """
        # Hydra imports this file at every start; what this needs takes a while.
        from ndsc import preflight
        from ndsc.config.run_key import run_key
        from ndsc.data.data_digest import data_digest, digest_inputs

        written = [f"{key}={value}" for key, value in chosen.items()]
        config = typed(self._composed(same, written))
        preflight.check_machine(config)
        # Jobs of a sweep share their data, and to look through a folder of it takes a while.
        data = repr(digest_inputs(config.data, config.sampling))
        if data not in self._digests:
            self._digests[data] = data_digest(config.data, config.sampling, Path(config.cache.root))
        return Job([*same, *written], differs, config, run_key(config, self._digests[data]))

    def _composed(self, same: Sequence[str], chosen: Sequence[str]) -> DictConfig:
        """The configuration of these overrides. Hydra takes a quarter of a second to compose one; where jobs differ in
        plain values only, it does so once, and the values are put in as Hydra does it."""
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        values = [override for override in parser.parse_overrides(list(chosen)) if self._is_plain(override)]
        plain = [override.input_line for override in values]
        others = (*same, *(one for one in chosen if one not in plain))
        if others not in self._compositions:
            self._compositions[others] = self._by_hydra(others)
        composed = copy.deepcopy(self._compositions[others])
        try:
            for override in values:
                OmegaConf.update(composed, override.key_or_group, override.value(), merge=True)
        except OmegaConfBaseException:
            self._by_hydra([*same, *chosen])  # it finds the same mistake, and says so in its own words
            raise
        return composed

    def _is_plain(self, override: Override) -> bool:
        """Whether all it does is to set one value that is there already."""
        return (
            override.type is OverrideType.CHANGE
            and override.package is None
            and not isinstance(override.value(), (dict, list))
            and not self.hydra_context.config_loader.get_group_options(override.key_or_group)
        )

    def _by_hydra(self, overrides: Sequence[str]) -> DictConfig:
        composed = self.hydra_context.config_loader.load_sweep_config(self.config, list(overrides))
        with open_dict(composed):
            del composed["hydra"]
        return composed


def fixed(override: Override) -> str:
    """An override that is not swept, as one would type it again."""
    key = override.get_key_element()
    if override.is_delete() and override.value() is None:
        return key
    return f"{key}={override.get_value_element_as_str()}"
