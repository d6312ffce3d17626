import importlib.util
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from ndsc import preflight
from ndsc.config.run_key import run_key
from ndsc.config.schema import Config
from ndsc.data.data_digest import data_digest
from ndsc.errors import UserError
from tests.conftest import refusal

REFUSED = {
    "backbone.resize=squeeze": "backbone.resize must be one of",
    "backbone.weights=nowhere.keras": "backbone.weights must be .* an existing file .* Received: .*=nowhere.keras",
    "backbone.weights=conf/train.yaml": "existing file that ends in .weights.h5 or .keras",
    "data=folder data.root=nowhere": "nowhere",
    "data.metadata=nowhere.csv": "data.metadata must be a CSV or Parquet file",
    "data=folder data.root=https://host/folder": "Only archives are read from a server",
    "data=ndsc data.root=https://me:secret@host/folder": "must be the plain address of a folder.* on host\\.",
    "data=table data.table=t.csv data.archive=https://me:secret@host/x.tar": r"data\.archive must be the plain address",
    "data=ndsc data.root='https://host/folder?signature=1'": "must be the plain address of a folder",
}

PACKAGES = {
    ("backbone.precision=int8", "nncf"): "backbone.precision=int8 needs the extra `int8` .* Received: no nncf.",
    ("split.duplicates=near", "cv2"): "split.duplicates=near needs .* `audit` .* Received: no opencv-python-headless.",
    ("split.duplicates=near", "imagehash"): "split.duplicates=near needs the extra `audit` .* Received: no imagehash.",
    ("data=ndsc data.root=s3://bucket/folder", "s3fs"): "data.root=s3://.* `remote` .* Received: no s3fs.",
    ("data=ndsc data.root=https://host/folder", "aiohttp"): "data.root=https://.* `remote` .* Received: no aiohttp.",
}


@pytest.fixture
def unchecked(composed: Callable[..., DictConfig]) -> Callable[..., Config]:
    """Return a function that composes and types a configuration without checks."""
    return lambda *overrides: OmegaConf.to_object(composed(*overrides))


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that makes a module look as if its package were not installed."""
    find_spec = importlib.util.find_spec
    return lambda missing: monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == missing else find_spec(name)
    )


@pytest.mark.parametrize(("overrides", "expected"), REFUSED.items(), ids=REFUSED)
def test_a_configuration_that_cannot_run_is_refused(unchecked: Callable[..., Config], overrides: str, expected: str):
    with pytest.raises(UserError, match=expected) as refused:
        preflight.check(unchecked(*overrides.split()))
    assert "Received: " in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("overrides", ["", "backbone.weights=random", "backbone.weights=runs:/0123"])
def test_a_configuration_that_can_run_passes(configured: Callable[..., Config], overrides: str):
    preflight.check(configured(*overrides.split()))


def test_a_sweep_leaves_missing_weights_to_the_run(configured: Callable[..., Config]):
    config = configured("backbone.weights=nowhere.keras")
    preflight.check(config, in_sweep=True)
    with pytest.raises(UserError, match=r"nowhere\.keras"):
        preflight.check(config)


@pytest.mark.parametrize(("case", "expected"), PACKAGES.items(), ids=["-".join(case) for case in PACKAGES])
def test_a_missing_package_is_reported_with_the_command_that_installs_it(
    configured: Callable[..., Config], without: Callable[[str], None], case: tuple[str, str], expected: str
):
    overrides, missing = case
    config = configured(*overrides.split())
    preflight.check_machine(config)
    without(missing)
    preflight.check_machine(configured())
    with pytest.raises(UserError, match=expected) as refused:
        preflight.check_machine(config)
    assert re.search(r"-r requirements/\w+\.txt", str(refused.value))


@pytest.mark.parametrize("missing", preflight.AUDIT)
def test_packages_that_an_audit_needs_are_reported(without: Callable[[str], None], missing: str):
    preflight.check_audit_packages()
    without(missing)
    with pytest.raises(UserError, match=rf"requirements/audit\.txt .* Received: no {preflight.AUDIT[missing]}\."):
        preflight.check_audit_packages()


def test_the_key_of_a_run_is_that_of_its_configuration_and_data(configured: Callable[..., Config]):
    config = configured()
    digest = data_digest(config.data, config.sampling, Path(config.cache.root))
    assert preflight.run_key(config) == run_key(config, digest)


@pytest.mark.parametrize("overrides", [["backbone.weights=nowhere.keras"], ["data=folder", "data.root=nowhere"]])
def test_preflight_imports_nothing_heavy(overrides: list[str]):
    code, lines = refusal("-m", "ndsc.train", *overrides)
    assert code == 1
    assert "nowhere" in " ".join(lines)
