"""The configuration of a stored run, as this version of the package reads it to do the run again."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import hydra
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigKeyError, OmegaConfBaseException

from ndsc.config.checks import typed
from ndsc.config.hydra_job import HydraJob
from ndsc.config.schema import schema_config
from ndsc.errors import UserError
from ndsc.tracking.earlier_versions import rename_overrides
from ndsc.tracking.history import History


@dataclass(frozen=True)
class RerunConfig:
    """A run to be done again. `added`: settings that a later version added, with their defaults."""

    invocation: HydraJob
    added: Mapping[str, object]

    @property
    def config(self):
        """The configuration as typed values. Raises `UserError` if it is not valid."""
        return typed(self.invocation.composed)


def read_rerun_config(history: History, run_id: str, locations: Mapping[str, object], folder: Path) -> RerunConfig:
    """Read what a run logged of its configuration. The new run belongs to the same experiment, and to no sweep.

    Hydra must be initialized.

    Args:
        locations: the current settings of paths and of the store.
        folder: Hydra's, for the files that callbacks write.

    Raises:
        UserError: it did not log its configuration, or this version cannot read it.
    """
    recorded, text = history.config(run_id), history.text(run_id, "config/invocation.json")
    if recorded is None or text is None:
        raise UserError(
            "A run of python -m ndsc.train was expected, with its artifacts config/config.yaml and "
            f"config/invocation.json. Received: run={run_id}, which lacks one of them in "
            f"{history.artifact_uri(run_id)}. If the store was moved without its folder artifacts, move that too. "
            "Otherwise name another run."
        )
    invocation = json.loads(text)
    config, added = on_schema(recorded, hydra.compose("train"))
    single = {"experiment": history.experiment(run_id), "run_name": None, "parent_run_id": None, "resume_run_id": None}
    for key, value in {**{f"tracking.{name}": value for name, value in single.items()}, **locations}.items():
        OmegaConf.update(config, key, value)
    replace_callbacks(config, invocation.get("folder"), str(folder))
    overrides = [rename_overrides(one) for one in invocation["overrides"] if not one.startswith("+callbacks.pruning=")]
    return RerunConfig(HydraJob(tuple(overrides), invocation["choices"], config, folder), added)


def on_schema(recorded: DictConfig, defaults: DictConfig) -> tuple[DictConfig, dict[str, object]]:
    """Return a recorded configuration on this version's schema, and the settings that later versions added.

    Recorded settings are not changed. Nothing is added to dictionaries of library objects.

    Args:
        defaults: `conf/train.yaml`, composed.

    Raises:
        UserError: it has settings that no longer exist, or values of other types.
    """
    try:
        config = OmegaConf.merge(schema_config(), recorded)
    except OmegaConfBaseException as error:
        wrong = "no longer exists" if isinstance(error, ConfigKeyError) else f"does not fit ({error.msg})"
        raise UserError(
            "A configuration that this version of ndsc can read was expected. Received: one of another version, whose "
            f"setting {error.full_key} {wrong}. Check out the commit that the run was made with: its tag git.commit."
        ) from error
    assert isinstance(config, DictConfig)
    added = {key: OmegaConf.select(defaults, key) for key in sorted(OmegaConf.missing_keys(config))}
    for key, value in added.items():
        OmegaConf.update(config, key, value)
    return config, added


def replace_callbacks(config: DictConfig, recorded_folder: str | None, folder: str) -> None:
    """Let callbacks write into Hydra's current folder and not over the recorded files, in place.

    The callback by which a search prunes runs is removed: it changes nothing in runs that finish.
    """
    config.callbacks.pop("pruning", None)
    if recorded_folder is not None:
        # As JSON, since the folder can be at any depth.
        text = json.dumps(OmegaConf.to_container(config.callbacks))
        config.callbacks = json.loads(text.replace(json.dumps(recorded_folder)[1:-1], json.dumps(folder)[1:-1]))
