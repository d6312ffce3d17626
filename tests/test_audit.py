"""The command `ndsc.audit` on photos with planted faults, and a training that excludes the photos with issues."""

import importlib.util
import io
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from hydra import compose, initialize_config_dir
from PIL import Image

from ndsc.audit import AuditConfig, main, training_command
from ndsc.config.checks import typed
from ndsc.config.command_line import VERSION_BASE
from ndsc.config.hydra_job import HydraJob
from ndsc.config.schema import CONFIG_FOLDER, TrackingConfig
from ndsc.errors import UserError
from ndsc.reproduce import ReproduceConfig
from ndsc.reproduce import main as reproduce
from ndsc.sample import render_sample
from ndsc.tracking.history import History
from ndsc.train import main as train
from tests.conftest import TINY, composing, refusal

# OpenVINO's export, figures and the whole model take seconds and are tested elsewhere.
QUICK = (
    "backbone.engine=tensorflow",
    "sampling.test.per_class=1",
    "sampling.test.pool=2",
    "training.epochs=2",
    "tracking.figures=false",
    "tracking.model=head",
)


@dataclass(frozen=True)
class Location:
    """A folder with photos by class, the cache, the runs and the audit's report."""

    folder: Path

    @property
    def settings(self) -> list[str]:
        paths = [f"cache.root={self.folder / 'cache'}", f"tracking.root={self.folder / 'mlruns'}"]
        return ["data=folder", f"data.root={self.folder / 'photos'}", *TINY, *QUICK, *paths]

    @property
    def report(self) -> Path:
        return self.folder / "audit"

    def contents(self) -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in sorted((self.folder / "photos").rglob("*.jpg"))}


