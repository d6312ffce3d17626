"""A store finds and returns what was appended."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from ndsc.errors import UserError
from ndsc.features.store import FeatureStore
from tests.features.store.filler import FINGERPRINT, SHAPE, fill, open_store, photos, rows_of


def filled(cache_root: Path, count: int = 50, views: int = 1) -> None:
    with open_store(cache_root) as store:
        for view in range(views):
            fill(store, *photos(count, view))


def test_appended_rows_are_found_in_any_order_and_by_another_store(tmp_path: Path) -> None:
    filled(tmp_path)
    contents, views = photos(50)
    order = np.random.default_rng(0).permutation(50)
    with open_store(tmp_path) as store:
        assert store.find(contents, views).all()
        rows = store.rows(contents[order], views[order])
        assert rows.shape == (50, 8, 256)
        assert rows.dtype == np.float16
        assert len(rows) == 50
        np.testing.assert_array_equal(rows.load(), rows_of(contents[order], views[order]))


def test_rows_of_another_process_are_found(tmp_path: Path, start) -> None:
    process = start("together", tmp_path, 50)
    process.communicate("go\n")
    with open_store(tmp_path) as store:
        np.testing.assert_array_equal(store.rows(*photos(50)).load(), rows_of(*photos(50)))


def test_another_photo_or_view_is_a_miss(tmp_path: Path) -> None:
    filled(tmp_path, count=50, views=2)
    contents, _ = photos(60)
    with open_store(tmp_path) as store:
        np.testing.assert_array_equal(store.find(contents, np.ones(60, int)), np.arange(60) < 50)
        assert not store.find(contents, np.full(60, 2)).any()
        contents = contents.copy()
        contents[:, 15] ^= 1
        assert not store.find(contents, np.zeros(60, int)).any()


@pytest.mark.parametrize("entry", list(FINGERPRINT))
def test_a_changed_entry_of_the_fingerprint_is_a_miss(tmp_path: Path, entry: str) -> None:
    filled(tmp_path)
    with FeatureStore.open(tmp_path, FINGERPRINT | {entry: "another"}, SHAPE, "float16") as store:
        assert not store.find(*photos(50)).any()


@pytest.mark.parametrize(("shape", "dtype"), [((8, 256), "float32"), ((256, 8), "float16"), ((2048,), "float16")])
def test_another_shape_or_dtype_is_a_miss(tmp_path: Path, shape: tuple[int, ...], dtype: str) -> None:
    filled(tmp_path)
    with FeatureStore.open(tmp_path, FINGERPRINT, shape, dtype) as store:
        assert not store.find(*photos(50)).any()


def test_the_order_of_entries_in_a_fingerprint_does_not_matter(tmp_path: Path) -> None:
    filled(tmp_path)
    reversed_entries = dict(reversed(FINGERPRINT.items()))
    with FeatureStore.open(tmp_path, reversed_entries, SHAPE, "float16") as store:
        assert store.find(*photos(50)).all()


def test_the_fingerprint_can_be_read_beside_the_rows(tmp_path: Path) -> None:
    filled(tmp_path)
    (path,) = tmp_path.glob("features/*/fingerprint.json")
    assert json.loads(path.read_text()) == {
        "format": 1, "shape": [8, 256], "dtype": "float16", "fingerprint": FINGERPRINT
    }  # fmt: skip


def test_a_folder_with_another_fingerprint_is_refused(tmp_path: Path) -> None:
    filled(tmp_path)
    (path,) = tmp_path.glob("features/*/fingerprint.json")
    path.write_text(path.read_text().replace("resnet50", "xception"))
    with pytest.raises(UserError, match="xception"):
        open_store(tmp_path)


def test_a_fingerprint_that_is_not_plain_json_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        FeatureStore.open(tmp_path, {"weights": np.zeros(3)}, SHAPE, "float16")
    with pytest.raises(ValueError, match="JSON compliant"):
        FeatureStore.open(tmp_path, {"factor": float("nan")}, SHAPE, "float16")


def test_a_cache_root_that_is_a_file_is_an_error_for_the_user(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    with pytest.raises(UserError, match=r"cache\.root"):
        open_store(tmp_path / "cache")


def test_rows_of_several_segments_are_gathered_by_index_or_slice(tmp_path: Path) -> None:
    contents, views = photos(90)
    with open_store(tmp_path) as first, open_store(tmp_path) as second:
        fill(first, contents[:30], views[:30])
        fill(second, contents[30:], views[30:])
        fill(first, contents[:10], views[:10] + 1)
        assert len(list(tmp_path.glob("features/*/*.rows"))) == 2
        first.refresh()
        rows = first.rows(contents, views)
    expected = rows_of(contents, views)
    indices = np.array([80, 3, 3, 29, 30, 0])
    np.testing.assert_array_equal(rows[indices], expected[indices])
    np.testing.assert_array_equal(rows[20:40], expected[20:40])
    assert rows[np.array([], int)].shape == (0, 8, 256)
    with pytest.raises(IndexError):
        rows[np.array([90])]


def test_the_next_process_continues_the_segment_of_the_previous_one(tmp_path: Path) -> None:
    for count in (10, 20, 30):
        filled(tmp_path, count)
    assert len(list(tmp_path.glob("features/*/*.index"))) == 1
    with open_store(tmp_path) as store:
        np.testing.assert_array_equal(store.rows(*photos(30)).load(), rows_of(*photos(30)))


def test_rows_stay_valid_after_the_store_is_closed_and_the_folder_deleted(tmp_path: Path) -> None:
    filled(tmp_path)
    with open_store(tmp_path) as store:
        rows = store.rows(*photos(50))
    shutil.rmtree(tmp_path / "features")
    np.testing.assert_array_equal(rows.load(), rows_of(*photos(50)))


def test_missing_rows_are_an_error(tmp_path: Path) -> None:
    filled(tmp_path, 50)
    with open_store(tmp_path) as store, pytest.raises(LookupError, match="10 of 60"):
        store.rows(*photos(60))


def test_a_copy_without_lock_files_is_found(tmp_path: Path) -> None:
    filled(tmp_path / "here")
    shutil.copytree(tmp_path / "here", tmp_path / "there", ignore=shutil.ignore_patterns("used", "filling"))
    shutil.rmtree(tmp_path / "here")
    with open_store(tmp_path / "there") as store:
        np.testing.assert_array_equal(store.rows(*photos(50)).load(), rows_of(*photos(50)))


def test_rows_of_a_wrong_shape_dtype_or_number_are_refused(tmp_path: Path) -> None:
    contents, views = photos(2)
    rows = rows_of(contents, views)
    with open_store(tmp_path) as store:
        for wrong in (rows.astype(np.float32), rows[:, :7]):
            with pytest.raises(ValueError, match="Expected rows"):
                store.append(contents, views, wrong)
        for wrong in (rows[:1], np.concatenate([rows, rows])):
            with pytest.raises(ValueError, match=r"shorter|longer"):
                store.append(contents, views, wrong)
        with pytest.raises(ValueError, match="views"):
            store.append(contents, views - 1, rows)
        with pytest.raises(ValueError, match="contents"):
            store.find(contents[:, :8], views)


def test_a_row_is_verified_once_and_counted(tmp_path: Path) -> None:
    filled(tmp_path)
    verified: list[int] = []
    with open_store(tmp_path) as store:
        store.find(*photos(50), verified.append)
        store.find(*photos(50), verified.append)
    assert sum(verified) == 50


def test_big_endian_rows_are_stored_as_little_endian(tmp_path: Path) -> None:
    contents, views = photos(3)
    with open_store(tmp_path) as store:
        store.append(contents, views, rows_of(contents, views).astype(">f2"))
        np.testing.assert_array_equal(store.rows(contents, views).load(), rows_of(contents, views))
