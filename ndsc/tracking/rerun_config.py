"""How an earlier run is done again: its configuration, read by this version of the package, with the places of now."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import hydra
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigKeyError, OmegaConfBaseException

from ndsc.config.hydra_job import HydraJob
from ndsc.config.schema import Config, typed
from ndsc.errors import UserError

if TYPE_CHECKING:
    from ndsc.tracking.history import History


@dataclass(frozen=True)
class RerunConfig:
    """A run to be done again; `added` are the settings that it did not have yet, with the values they get."""

    config: Config
    invocation: HydraJob
    added: Mapping[str, object]


def read_rerun_config(history: "History", run_id: str, places: Mapping[str, object], folder: Path) -> RerunConfig:
    """What a run logged of itself. The new one goes into the same experiment, below no sweep. Hydra must be there.

    Args:
        places: settings that say where things lie and are recorded now.
        folder: Hydra's, for the files that callbacks write.

    Raises:
        UserError: it did not log its configuration, or this version cannot read it.
    """
    recorded = history.text(run_id, "config/config.yaml")
    asked = history.text(run_id, "config/invocation.json")
    if recorded is None or asked is None:
        raise UserError(
            "A run of python -m ndsc.train was expected, with its artefacts config/config.yaml and "
            f"config/invocation.json. Received: run={run_id}, which lacks one of them in {history.place(run_id)}. If "
            "the store was moved, move it back: MLflow keeps whole paths. Otherwise name another run."
        )
    invocation = json.loads(asked)
    config, added = on_schema(recorded, lambda: hydra.compose("train"))
    alone = {"experiment": history.experiment(run_id), "run_name": None, "parent_run_id": None, "resume_run_id": None}
    for key, value in ({f"tracking.{name}": value for name, value in alone.items()} | dict(places)).items():
        OmegaConf.update(config, key, value)
    replace_callbacks(config, invocation.get("folder"), str(folder))
    overrides = [one for one in invocation["overrides"] if not one.startswith("+callbacks.pruning=")]
    again = HydraJob(tuple(overrides), invocation["choices"], config, folder, in_sweep=False)
    return RerunConfig(typed(config), again, added)


def on_schema(recorded: str, defaults: Callable[[], DictConfig]) -> tuple[DictConfig, dict[str, object]]:
    """A recorded configuration (YAML) on the schema of now, and the settings that it did not have yet, with the values
    they get.

    What the run had comes as it was: of dictionaries of library objects nothing is added that it had left out.

    Args:
        defaults: gives `conf/train.yaml`, composed; asked only where a setting is missing.

    Raises:
        UserError: it has settings that there are no more, or values of other types.
    """
    try:
        config = OmegaConf.merge(OmegaConf.structured(Config), OmegaConf.create(recorded))
    except OmegaConfBaseException as error:
        wrong = "is not known any more" if isinstance(error, ConfigKeyError) else f"does not fit ({error.msg})"
        raise UserError(
            "A configuration that this version of ndsc can read was expected. Received: one of another version, whose "
            f"setting {error.full_key} {wrong}. Check out the commit that the run was made with: its tag git.commit."
        ) from error
    assert isinstance(config, DictConfig)
    added = {}
    for key in sorted(OmegaConf.missing_keys(config)):
        added[key] = OmegaConf.select(defaults(), key)
        OmegaConf.update(config, key, added[key])
    return config, added


def replace_callbacks(config: DictConfig, folder_then: str | None, folder_now: str) -> None:
    """Let callbacks write into Hydra's folder of now and not over the files of then; in place.

    The callback by which a search gives runs up goes: it changes nothing in those that finish.
    """
    config.callbacks.pop("pruning", None)
    if folder_then is not None:
        # As JSON, since the folder may stand at any depth.
        text = json.dumps(OmegaConf.to_container(config.callbacks))
        config.callbacks = json.loads(text.replace(json.dumps(folder_then)[1:-1], json.dumps(folder_now)[1:-1]))
