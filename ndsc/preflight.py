"""Preflight: every check that needs neither TensorFlow nor MLflow, in one place, in seconds."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from ndsc.config import checks
from ndsc.config import run_key as keys
from ndsc.config.constraints import raise_faults
from ndsc.config.schema import Config, DataConfig
from ndsc.data.catalogue import check_data
from ndsc.data.data_digest import data_digest
from ndsc.errors import UserError
from ndsc.model.weights import existing_file
from ndsc.process import install_command, missing_packages
from ndsc.storage import remote

# Packages of extras, by the module that each is imported as.
INT8 = {"nncf": "nncf"}
NEAR_DUPLICATES = {"cv2": "opencv-python-headless", "imagehash": "imagehash"}
AUDIT = {"cleanlab": "cleanlab", "cleanvision": "cleanvision", "cv2": "opencv-python-headless"}


def check(config: Config, in_sweep: bool = False) -> None:
    """Check everything that a run needs, except what takes TensorFlow or MLflow to check.

    Args:
        in_sweep: leave missing weights to the run, which is then recorded as failed, while the others go on.

    Raises:
        UserError: something that only the user can fix.
    """
    checks.check(config)
    check_machine(config)
    if not in_sweep:
        check_weights(config.backbone.weights)
    check_data(config.data, config.sampling, config.split, Path(config.cache.root))


def check_machine(config: Config) -> None:
    """Check that the packages that a configuration needs are installed, and that its addresses can be used.

    Raises:
        UserError: with one sentence for everything that is missing or wrong.
    """
    raise_faults(_machine_faults(config))


def check_weights(weights: str) -> None:
    """Check that the file exists, if `backbone.weights` names one.

    Raises:
        UserError: there is no such file.
    """
    if weights not in ("imagenet", "random") and not weights.startswith("runs:/"):
        existing_file(weights)


def check_audit_packages() -> None:
    """Check that the packages of `python -m ndsc.audit` are installed.

    Raises:
        UserError: one of them is not.
    """
    if missing := missing_packages(AUDIT):
        raise UserError(
            f"python -m ndsc.audit needs the packages {', '.join(AUDIT.values())}. Install them with: "
            f"{install_command('audit')} . Received: no {', no '.join(missing)}."
        )


def run_key(config: Config) -> str:
    """Return the key of the run that a configuration describes (see `ndsc.config.run_key`).

    Raises:
        UserError: the data does not exist.
    """
    return keys.run_key(config, data_digest(config.data, config.sampling, Path(config.cache.root)))


def _machine_faults(config: Config) -> Iterator[str]:
    yield from _address_faults(config.data)
    if config.backbone.precision == "int8" and missing_packages(INT8):
        yield (
            "backbone.precision=int8 needs the package nncf, which is not installed. Use backbone.precision=auto, or "
            f"install it with: {install_command('int8')} . Received: backbone.precision=int8."
        )
    if config.split.duplicates == "near" and (missing := missing_packages(NEAR_DUPLICATES)):
        yield (
            f"split.duplicates=near needs {' and '.join(missing)}, which cannot be imported here. Use "
            f"split.duplicates=exact, or install the extra with: {install_command('audit')} . Received: "
            "split.duplicates=near."
        )


def _address_faults(data: DataConfig) -> Iterator[str]:
    if data.root is None or not remote.is_remote(data.root):
        return
    address = urlsplit(data.root)
    # The value of data.root is logged with the run and shown in messages, so it must hold no secret.
    if address.query or "@" in address.netloc:
        yield (
            "data.root must be the plain address of a folder; credentials belong in ~/.netrc, and for s3:// in the "
            f"variables and files of AWS. Received: an address with a password or a query on {address.hostname}."
        )
        return
    if data.source != "ndsc":
        yield (
            f"Only data in NDSC's layout is read from a server: data=ndsc. Received: data={data.source} "
            f"data.root={data.root}."
        )
    if missing := remote.missing_packages(data.root):
        yield (
            f"Data on a server needs {' and '.join(missing)}, which cannot be imported here; install with: "
            f"{install_command('remote')} . Received: data.root={data.root}."
        )
