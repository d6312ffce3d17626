"""Full and read-only disks: one warning, the same result, and no half-written rows."""

import logging
import os
import resource
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from ndsc.errors import UserError
from ndsc.features.store.fingerprint import row_dtype
from ndsc.features.store.segments import Overflow, keys_of, records_of
from tests.features.store.filler import SHAPE, fill, open_store, photos, rows_of


@pytest.fixture
def small_files() -> Iterator[None]:
    """The kernel refuses to let any file grow beyond 100,000 bytes: 24 rows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def fill_and_check(cache_root: Path, caplog: pytest.LogCaptureFixture, count: int = 400) -> list[str]:
    contents, views = photos(count)
    caplog.clear()
    with caplog.at_level(logging.INFO), open_store(cache_root) as store, store.exclusive():
        fill(store, contents, views)
        assert store.find(contents, views).all()
        np.testing.assert_array_equal(store.rows(contents, views).load(), rows_of(contents, views))
    return caplog.messages


@pytest.mark.usefixtures("small_files")
def test_a_run_continues_where_files_cannot_grow(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (warning,) = fill_and_check(tmp_path, caplog, 100)
    assert "File too large" in warning
    (rows,) = tmp_path.glob("features/*/*.rows")
    assert rows.stat().st_size % (8 * 256 * 2) == 0, "the batch that did not fit was truncated"


def test_a_run_continues_on_a_full_disk_and_the_next_run_uses_the_rows_that_fitted(
    small_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (warning,) = fill_and_check(small_disk, caplog)
    assert f"cannot be stored in {small_disk}" in warning
    assert "No space left" in warning
    assert "MB needed" in warning
    assert "cache.root" in warning
    with open_store(small_disk) as store:
        stored = store.find(*photos(400))
        assert 0 < stored.sum() < 400
        contents, views = photos(400)
        rows = store.rows(contents[stored], views[stored]).load()
    np.testing.assert_array_equal(rows, rows_of(contents[stored], views[stored]))


def test_a_run_continues_if_the_folder_cannot_be_created(small_disk: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(OSError, match="No space"):
        (small_disk / "filler").write_bytes(bytes(2**21))
    (warning,) = fill_and_check(small_disk / "cache", caplog)
    assert "No space left" in warning


def test_a_read_only_cache_is_read_and_not_added_to(
    small_disk: Path, make_read_only: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    assert fill_and_check(small_disk, caplog, 30) == []
    make_read_only()
    assert fill_and_check(small_disk, caplog, 30) == [], "all rows are found: no warning"
    (warning,) = fill_and_check(small_disk, caplog, 40)
    assert "Read-only file system" in warning


def test_a_read_only_disk_without_a_cache_is_no_error(
    small_disk: Path, make_read_only: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    make_read_only()
    (warning,) = fill_and_check(small_disk / "cache", caplog)
    assert "Read-only file system" in warning


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to any folder")
def test_a_folder_without_write_permission_is_no_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tmp_path.chmod(0o500)
    (warning,) = fill_and_check(tmp_path, caplog)
    assert "Permission denied" in warning


def test_rows_beyond_the_memory_limit_go_to_an_unnamed_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    contents, views = photos(50)
    row_type = row_dtype(SHAPE, "float16")
    data = rows_of(contents, views)
    overflow = Overflow(row_type, memory_bytes=20 * row_type.itemsize)
    for batch in np.array_split(np.arange(50), 7):
        overflow.append(records_of(keys_of(contents[batch], views[batch]), data[batch]), data[batch])
        np.testing.assert_array_equal(overflow.rows, data[: batch[-1] + 1])
    rows = overflow.rows
    overflow.close()
    assert list(tmp_path.iterdir()) == []
    np.testing.assert_array_equal(rows, data)


@pytest.mark.usefixtures("small_files")
def test_no_space_for_temporary_files_is_a_user_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    contents, views = photos(50)
    row_type = row_dtype(SHAPE, "float16")
    data = rows_of(contents, views)
    overflow = Overflow(row_type, memory_bytes=0)
    with pytest.raises(UserError, match=r"TMPDIR"):
        overflow.append(records_of(keys_of(contents, views), data), data)
    overflow.close()
