"""Labels for new photos by the classifier of a real run."""

import io
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hydra import compose, initialize_config_dir

from ndsc.config.checks import typed
from ndsc.config.command_line import VERSION_BASE
from ndsc.config.schema import CONFIG_FOLDER
from ndsc.errors import UserError
from ndsc.predict import PredictConfig, main
from tests.conftest import TrainedRun, refusal

COLUMNS = ["path", "label", "p_beauty", "p_fashion", "p_mobile", "reason"]


def run_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True)


@pytest.fixture(scope="module")
def photos(trained_run: TrainedRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder: beauty.tar and beauty/ with the same 20 photos in the same order, and broken.jpg, the start of one."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / "beauty").mkdir()
    with tarfile.open(trained_run.data / "beauty_image.tar") as given, tarfile.open(folder / "beauty.tar", "w") as made:
        members = [member for member in given.getmembers() if member.isfile()]
        for member in sorted(members, key=lambda member: member.name):
            data = given.extractfile(member).read()
            made.addfile(member, io.BytesIO(data))
            (folder / "beauty" / Path(member.name).name).write_bytes(data)
    whole = min((folder / "beauty").iterdir()).read_bytes()
    (folder / "broken.jpg").write_bytes(whole[:200])
    return folder


@pytest.fixture(scope="module")
def locations(trained_run: TrainedRun) -> tuple[str, ...]:
    return f"tracking.root={trained_run.tracking_root}", f"cache.root={trained_run.cache}"


@pytest.fixture
def predict(locations: tuple[str, ...], tmp_path: Path) -> Callable[..., pd.DataFrame]:
    """Labels in this process what the overrides say; gives the table that was written."""

    def with_overrides(*overrides: str, output: str = "predictions.csv") -> pd.DataFrame:
        with initialize_config_dir(str(CONFIG_FOLDER), **VERSION_BASE):
            composed = compose("predict", overrides=[*locations, f"output={tmp_path / output}", *overrides])
        main(typed(composed, PredictConfig))
        return pd.read_parquet(tmp_path / output) if output.endswith(".parquet") else pd.read_csv(tmp_path / output)

    return with_overrides


def test_the_command_classifies_files_folders_and_archives_and_logs_a_summary(
    trained_run: TrainedRun, photos: Path, locations: tuple[str, ...], tmp_path: Path
):
    images = f"images=[{photos / 'broken.jpg'},{photos / 'beauty'},{photos / 'beauty.tar'}]"
    output = (f"output={tmp_path / 'predictions.csv'}", f"hydra.run.dir={tmp_path}")
    done = run_command("-m", "ndsc.predict", f"run={trained_run.id}", images, *locations, *output)
    assert done.returncode == 0, done.stderr
    found = pd.read_csv(tmp_path / "predictions.csv")
    names = sorted(path.name for path in (photos / "beauty").iterdir())
    expected = [str(photos / "broken.jpg"), *(str(photos / "beauty" / name) for name in names)]
    assert found.columns.tolist() == COLUMNS
    assert found["path"].tolist() == [*expected, *(f"beauty_image/{name}" for name in names)]
    assert found["reason"].notna().tolist() == [True] + [False] * 40
    assert found.loc[0, COLUMNS[1:5]].isna().all()
    probabilities = found.loc[1:, COLUMNS[2:5]]
    assert probabilities.sum(axis=1).between(0.999, 1.001).all()
    assert found.loc[1:, "label"].tolist() == probabilities.idxmax(axis=1).str.removeprefix("p_").tolist()
    assert probabilities[:20].to_numpy().tolist() == probabilities[20:].to_numpy().tolist()
    assert "predictions.csv: 41 photos, 1 of them unreadable, in " in done.stderr
    assert "41/41" in done.stderr


def test_parquet_and_csv_have_the_same_content(
    predict: Callable[..., pd.DataFrame], trained_run: TrainedRun, photos: Path
):
    written = predict(f"run={trained_run.id}", f"images={photos}")
    typed = predict(f"run={trained_run.id}", f"images={photos}", output="predictions.parquet")
    assert typed.columns.tolist() == COLUMNS
    assert typed["p_beauty"].dtype == "float32"
    assert typed["reason"].tolist() == written["reason"].fillna("").tolist()
    assert typed.loc[typed["reason"] == "", "label"].tolist() == written["label"].dropna().tolist()
    np.testing.assert_allclose(typed[COLUMNS[2:5]], written[COLUMNS[2:5]], rtol=1e-6)


def test_a_classifier_file_is_enough_and_the_fastest_precision_gives_the_same_labels(
    pretrained_run: TrainedRun, predict: Callable[..., pd.DataFrame]
):
    (file,) = pretrained_run.tracking_root.glob("artifacts/models/*/artifacts/artifacts/classifier.keras")
    images = f"images={pretrained_run.data / 'beauty_image.tar'}"
    by_run = predict(f"run={pretrained_run.id}", f"tracking.root={pretrained_run.tracking_root}", images)
    by_file = predict(f"model={file}", images, "precision=auto", "overwrite=true")
    assert len(by_run) == 60
    assert by_file["label"].tolist() == by_run["label"].tolist()


def test_an_existing_output_is_not_overwritten(
    predict: Callable[..., pd.DataFrame], trained_run: TrainedRun, photos: Path, tmp_path: Path
):
    (tmp_path / "predictions.csv").write_text("original")
    with pytest.raises(UserError, match="overwrite=true"):
        predict(f"run={trained_run.id}", f"images={photos}")
    assert (tmp_path / "predictions.csv").read_text() == "original"


BAD = {
    "neither run nor model": (["images=."], "Either run=<run id> or model="),
    "both run and model": (["run=1", "model=2", "images=."], "Received: run=1 and model=2"),
    "no images": (["run=1"], "Received: images=null"),
    "images that are not there": (["run=1", "images=nowhere"], "Received: nowhere."),
    "an unknown kind of output": (["run=1", "images=.", "output=a.xlsx"], "Received: output=a.xlsx"),
    "an unknown precision": (["run=1", "images=.", "precision=int3"], "Received: precision=int3"),
    "a model that is not there": (["model=nothing.keras", "images=."], "Received: model=nothing.keras"),
    "a model of another kind": (["model=README.md", "images=."], "Received: model=README.md"),
    "an unknown run": (["run=1", "images=."], "32 letters and digits"),
}


@pytest.mark.parametrize(("overrides", "expected"), BAD.values(), ids=BAD.keys())
def test_a_wrong_setting_is_an_error_with_expected_and_received(
    predict: Callable[..., pd.DataFrame], overrides: list[str], expected: str
):
    with pytest.raises(UserError) as refused:
        predict(*overrides)
    assert expected in str(refused.value)


def test_the_terminal_shows_a_wrong_setting_in_one_paragraph_without_heavy_imports(tmp_path: Path):
    code, shown = refusal("-m", "ndsc.predict", "run=1", "images=nowhere", f"hydra.run.dir={tmp_path}")
    assert code == 1
    assert shown[0].startswith("ndsc: images= must name photos")


def test_help_lists_the_keys_and_examples():
    shown = run_command("-m", "ndsc.predict", "--help").stdout
    for expected in ("run: null", "images: null", "output: predictions.csv", "tracking=local|server", "Examples"):
        assert expected in shown
