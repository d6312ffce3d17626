"""The entry point of commands that Hydra configures."""

import functools
import os
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig

from ndsc.config.constraints import raise_faults
from ndsc.config.instantiate import HAS_WHITELIST, WHITELIST
from ndsc.config.keys import RENAMED_KEYS
from ndsc.config.schema import CONFIG_FOLDER
from ndsc.errors import report_errors
from ndsc.startup import PLAIN_FIGURES
from ndsc.terminal import standard_streams

# Ours in conf/hydra/job_logging.
LOGGING = ("ndsc.errors.RedactingFormatter", "ndsc.terminal.ConsoleHandler")
# Hydra 1.3 has to be told not to behave like 1.1; 1.4 warns of it.
VERSION_BASE = {} if HAS_WHITELIST else {"version_base": "1.3"}
# Settings that are paths, where a comma is part of a name and not a sweep.
PATHS = ("images", "output", "model", "audit.output", "data.root", "data.table", "data.archive", "data.metadata")


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
        def job(composed: DictConfig) -> Any:
            # Paths are relative to the folder where the command was started: also with `hydra.job.chdir=true`, and in
            # workers that a launcher starts elsewhere.
            started = HydraConfig.get().runtime.cwd
            if os.path.isdir(started):  # a worker on another machine may lack it
                os.chdir(started)
            return function(composed)

        @functools.wraps(function)
        @standard_streams()
        def command() -> None:
            os.environ.update(PLAIN_FIGURES)
            # Hydra's grammar does not read it, and a shell leaves it alone after an equal sign.
            home = os.path.expanduser("~/")
            sys.argv[1:] = [argument.replace("=~/", f"={home}", 1) for argument in sys.argv[1:]]
            with report_errors():
                validate_keys(sys.argv[1:])
                validate_values(sys.argv[1:])
            whitelist = {"execution_whitelist": [*WHITELIST, *LOGGING]} if HAS_WHITELIST else {}
            hydra.main(str(CONFIG_FOLDER), config_name, **VERSION_BASE, **whitelist)(job)()

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


def validate_values(arguments: Sequence[str]) -> None:
    """Check that Hydra's grammar reads every value, and a path as one value. Hydra itself would only name a token.

    Raises:
        UserError: with the quoted form of a value that it does not read.
    """
    parser, in_sweep = OverridesParser.create(), not {"-m", "--multirun"}.isdisjoint(arguments)
    overrides = [argument for argument in arguments if "=" in argument and not argument.startswith("-")]
    raise_faults(_quoted(override) for override in overrides if not _is_read(parser, override, in_sweep))


def _is_read(parser: OverridesParser, override: str, in_sweep: bool) -> bool:
    try:
        parsed = parser.parse_override(override)
    except HydraException:
        return False
    return in_sweep or not (parsed.is_choice_sweep() and parsed.key_or_group in PATHS)


def _quoted(override: str) -> str:
    key, _, value = override.partition("=")
    escaped = value.replace('"', '\\"')
    quoted = shlex.quote(f'{key}="{escaped}"')
    several = " For several, write 'images=[<one>,<another>]'." if key == "images" else ""
    return (
        "A value with brackets, commas, accents or other special characters must be quoted twice, for the shell and "
        f"for Hydra. Received: {override}. Write {quoted}.{several}"
    )
