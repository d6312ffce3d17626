"""The base class of our sweepers: it composes and checks all jobs of a sweep before anything runs."""

import copy
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from ndsc.config.checks import typed
from ndsc.config.command_line import validate_keys
from ndsc.config.schema import BackboneConfig, TrackingConfig
from ndsc.errors import UserError


@dataclass(frozen=True)
class Job:
    """One job of a sweep.

    Attributes:
        overrides: as Hydra takes them.
        swept: the swept ones of them, as one would write them (`optimizer.learning_rate`: `0.001`).
        key: of the run (see `ndsc.config.run_key`).
        rerun_finished: whether to run it again although its run is finished.
        extra_overrides: those that only the first try of the job gets.
        fault: what is wrong with values that a search drew; such a job is not launched.
    """

    overrides: Sequence[str]
    swept: Mapping[str, str]
    key: str
    tracking: TrackingConfig
    backbone: BackboneConfig
    threads: int | None
    rerun_finished: bool
    extra_overrides: Sequence[str] = ()
    fault: str | None = None

    @property
    def name(self) -> str:
        """The swept values, each with the last part of its key: `augmentation=strong learning_rate=0.001`."""
        short = [key.rpartition(".")[2] for key in self.swept]
        return " ".join(
            f"{name if short.count(name) == 1 else key}={value}"
            for (key, value), name in zip(self.swept.items(), short, strict=True)
        )