@pytest.fixture(scope="module")
def location(tmp_path_factory: pytest.TempPathFactory) -> Location:
    """Return a folder with ten rendered photos of each of three classes, and five files with faults: broken, blank, a
    duplicate, a smaller duplicate, and the duplicate of a photo with another label."""
    location = Location(tmp_path_factory.mktemp("audit"))
    sample = render_sample(location.folder / "sample", photos_per_class=10)
    photos = location.folder / "photos"
    for label in ("beauty", "fashion", "mobile"):
        (photos / label).mkdir(parents=True)
        with tarfile.open(sample / f"{label}_image.tar") as archive:
            members = sorted((member for member in archive if member.isfile()), key=lambda member: member.name)
            for number, member in enumerate(members):
                (photos / label / f"{number}.jpg").write_bytes(archive.extractfile(member).read())
    (photos / "beauty" / "broken.jpg").write_bytes((photos / "beauty" / "0.jpg").read_bytes()[:500])
    Image.new("RGB", (300, 300), "white").save(photos / "fashion" / "blank.jpg")
    (photos / "mobile" / "again.jpg").write_bytes((photos / "mobile" / "0.jpg").read_bytes())
    with Image.open(photos / "mobile" / "1.jpg") as picture:
        smaller = picture.resize((picture.width * 3 // 4, picture.height * 3 // 4))
    smaller.save(photos / "mobile" / "smaller.jpg", quality=70)
    (photos / "mobile" / "stolen.jpg").write_bytes((photos / "fashion" / "0.jpg").read_bytes())
    return location


@pytest.fixture(scope="module")
def audited(location: Location) -> str:
    """Run the command and return its output."""
    before = location.contents()
    command = [sys.executable, "-m", "ndsc.audit", *location.settings, f"audit.output={location.report}"]
    done = subprocess.run([*command, f"hydra.run.dir={location.folder / 'hydra'}"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert location.contents() == before
    return done.stderr


def test_planted_faults_are_found_and_all_files_are_written(location: Location, audited: str):
    assert "34 usable, 1 broken" in audited
    assert str(location.report / "audit.html") in "".join(audited.split())
    names = {path.name for path in location.report.iterdir()}
    tables = {"audit", "classes", "sizes", "broken", "duplicates", "labels", "outliers", "appearance"}
    assert names == {"audit.html", *(f"{name}.csv" for name in tables)}
    issues = pd.read_csv(location.report / "audit.csv").set_index("image_path")
    for path, issue, exclude in (
        ("beauty/broken.jpg", "broken", "yes"),
        ("fashion/blank.jpg", "nearly blank", "yes"),
        ("fashion/0.jpg", "two labels", "yes"),
        ("mobile/stolen.jpg", "two labels", "yes"),
        ("mobile/again.jpg", "duplicate", "no"),
        ("mobile/smaller.jpg", "duplicate", "no"),
        ("mobile/1.jpg", "duplicate", "no"),
    ):
        assert issue in issues.loc[path, "issue"].split("; ")
        assert issues.loc[path, "exclude"] == exclude


def test_the_page_shows_thumbnails_and_the_command_to_train(location: Location, audited: str):
    page = (location.report / "audit.html").read_text()
    assert page.count("data:image/jpeg;base64,") >= 5
    assert f"sampling.exclude={location.report / 'audit.csv'}" in page


def test_a_second_audit_never_overwrites_the_first(location: Location, audited: str, tmp_path: Path):
    edited = (location.report / "audit.csv").read_bytes()
    with pytest.raises(UserError, match="Nothing was changed"):
        main(composed_audit(*location.settings, f"audit.output={location.report}"), tmp_path, ())
    assert (location.report / "audit.csv").read_bytes() == edited


def test_photos_excluded_before_an_audit_stay_excluded(location: Location, audited: str, tmp_path: Path):
    first = pd.read_csv(location.report / "audit.csv")
    asked = [*location.settings, f"sampling.exclude={location.report / 'audit.csv'}"]
    page = main(composed_audit(*asked, f"audit.output={tmp_path / 'second'}"), tmp_path, tuple(asked)).read_text()
    excluded = first[first["exclude"] == "yes"]
    rows = pd.read_csv(tmp_path / "second" / "audit.csv").set_index("image_path").loc[excluded["image_path"]]
    assert (rows["exclude"] == "yes").all()
    assert rows["issue"].tolist() == excluded["issue"].tolist()
    assert f"because sampling.exclude excludes them: {len(excluded)}; audit.csv still excludes them" in page
    assert page.count("sampling.exclude=") == 1


def test_a_training_never_draws_excluded_photos_and_can_be_repeated(location: Location, audited: str, tmp_path: Path):
    issues = tmp_path / "edited.csv"
    table = pd.read_csv(location.report / "audit.csv")
    table.loc[table["issue"].str.contains("duplicate"), "exclude"] = "no"  # edited by a person
    table.to_csv(issues, index=False)
    with composing(tmp_path) as composed:
        settings = composed(*location.settings, "augmentation=none", "sampling=all", f"sampling.exclude={issues}")
        metrics = train(typed(settings), HydraJob.of(settings)).metrics
    excluded = table.loc[table["exclude"] == "yes", "image_path"]
    assert metrics["data/excluded"] == len(excluded)
    tracking = TrackingConfig(kind="local", root=str(location.folder / "mlruns"))
    history = History(tracking)
    (run,) = history.find(["ndsc"])
    with history.file(run.id, "data/manifest.parquet") as manifest:
        drawn = set(pd.read_parquet(manifest)["image_path"])
    assert len(drawn) > 20
    assert not drawn & set(excluded)
    logged = pd.read_csv(io.StringIO(history.text(run.id, "data/excluded.csv")))
    assert sorted(logged["image_path"]) == sorted(excluded)
    issues.unlink()
    with initialize_config_dir(str(CONFIG_FOLDER), **VERSION_BASE):
        overrides = [f"run={run.id}", f"tracking.root={tracking.root}", f"cache.root={location.folder / 'cache'}"]
        assert reproduce(typed(compose("reproduce", overrides=overrides), ReproduceConfig), tmp_path) is None


def composed_audit(*overrides: str) -> AuditConfig:
    with initialize_config_dir(str(CONFIG_FOLDER), **VERSION_BASE):
        return typed(compose("audit", overrides=list(overrides)), AuditConfig)


def test_all_photos_are_examined_by_default():
    assert composed_audit().sampling.per_class is None
    assert composed_audit("+experiment=baseline").sampling.per_class is None
    assert composed_audit("+experiment=baseline", "sampling=per_class").sampling.per_class == 1150


BAD = {
    "an invalid setting of a training": (["backbone.resize=squeeze"], "backbone.resize must be one of"),
    "an unknown setting": (["+audit.colour=red"], "There is no setting audit.colour"),
    "too few folds": (["audit.folds=1"], "audit.folds must be at least 2. Received: audit.folds=1."),
    "no photos per section": (["audit.shown=0"], "audit.shown must be at least 1"),
}


@pytest.mark.parametrize(("overrides", "expected"), BAD.values(), ids=BAD.keys())
def test_invalid_settings_are_reported(overrides: list[str], expected: str):
    with pytest.raises(UserError) as error:
        composed_audit(*overrides)
    assert expected in str(error.value)


def test_missing_packages_are_reported_with_the_install_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    find: Callable[[str], object] = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "cleanvision" else find(name))
    with pytest.raises(UserError, match=r"requirements/audit.txt . Received: no cleanvision"):
        main(composed_audit(), tmp_path, ())


@pytest.mark.parametrize("overrides", [[], ["+experiment=baseline", "sampling.per_class=20"]])
def test_the_suggested_command_trains_with_the_same_settings_and_the_exclusions(overrides: list[str], tmp_path: Path):
    asked = ("backbone=xception", *overrides, "audit.shown=9", "hydra.run.dir=x", "tracking.root=y")
    command = training_command(asked, tmp_path / "my audit" / "audit.csv")
    assert command == " ".join(
        ["python -m ndsc.train backbone=xception", *overrides, f"'sampling.exclude={tmp_path}/my audit/audit.csv'"]
    )


def test_a_wrong_data_root_is_reported_in_one_paragraph(tmp_path: Path):
    code, shown = refusal("-m", "ndsc.audit", "data=folder", "data.root=nowhere", f"hydra.run.dir={tmp_path}")
    assert code == 1
    assert shown[0].startswith("ndsc: data.root must be a folder")


def test_help_lists_groups_and_examples():
    shown = subprocess.run([sys.executable, "-m", "ndsc.audit", "--help"], capture_output=True, text=True).stdout
    for expected in ("python -m ndsc.audit:", "backbone: ", "xception", "sampling.exclude=audit/audit.csv"):
        assert expected in shown
