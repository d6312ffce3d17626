import os
import time
from pathlib import Path

import pytest

from ndsc.caching.atomic import atomic_cache_write, atomic_folder, atomic_write
from ndsc.errors import UserError


def test_a_failed_write_leaves_the_old_file_and_no_temporary_one(tmp_path: Path):
    path = tmp_path / "x"
    path.write_text("old")

    def write_half() -> None:
        with atomic_cache_write(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError("interrupted")

    with pytest.raises(RuntimeError):
        write_half()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["x"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's full disk")
def test_a_full_disk_is_a_user_error_in_the_cache(tmp_path: Path):
    def write() -> None:
        with atomic_cache_write(tmp_path / "x"), open("/dev/full", "wb", buffering=0) as full:
            full.write(b"x")

    with pytest.raises(UserError, match="No space left on device"):
        write()


def test_a_file_that_others_may_read_is_readable_by_them(tmp_path: Path):
    before = os.umask(0o022)
    try:
        with atomic_write(tmp_path / "a" / "x") as temporary:
            temporary.write_text("new")
    finally:
        os.umask(before)
    assert (tmp_path / "a" / "x").stat().st_mode & 0o777 == 0o644


def test_a_folder_appears_with_all_its_files(tmp_path: Path):
    with atomic_folder(tmp_path / "a" / "folder") as temporary:
        (temporary / "file").write_text("new")
        assert not (tmp_path / "a" / "folder").exists()
    assert (tmp_path / "a" / "folder" / "file").read_text() == "new"
    assert os.listdir(tmp_path / "a") == ["folder"]


def test_of_two_processes_that_create_a_folder_the_first_wins(tmp_path: Path):
    with atomic_folder(tmp_path / "folder") as slower:
        (slower / "file").write_text("second")
        with atomic_folder(tmp_path / "folder") as faster:
            (faster / "file").write_text("first")
    assert (tmp_path / "folder" / "file").read_text() == "first"
    assert os.listdir(tmp_path) == ["folder"]


def test_an_error_leaves_no_folder(tmp_path: Path):
    def fail() -> None:
        with atomic_folder(tmp_path / "folder"):
            raise RuntimeError("interrupted")

    with pytest.raises(RuntimeError):
        fail()
    assert os.listdir(tmp_path) == []


def test_temporary_folders_of_killed_processes_are_deleted_after_a_day(tmp_path: Path):
    old, young, foreign = tmp_path / f".a.{'0' * 12}.tmp", tmp_path / f".b.{'1' * 12}.tmp", tmp_path / ".mine.tmp"
    for folder in (old, young, foreign):
        (folder / "inside").mkdir(parents=True)
    for folder in (old, foreign):
        os.utime(folder, (time.time() - 2 * 24 * 3600,) * 2)
    with atomic_folder(tmp_path / "folder"):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([young.name, foreign.name, "folder"])