class ComposingSweeper(Sweeper):
    """A sweeper that composes its jobs itself.

    Args:
        params: what an experiment sweeps, as one would type it. The command line overrides it.
    """

    def __init__(self, params: Mapping[str, str] | None = None) -> None:
        self._params = params or {}
        self._digests: dict[str, str] = {}
        self._compositions: dict[tuple[str, ...], DictConfig] = {}

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Receive from Hydra what a sweep needs."""
        self.config = config
        self.hydra_context = hydra_context
        self._launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )
        # Hydra's own settings exist within jobs only, but configurations may refer to its output folder: here it is the
        # folder of the sweep.
        own = copy.deepcopy(config)
        with read_write(own.hydra), open_dict(own):
            own.hydra.runtime.output_dir = own.hydra.sweep.dir
        HydraConfig.instance().set_config(own)

    def _overrides(self, arguments: Sequence[str]) -> tuple[list[str], dict[str, Override]]:
        """Return what the experiment and the command line override: for all jobs, and swept, by key."""
        given = [f"{key}={value}" for key, value in self._params.items()]
        validate_keys(given)
        overrides = {override.get_key_element(): override for override in self._parsed([*given, *arguments])}
        swept = {key: override for key, override in overrides.items() if override.is_sweep_override()}
        typed_here = {override.get_key_element(): override for override in self._parsed(arguments)}
        self._validate_choices(typed_here, [one for key, one in overrides.items() if key not in typed_here])
        return [_as_typed(override) for key, override in overrides.items() if key not in swept], swept

    def _validate_choices(self, given: Mapping[str, Override], params: Sequence[Override]) -> None:
        """Check that a sweep of the experiment includes the values of each choice on the command line (`sampling=all`).

        Raises:
            UserError: a value of such a choice would be lost in every run.
        """
        fixed = {key: _as_typed(override) for key, override in given.items() if not override.is_sweep_override()}
        for group, override in given.items():
            below = [one for one in params if one.get_key_element().startswith(f"{group}.") and _values(one)]
            others = [text for key, text in fixed.items() if key != group]
            for choice, param in itertools.product(_values(override) if below else (), below):
                key, chosen = param.get_key_element(), f"{group}={choice}"
                value = OmegaConf.select(self._composed(others, [chosen]), key)
                swept = [self._composed(others, [chosen, f"{key}={one}"]) for one in _values(param)]
                if value not in [OmegaConf.select(composed, key) for composed in swept]:
                    text = "null" if value is None else value
                    raise UserError(
                        f"{chosen} sets {key}={text}, which should be among the values that the experiment sweeps. "
                        f"Received: {chosen} and {param.input_line} of the experiment. Write {key}={text}, or the "
                        "values to sweep instead."
                    )

    def _parsed(self, overrides: Sequence[str]) -> list[Override]:
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        return parser.parse_overrides(list(overrides))

    def _job(self, shared: Sequence[str], chosen: Mapping[str, str], swept: Mapping[str, str]) -> Job:
        """Compose and check a job: a mistake costs seconds and not a night.

        Args:
            shared: the overrides that all jobs have.
            chosen: the overrides of this job, by key.
            swept: the same as one would write them.

        Raises:
            UserError: the configuration is wrong, or its data does not exist.
        """
        # Hydra imports this file at every start, and these imports take a third of a second.
        from ndsc import preflight
        from ndsc.config.run_key import run_key
        from ndsc.data.data_digest import data_digest, digest_inputs

        overrides = [f"{key}={value}" for key, value in chosen.items()]
        config = typed(self._composed(shared, overrides))
        preflight.check_machine(config)
        # Most jobs of a sweep have the same data, and its digest may take a while.
        data = repr(digest_inputs(config.data, config.sampling))
        if data not in self._digests:
            self._digests[data] = data_digest(config.data, config.sampling, Path(config.cache.root))
        key = run_key(config, self._digests[data])
        all_overrides = [*shared, *overrides]
        return Job(all_overrides, swept, key, config.tracking, config.backbone, config.threads, config.rerun_finished)

    def _composed(self, shared: Sequence[str], chosen: Sequence[str]) -> DictConfig:
        """Return the configuration of these overrides.

        Hydra takes a quarter of a second to compose one. Where jobs differ in plain values only, it composes one, and
        the values are set as Hydra sets them.
        """
        values = [override for override in self._parsed(chosen) if self._is_plain(override)]
        plain = [override.input_line for override in values]
        others = [override for override in chosen if override not in plain]
        if (key := (*shared, *others)) not in self._compositions:
            self._compositions[key] = self._composed_by_hydra(shared, others)
        composed = copy.deepcopy(self._compositions[key])
        try:
            for override in values:
                OmegaConf.update(composed, override.key_or_group, override.value(), merge=True)
        except OmegaConfBaseException:
            return self._composed_by_hydra(shared, chosen)  # it reports the same mistake in its own words
        return composed

    def _is_plain(self, override: Override) -> bool:
        """Return whether all that an override does is to set an existing value."""
        return (
            override.type is OverrideType.CHANGE
            and override.package is None
            and not isinstance(override.value(), (dict, list))
            and not self.hydra_context.config_loader.get_group_options(override.key_or_group)
        )

    def _composed_by_hydra(self, shared: Sequence[str], chosen: Sequence[str]) -> DictConfig:
        try:
            composed = self.hydra_context.config_loader.load_sweep_config(self.config, [*shared, *chosen])
        except (HydraException, OmegaConfBaseException) as error:
            reason = " ".join(f"{str(error).partition('Config search path')[0]} {error.__cause__ or ''}".split())
            raise UserError(
                f"Keys and values of conf/ were expected. Received: {' '.join(chosen)}. {reason}"
            ) from error
        for once in ("sweeper", "launcher"):
            if OmegaConf.to_container(composed.hydra[once]) != OmegaConf.to_container(self.config.hydra[once]):
                raise UserError(
                    f"One hydra.{once} for the whole sweep was expected: it is read before the first job. Received: "
                    f"{' '.join(chosen)}, which has another one. Start a sweep for each of its values: experiments "
                    "that sweep cannot be swept themselves."
                )
        with open_dict(composed):
            del composed["hydra"]
        return composed


def _values(override: Override) -> list[str]:
    """Return the values of an override as Hydra writes them; none for an interval."""
    if not override.is_sweep_override():
        return [override.get_value_element_as_str()]
    return list(override.sweep_string_iterator()) if override.is_discrete_sweep() else []


def _as_typed(override: Override) -> str:
    """Return an override that is not swept as one would type it."""
    key = override.get_key_element()
    deletes = override.is_delete() and override.value() is None
    return key if deletes else f"{key}={override.get_value_element_as_str()}"


def last_parts(keys: Iterable[str]) -> str:
    """Return the last part of each key, for the name of a sweep: `head, learning_rate`."""
    return ", ".join(key.rpartition(".")[2] for key in keys)
