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
from ndsc.model.weights import existing_file
from ndsc.process import install_command, missing_packages
from ndsc.storage import remote
from ndsc.storage.archive import is_archive

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
    weights = config.backbone.weights
    if not in_sweep and weights not in ("imagenet", "random") and not weights.startswith("runs:/"):
        existing_file(weights)
    check_data(config.data, config.sampling, config.split, Path(config.cache.root))


def check_machine(config: Config) -> None:
    """Check that the packages that a configuration needs are installed, and that its addresses can be used.

    Raises:
        UserError: with one sentence for everything that is missing or wrong.
    """
    raise_faults(_machine_faults(config))


def check_audit_packages() -> None:
    """Check that the packages of `python -m ndsc.audit` are installed.

    Raises:
        UserError: one of them is not.
    """
    raise_faults(_package_faults("python -m ndsc.audit", missing_packages(AUDIT), "audit"))


def run_key(config: Config) -> str:
    """Return the key of the run that a configuration describes (see `ndsc.config.run_key`).

    Raises:
        UserError: the data does not exist.
    """
    return keys.run_key(config, data_digest(config.data, config.sampling, Path(config.cache.root)))


def _machine_faults(config: Config) -> Iterator[str]:
    yield from _address_faults(config.data)
    if config.backbone.precision == "int8":
        yield from _package_faults("backbone.precision=int8", missing_packages(INT8), "int8", "backbone.precision=auto")
    if config.split.duplicates == "near":
        missing = missing_packages(NEAR_DUPLICATES)
        yield from _package_faults("split.duplicates=near", missing, "audit", "split.duplicates=exact")


def _address_faults(data: DataConfig) -> Iterator[str]:
    for key, location in (("data.root", data.root), ("data.archive", data.archive)):
        if location is None or not remote.is_remote(location):
            continue
        address = urlsplit(location)
        # The value is logged with the run and shown in messages, so it must hold no secret.
        if address.query or "@" in address.netloc:
            yield (
                f"{key} must be the plain address of a folder or an archive; credentials belong in ~/.netrc, and for "
                "s3:// in the variables and files of AWS. Received: an address with a password or a query on "
                f"{address.hostname}."
            )
            continue
        if data.source != "ndsc" and not is_archive(location):
            yield (
                "Only archives are read from a server: data=ndsc, or data=folder and the address of a .tar. Received: "
                f"data={data.source} {key}={location}."
            )
        yield from _package_faults(f"{key}={location}", remote.missing_packages(location), "remote")


def _package_faults(needed_by: str, missing: list[str], extra: str, instead: str | None = None) -> Iterator[str]:
    """Yield a sentence if packages are missing.

    Args:
        needed_by: a setting or command as typed.
        extra: of pyproject.toml, with these packages.
        instead: a setting that does without them.
    """
    if missing:
        advice = f"Use {instead}, or install the extra with" if instead else "Install the extra with"
        yield (
            f"{needed_by} needs the extra `{extra}` of ndsc. {advice}: {install_command(extra)} . Received: no "
            f"{', no '.join(missing)}."
        )
