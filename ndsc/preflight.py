"""Preflight: every check that needs neither TensorFlow nor MLflow, in one place, in seconds."""

from pathlib import Path

from ndsc.config.run_key import run_key
from ndsc.config.schema import Config
from ndsc.data.catalogue import check_data
from ndsc.data.data_digest import data_digest


def check(config: Config) -> None:
    """Check the data that a configuration names.

    Raises:
        UserError: something that only the user can fix.
    """
    check_data(config.data, config.sampling, config.split, Path(config.cache.root))


def identify(config: Config) -> str:
    """Return the key of a run (see `run_key`), with the data as it is now."""
    return run_key(config, data_digest(config.data, config.sampling, Path(config.cache.root)))
