"""`python -m ndsc.cache` on caches that real stores have written."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ndsc.cache import main
from ndsc.features.store import FeatureStore

HOLD = """
import sys, pathlib
from ndsc.features.store import FeatureStore
with FeatureStore.open(pathlib.Path(sys.argv[1]), {"backbone": "resnet50"}, (100,), "float16"):
    print("open", flush=True)
    sys.stdin.read()
"""
CONTENTS = np.random.default_rng(0).integers(0, 256, (30, 16), np.uint8)
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}


def fill(root: Path, days_ago: float = 0, **fingerprint: object) -> Path:
    """60 rows of 200 bytes, last used so many days ago; returns their folder."""
    before = set(root.glob("features/*"))
    with FeatureStore.open(root, fingerprint, (100,), "float16") as store:
        for view in (0, 1):
            rows = np.random.default_rng(view).random((30, 100)).astype(np.float16)
            store.append(CONTENTS, np.full(30, view), rows)
    (folder,) = set(root.glob("features/*")) - before
    os.utime(folder / "used", (time.time() - days_ago * 86400,) * 2)
    return folder


def flip_a_bit(folder: Path, row: int) -> Path:
    (rows,) = folder.glob("*.rows")
    with rows.open("r+b") as stream:
        stream.seek(row * 200 + 150)
        (byte,) = stream.read(1)
        stream.seek(row * 200 + 150)
        stream.write(bytes([byte ^ 4]))
    return rows


@pytest.fixture
def in_use(tmp_path: Path) -> Iterator[Path]:
    """The features of `backbone="resnet50"`, opened by another process."""
    folder = fill(tmp_path, days_ago=400, backbone="resnet50")
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path],
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    yield folder
    process.communicate()


def test_list_shows_what_is_cached_and_its_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    augmentation = {"policy": "baseline", "layers": {"rotate": {"factor": 0.05}}}
    fill(
        tmp_path, days_ago=1, backbone="resnet50", weights="4d473c1dd8becc155b73f8504c6f6626", augmentation=augmentation
    )
    (tmp_path / "catalogues").mkdir()
    (tmp_path / "catalogues" / "index.parquet").write_bytes(bytes(2_500_000))
    assert main(["list", "--root", str(tmp_path)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "30 photos in 2 views, 60 rows of 100xfloat16, 1" in shown
    assert f"last used {time.strftime('%Y-%m-%d', time.localtime(time.time() - 86400))}" in shown
    assert "backbone resnet50 · weights 4d473c1dd8be" in shown
    assert "4d473c1dd8becc155b" not in shown
    assert "augmentation.policy baseline" in shown
    assert "augmentation.layers.rotate.factor 0.05" in shown
    assert "catalogues 2.5 MB" in shown


def test_the_root_comes_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(tmp_path, backbone="from the environment")
    monkeypatch.setenv("NDSC_CACHE", str(tmp_path))
    assert main(["list"]) == 0
    assert "from the environment" in capsys.readouterr().out


def test_a_missing_root_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--root", str(tmp_path / "nowhere")]) == 1
    assert f"Received: {tmp_path / 'nowhere'}" in capsys.readouterr().err


def test_verify_accepts_undamaged_features(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(tmp_path, backbone="resnet50")
    assert main(["verify", "--root", str(tmp_path)]) == 0
    assert "60 rows read, 0 damaged." in capsys.readouterr().out


def test_verify_names_damaged_rows_and_prune_deletes_only_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = fill(tmp_path, backbone="resnet50")
    fill(tmp_path, backbone="xception")
    rows = flip_a_bit(folder, row=17)
    root = ["--root", str(tmp_path)]
    assert main(["verify", *root]) == 1
    named = f"{rows.relative_to(tmp_path).with_suffix('.index')}: 1 of 60 rows (number 17)"
    assert f"damaged: {named}" in capsys.readouterr().out
    assert main(["prune", *root, "--damaged", "--dry-run"]) == 0
    assert f"would be deleted: damaged {named}" in capsys.readouterr().out
    assert main(["verify", *root]) == 1
    assert main(["prune", *root, "--damaged"]) == 0
    assert main(["verify", *root]) == 0
    assert "119 rows read" in capsys.readouterr().out
    with FeatureStore.open(tmp_path, {"backbone": "resnet50"}, (100,), "float16") as store:
        assert np.flatnonzero(~store.find(CONTENTS, np.zeros(30, int))).tolist() == [17]
        assert store.find(CONTENTS, np.ones(30, int)).all()


def test_verify_reports_a_folder_whose_fingerprint_was_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = fill(tmp_path, backbone="resnet50") / "fingerprint.json"
    path.write_text(path.read_text().replace("resnet50", "resnet51"))
    assert main(["verify", "--root", str(tmp_path)]) == 1
    assert f"not written by this version of the cache: features/{path.parent.name}" in capsys.readouterr().out


def test_prune_deletes_features_that_were_not_used_for_long(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new, old = fill(tmp_path, days_ago=5, backbone="new"), fill(tmp_path, days_ago=40, backbone="old")
    assert main(["prune", "--root", str(tmp_path), "--older-than", "30", "--dry-run"]) == 0
    assert f"would be deleted: features/{old.name}" in capsys.readouterr().out
    assert new.exists()
    assert old.exists()
    assert main(["prune", "--root", str(tmp_path), "--older-than", "30"]) == 0
    assert new.exists()
    assert not old.exists()


def test_prune_deletes_the_least_recently_used_down_to_a_size(tmp_path: Path) -> None:
    folders = [fill(tmp_path, days_ago=age, backbone=str(age)) for age in (3, 1, 2)]
    size = sum(path.stat().st_size for path in folders[0].iterdir())
    assert main(["prune", "--root", str(tmp_path), "--keep-gigabytes", str(2.5 * size / 1e9)]) == 0
    assert [folder.exists() for folder in folders] == [False, True, True]
    assert main(["prune", "--root", str(tmp_path), "--keep-gigabytes", "0"]) == 0
    assert list((tmp_path / "features").iterdir()) == []


def test_prune_leaves_features_in_use(tmp_path: Path, in_use: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flip_a_bit(in_use, row=3)
    os.utime(in_use / "used", (0, 0))
    before = {path: path.read_bytes() for path in in_use.iterdir()}
    for flags in (["--older-than", "1"], ["--keep-gigabytes", "0"], ["--damaged"]):
        assert main(["prune", "--root", str(tmp_path), *flags]) == 0
        assert "left alone" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in in_use.iterdir()} == before


def test_prune_leaves_unknown_files_and_files_outside_the_cache(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "cache"
    with_notes, renamed = fill(root, backbone="with notes"), fill(root, backbone="renamed")
    (with_notes / "notes.txt").write_text("mine")
    renamed = renamed.rename(renamed.with_name("0" * 32))
    outside = fill(tmp_path / "elsewhere", backbone="outside")
    (root / "features" / outside.name).symlink_to(outside)
    (root / "archives").mkdir()
    (root / "archives" / "index.parquet").write_text("")
    another_format = root / "features" / ("1" * 32)
    another_format.mkdir()
    (another_format / "fingerprint.json").write_text('{"format": 99, "fingerprint": {}}')
    assert main(["prune", "--root", str(root), "--keep-gigabytes", "0", "--older-than", "0", "--damaged"]) == 0
    left = (with_notes / "notes.txt", renamed / "used", outside / "used", another_format / "fingerprint.json")
    assert all(path.exists() for path in left)
    assert (root / "archives" / "index.parquet").exists()
    assert main(["list", "--root", str(root)]) == 0
    assert capsys.readouterr().out.count("left alone") == 4


def test_prune_does_not_follow_a_link_out_of_the_cache(tmp_path: Path) -> None:
    outside = fill(tmp_path / "elsewhere", backbone="outside")
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "features").symlink_to(outside.parent)
    assert main(["prune", "--root", str(tmp_path / "cache"), "--keep-gigabytes", "0"]) == 0
    assert outside.exists()


def test_prune_needs_a_criterion(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prune", "--root", str(tmp_path)]) == 1
    assert "--older-than" in capsys.readouterr().err
    with pytest.raises(SystemExit) as wrong:
        main(["prune", "--root", str(tmp_path), "--older-than", "-1"])
    assert wrong.value.code == 2
    assert "argument --older-than: a number of at least 0 was expected. Received: -1" in capsys.readouterr().err


def test_prune_says_that_it_deleted_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(tmp_path, days_ago=5, backbone="resnet50")
    assert main(["prune", "--root", str(tmp_path), "--older-than", "30", "--damaged"]) == 0
    assert "nothing to delete" in capsys.readouterr().out


def test_the_command_starts_without_tensorflow_or_mlflow(tmp_path: Path) -> None:
    fill(tmp_path, backbone="resnet50")
    script = (
        "import sys, runpy; sys.argv = ['cache', 'verify', '--root', sys.argv[1]]\n"
        "try: runpy.run_module('ndsc.cache', run_name='__main__')\n"
        "finally: print([name for name in ('tensorflow', 'mlflow', 'keras', 'hydra') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path], env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "60 rows read, 0 damaged.\n[]\n"
