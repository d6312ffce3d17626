"""The entry point of commands that Hydra configures."""

import functools
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

import hydra
from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig

from ndsc.config.constraints import raise_faults
from ndsc.config.instantiate import HAS_WHITELIST, WHITELIST
from ndsc.config.keys import RENAMED_KEYS
from ndsc.config.schema import CONFIG_FOLDER
from ndsc.errors import report_errors
from ndsc.startup import PLAIN_FIGURES

# Hydra 1.3 has to be told not to behave like 1.1; 1.4 warns of it.
VERSION_BASE = {} if HAS_WHITELIST else {"version_base": "1.3"}


def hydra_command(
    config_name: str, schema: type | None = None
) -> Callable[[Callable[[DictConfig], Any]], Callable[[], None]]:
    """Decorate the main function of a command: `hydra.main` with the folder `conf/`, and an error for renamed keys.

    Args:
        config_name: the name of the file in `conf/`, without its suffix.
        schema: a dataclass that this file calls `<config_name>_schema`; None if it needs `Config` only.
    """
    if schema is not None:
        ConfigStore.instance().store(name=f"{config_name}_schema", node=schema)

    def decorate(function: Callable[[DictConfig], Any]) -> Callable[[], None]:
        @functools.wraps(function)
        def command() -> None:
            os.environ.update(PLAIN_FIGURES)
            with report_errors():
                validate_keys(sys.argv[1:])
            whitelist = {"execution_whitelist": [*WHITELIST, "ndsc.terminal.ConsoleHandler"]} if HAS_WHITELIST else {}
            hydra.main(str(CONFIG_FOLDER), config_name, **VERSION_BASE, **whitelist)(function)()

        return command

    return decorate


def validate_keys(overrides: Iterable[str]) -> None:
    """Check that no override uses a key of an earlier version. Hydra itself would only say that there is no such key.

    Raises:
        UserError: with the new name of each renamed key.
    """
    keys = {override: override.lstrip("+~").partition("=")[0] for override in overrides}
    raise_faults(
        f"{key} has been renamed to {RENAMED_KEYS[key]}. Received: {override}. "
        f"Write {override.replace(key, RENAMED_KEYS[key], 1)}."
        for override, key in keys.items()
        if key in RENAMED_KEYS and key != override
    )
