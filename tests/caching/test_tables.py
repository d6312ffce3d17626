"""Kept tables: found again, never believed when damaged, written whole or not at all."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest

from ndsc.caching.tables import file_digest, file_signature, load_or_make, load_table, save_table, written_whole
from ndsc.errors import UserError

TABLE = pa.table({"name": ["a", "b", None], "size": pa.array([1, 2, 3], pa.int64())})


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    path = tmp_path / "folder" / "x.arrow"
    save_table(path, TABLE, {"skipped": {"links": 2}})
    return path


def test_a_table_and_its_facts_are_found_again(kept: Path):
    loaded = load_table(kept)
    assert loaded is not None
    assert loaded[0].equals(TABLE)
    assert loaded[1] == {"skipped": {"links": 2}}
    assert os.listdir(kept.parent) == [kept.name]


def test_loading_copies_nothing(kept: Path):
    before = pa.total_allocated_bytes()
    loaded = load_table(kept)
    assert loaded is not None
    assert pa.total_allocated_bytes() == before


def test_a_flipped_bit_anywhere_or_a_missing_end_is_noticed(kept: Path, caplog: pytest.LogCaptureFixture):
    good = kept.read_bytes()
    for at in (0, 40, 64, len(good) // 2, len(good) - 1):
        bad = bytearray(good)
        bad[at] ^= 4
        kept.write_bytes(bad)
        assert load_table(kept) is None
    for length in (0, 10, 63, len(good) - 1):
        kept.write_bytes(good[:length])
        assert load_table(kept) is None
    assert "damaged" in caplog.text


def test_what_is_missing_is_made_once(tmp_path: Path):
    made = []

    def make():
        made.append(1)
        return TABLE, {"fact": 1}

    path = tmp_path / "x.arrow"
    assert load_or_make(path, make)[0].equals(TABLE)
    assert load_or_make(path, make)[1] == {"fact": 1}
    assert made == [1]


def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path: Path):
    path = tmp_path / "x"
    path.write_text("old")

    def write_half() -> None:
        with written_whole(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError("interrupted")

    with pytest.raises(RuntimeError):
        write_half()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["x"]


def test_a_disk_that_refuses_is_an_error_with_a_way_out(tmp_path: Path):
    blocked = tmp_path / "a file, not a folder"
    blocked.write_text("")
    with pytest.raises(UserError, match=r"must be writable.*Received: File exists.*cache\.root"):
        save_table(blocked / "x.arrow", TABLE, {})


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's full disk")
def test_a_full_disk_is_an_error_with_a_way_out(tmp_path: Path):
    def write() -> None:
        with written_whole(tmp_path / "x"), open("/dev/full", "wb", buffering=0) as full:
            full.write(b"x")

    with pytest.raises(UserError, match="No space left on device"):
        write()


def test_the_signature_changes_with_size_time_and_content(tmp_path: Path):
    path = tmp_path / "x"
    path.write_bytes(bytes(100_000))
    os.utime(path, ns=(1, 1))
    first = file_signature(path)
    assert file_signature(path) == first
    os.utime(path, ns=(1, 2))
    assert file_signature(path) != first
    with path.open("r+b") as file:
        file.seek(99_999)
        file.write(b"x")
    os.utime(path, ns=(1, 1))
    assert file_signature(path) != first
    path.write_bytes(bytes(99_999))
    os.utime(path, ns=(1, 1))
    assert file_signature(path) != first


def test_small_and_empty_files_have_signatures_and_missing_ones_are_errors(tmp_path: Path):
    path = tmp_path / "x"
    path.write_bytes(b"")
    empty = file_signature(path)
    path.write_bytes(b"a")
    assert len({empty, file_signature(path)}) == 2
    assert file_digest(path) == "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
    with pytest.raises(UserError, match="does not exist"):
        file_signature(tmp_path / "missing")
    with pytest.raises(UserError, match="does not exist or is none"):
        file_signature(tmp_path)


WRITER = """
import sys
from pathlib import Path
import numpy, pyarrow
from ndsc.caching.tables import save_table
while True:
    save_table(Path(sys.argv[1]), pyarrow.table({"x": numpy.arange(2_000_000)}), {"whole": True})
    print("kept", flush=True)
"""


def test_writers_that_are_killed_and_writers_at_once_never_leave_half_a_table(tmp_path: Path):
    path = tmp_path / "x.arrow"
    for wait in (0.01, 0.02, 0.03):
        writers = [subprocess.Popen([sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE) for _ in range(2)]
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"kept\n"
        # Both are in the middle of their next tables.
        time.sleep(wait)
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
            writer.communicate()
        loaded = load_table(path)
        assert loaded is not None
        assert loaded[1] == {"whole": True}
