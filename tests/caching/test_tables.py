"""Cached tables are found again, never used if damaged, and written atomically."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest

from ndsc.caching.tables import load_or_make, load_table, save_table
from ndsc.errors import UserError

TABLE = pa.table({"name": ["a", "b", None], "size": pa.array([1, 2, 3], pa.int64())})


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "folder" / "x.arrow"
    save_table(path, TABLE, {"skipped": {"links": 2}})
    return path


def test_a_table_and_its_facts_are_found_again(saved: Path):
    loaded = load_table(saved)
    assert loaded is not None
    assert loaded[0].equals(TABLE)
    assert loaded[1] == {"skipped": {"links": 2}}
    assert os.listdir(saved.parent) == [saved.name]


def test_loading_copies_nothing(saved: Path):
    before = pa.total_allocated_bytes()
    loaded = load_table(saved)
    assert loaded is not None
    assert pa.total_allocated_bytes() == before


def test_a_flipped_bit_anywhere_or_a_missing_end_is_noticed(saved: Path, caplog: pytest.LogCaptureFixture):
    good = saved.read_bytes()
    for at in (0, 40, 64, len(good) // 2, len(good) - 1):
        bad = bytearray(good)
        bad[at] ^= 4
        saved.write_bytes(bad)
        assert load_table(saved) is None
    for length in (0, 10, 63, len(good) - 1):
        saved.write_bytes(good[:length])
        assert load_table(saved) is None
    assert "damaged" in caplog.text


def test_a_missing_table_is_made_once(tmp_path: Path):
    made = []

    def make():
        made.append(1)
        return TABLE, {"fact": 1}

    path = tmp_path / "x.arrow"
    assert load_or_make(path, make)[0].equals(TABLE)
    assert load_or_make(path, make)[1] == {"fact": 1}
    assert made == [1]


def test_a_disk_that_cannot_be_written_is_a_user_error(tmp_path: Path):
    blocked = tmp_path / "a file, not a folder"
    blocked.write_text("")
    with pytest.raises(UserError, match=r"must be writable.*Received: File exists.*cache\.root"):
        save_table(blocked / "x.arrow", TABLE, {})


WRITER = """
import sys
from pathlib import Path
import numpy, pyarrow
from ndsc.caching.tables import save_table
while True:
    save_table(Path(sys.argv[1]), pyarrow.table({"x": numpy.arange(2_000_000)}), {"whole": True})
    print("saved", flush=True)
"""


def test_killed_and_concurrent_writers_never_leave_half_a_table(tmp_path: Path):
    path = tmp_path / "x.arrow"
    for wait in (0.01, 0.02, 0.03):
        writers = [subprocess.Popen([sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE) for _ in range(2)]
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"saved\n"
        # Both are in the middle of their next tables.
        time.sleep(wait)
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
            writer.communicate()
        loaded = load_table(path)
        assert loaded is not None
        assert loaded[1] == {"whole": True}
