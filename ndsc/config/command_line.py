"""The entry point of commands that Hydra configures."""

import functools
import re
import sys
from collections.abc import Callable, Iterable
from typing import Any

import hydra
from omegaconf import DictConfig

from ndsc.config.keys import RENAMED_KEYS
from ndsc.config.schema import CONFIG_FOLDER
from ndsc.errors import UserError, report_errors


def hydra_command(config_name: str) -> Callable[[Callable[[DictConfig], Any]], Callable[[], None]]:
    """Decorate the main function of a command: `hydra.main` with the folder `conf/`, and an error for renamed keys."""

    def decorate(function: Callable[[DictConfig], Any]) -> Callable[[], None]:
        run = hydra.main(version_base="1.3", config_path=str(CONFIG_FOLDER), config_name=config_name)(function)

        @functools.wraps(function)
        def command() -> None:
            with report_errors():
                validate_keys(sys.argv[1:])
            run()

        return command

    return decorate


def validate_keys(overrides: Iterable[str]) -> None:
    """Check that no override uses a key of an earlier version. Hydra itself would only say that there is no such key.

    Raises:
        UserError: with the new name of each renamed key.
    """
    faults = []
    for override in overrides:
        prefix, key, rest = _parts(override)
        if key in RENAMED_KEYS and (rest or prefix):
            new = RENAMED_KEYS[key]
            faults.append(f"{key} has been renamed to {new}. Received: {override}. Write {prefix}{new}{rest}.")
    if faults:
        raise UserError(" ".join(faults))


def _parts(override: str) -> tuple[str, str, str]:
    """Split `+key=value` into `+`, `key` and `=value`."""
    parts = re.fullmatch(r"([+~]*)([^=]*)(.*)", override, re.DOTALL)
    assert parts is not None  # the pattern matches any text
    return parts[1], parts[2], parts[3]
