"""Several processes at once."""

import errno
import fcntl
import logging
from pathlib import Path

import numpy as np
import pytest

from tests.features.store.filler import fill, open_store, photos, rows_of


def go(process) -> None:
    process.stdin.write("go\n")
    process.stdin.flush()


def test_two_processes_that_fill_one_cache_compute_each_row_once(tmp_path: Path, start) -> None:
    first, second = start("exclusive", tmp_path, 300), start("exclusive", tmp_path, 300)
    go(first)
    assert int(first.stdout.readline()) > 0, "the first has the lock"
    go(second)
    first.communicate()
    output, logged = second.communicate()
    assert output == "", "the second had nothing left to compute"
    assert f"Waiting for process {first.pid} on " in logged
    with open_store(tmp_path) as store:
        np.testing.assert_array_equal(store.rows(*photos(300)).load(), rows_of(*photos(300)))


def test_after_a_kill_the_lock_is_free_and_only_missing_rows_are_computed(tmp_path: Path, start) -> None:
    first, second = start("exclusive", tmp_path, 300), start("exclusive", tmp_path, 300)
    go(first)
    computed = int(first.stdout.readline())
    go(second)
    first.kill()
    computed += sum(map(int, first.communicate()[0].split()))
    rest = sum(map(int, second.communicate()[0].split()))
    assert rest <= 300 - computed
    with open_store(tmp_path) as store:
        np.testing.assert_array_equal(store.rows(*photos(300)).load(), rows_of(*photos(300)))


def test_two_processes_without_the_lock_store_all_rows(tmp_path: Path, start) -> None:
    processes = [start("together", tmp_path, 300), start("together", tmp_path, 300)]
    for process in processes:
        go(process)
    computed = [sum(map(int, process.communicate()[0].split())) for process in processes]
    assert computed == [300, 300], "both found nothing at the beginning"
    with open_store(tmp_path) as store:
        np.testing.assert_array_equal(store.rows(*photos(300)).load(), rows_of(*photos(300)))


def test_a_disk_without_locks_is_used_and_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(_file: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    for count in (10, 20):
        with caplog.at_level(logging.INFO), open_store(tmp_path) as store, store.exclusive():
            assert fill(store, *photos(count)) == 10
    assert "has no locks" in caplog.text
    assert len(list(tmp_path.glob("features/*/*.rows"))) == 2, "no segment is shared without a lock"


def test_other_errors_of_a_lock_are_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_file: int, _operation: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(fcntl, "flock", fail)
    with pytest.raises(OSError, match="Input/output"):
        open_store(tmp_path)
