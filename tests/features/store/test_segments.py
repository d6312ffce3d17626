"""Killed writers, truncated files and flipped bits: damaged rows are computed again and never used."""

import logging
import random
import time
from pathlib import Path

import numpy as np
import pytest

from ndsc.features.store.maintenance import Damage, find_damage, survey
from tests.features.store.filler import fill, open_store, photos, rows_of

ROW_BYTES = 8 * 256 * 2


def any_damage(cache_root: Path) -> list[Damage]:
    return [item for features in survey(cache_root)[0] for item in find_damage(features, lambda _count: None)]


def flip(path: Path, offset: int, bit: int = 0) -> None:
    with path.open("r+b") as stream:
        stream.seek(offset)
        (byte,) = stream.read(1)
        stream.seek(offset)
        stream.write(bytes([byte ^ 1 << bit]))


def truncate(path: Path, size: int) -> None:
    with path.open("r+b") as stream:
        stream.truncate(size)


def zero(path: Path, start: int) -> None:
    size = path.stat().st_size
    truncate(path, start)
    truncate(path, size)


DAMAGES = {
    "a bit of a row": ("rows", lambda path: flip(path, 10 * ROW_BYTES + 77, bit=3), {10}),
    "the last bit of the last row": ("rows", lambda path: flip(path, 50 * ROW_BYTES - 1, bit=7), {49}),
    "a bit of a content hash": ("index", lambda path: flip(path, 10 * 24 + 3), {10}),
    "a bit of a view": ("index", lambda path: flip(path, 10 * 24 + 16), {10}),
    "a bit of a checksum": ("index", lambda path: flip(path, 10 * 24 + 20), {10}),
    "rows truncated": ("rows", lambda path: truncate(path, 45 * ROW_BYTES + 1), {45, 46, 47, 48, 49}),
    "all rows truncated": ("rows", lambda path: truncate(path, 0), set(range(50))),
    "rows missing": ("rows", Path.unlink, set(range(50))),
    "index truncated": ("index", lambda path: truncate(path, 45 * 24 + 23), {45, 46, 47, 48, 49}),
    "index missing": ("index", Path.unlink, set(range(50))),
    "zeros where rows were, as after a power cut": ("rows", lambda path: zero(path, 48 * ROW_BYTES), {48, 49}),
    "zeros where records were, as after a power cut": ("index", lambda path: zero(path, 48 * 24), {48, 49}),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_damaged_rows_are_detected_and_computed_again(tmp_path: Path, what: str) -> None:
    contents, views = photos(50)
    with open_store(tmp_path) as store:
        fill(store, contents, views)
    suffix, inflict, damaged = DAMAGES[what]
    (path,) = tmp_path.glob(f"features/*/*.{suffix}")
    inflict(path)
    for expected_to_compute in (len(damaged), 0):
        with open_store(tmp_path) as store:
            assert set(np.flatnonzero(~store.find(contents, views))) == (damaged if expected_to_compute else set())
            assert fill(store, contents, views) == expected_to_compute
            np.testing.assert_array_equal(store.rows(contents, views).load(), rows_of(contents, views))


def test_a_damaged_view_number_is_not_found_as_another_view(tmp_path: Path) -> None:
    contents, views = photos(50)
    with open_store(tmp_path) as store:
        fill(store, contents, views)
    (index,) = tmp_path.glob("features/*/*.index")
    flip(index, 10 * 24 + 16)  # View 0 of photo 10 claims to be view 1.
    with open_store(tmp_path) as store:
        assert not store.find(contents, views + 1).any()


def test_damage_is_reported_in_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    contents, views = photos(50)
    with open_store(tmp_path) as store:
        fill(store, contents, views)
    (rows,) = tmp_path.glob("features/*/*.rows")
    for row in (3, 4, 40):
        flip(rows, row * ROW_BYTES)
    with caplog.at_level(logging.INFO), open_store(tmp_path) as store:
        store.find(contents, views)
        store.find(contents, views)
    (line,) = caplog.messages
    assert line.startswith("3 cached features")
    assert line.endswith("damaged, computed again.")


def test_an_unreadable_segment_is_reported_and_counts_as_missing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    contents, views = photos(50)
    with open_store(tmp_path) as store:
        fill(store, contents, views)
    (index,) = tmp_path.glob("features/*/*.index")
    index.unlink()
    index.mkdir()  # Even root cannot read it.
    with open_store(tmp_path) as store:
        assert not store.find(contents, views).any()
    assert "cannot be read" in caplog.text


def test_the_next_writer_overwrites_half_written_rows_of_a_killed_one(tmp_path: Path) -> None:
    contents, views = photos(60)
    with open_store(tmp_path) as store:
        fill(store, contents[:50], views[:50])
    (rows,), (index,) = tmp_path.glob("features/*/*.rows"), tmp_path.glob("features/*/*.index")
    with rows.open("ab") as half_a_row, index.open("ab") as half_a_record:
        half_a_row.write(b"\x55" * (3 * ROW_BYTES + 1000))
        half_a_record.write(b"\x55" * 13)
    for _ in range(2):
        with open_store(tmp_path) as store:
            fill(store, contents, views)
            np.testing.assert_array_equal(store.rows(contents, views).load(), rows_of(contents, views))
    assert index.stat().st_size == 60 * 24, "the writer continued the same segment"
    assert not any_damage(tmp_path)


@pytest.mark.parametrize("kills", [3, pytest.param(50, marks=pytest.mark.soak)])
def test_rows_that_a_killed_process_appended_are_complete(tmp_path: Path, start, kills: int) -> None:
    contents, views = np.tile(photos(400)[0], (40, 1)), np.repeat(np.arange(40), 400)
    appended = 0
    for kill in range(kills):
        cache_root = tmp_path / str(kill // 5)  # Five continue each other's segments.
        appended = appended if kill % 5 else 0
        process = start("endless", cache_root, 400)
        process.stdin.write("go\n")
        process.stdin.flush()
        appended += int(process.stdout.readline()) if kill % 2 else 0  # Every other one is killed early.
        time.sleep(random.uniform(0, 0.1))
        process.kill()
        appended += sum(map(int, process.communicate()[0].split()))
        with open_store(cache_root) as store:
            found = store.find(contents, views)
            assert found.sum() >= min(appended, len(found))
            rows = store.rows(contents[found], views[found])
            np.testing.assert_array_equal(rows.load(), rows_of(contents[found], views[found]))
        assert not any_damage(cache_root)
