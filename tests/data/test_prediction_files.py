import os
import resource
import tarfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ndsc.data.prediction_files import ResultsFile, find_prediction_inputs
from ndsc.errors import UserError
from tests.storage.archives import linked_tar_bytes

SCHEMA = pa.schema([("path", pa.string()), ("p", pa.float32()), ("reason", pa.string())])


def write(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return folder


def pack(archive: Path, *names: str) -> Path:
    write(archive.parent / "packed", *names)
    with tarfile.open(archive, "w:gz" if archive.suffix == ".gz" else "w") as tar:
        for name in names:
            tar.add(archive.parent / "packed" / name, name)
    return archive


def test_a_folder_gives_its_files_sorted_folder_by_folder_and_no_hidden_ones(tmp_path: Path):
    folder = write(tmp_path / "new", "b.jpg", "a", "deep/er/c.png", "deep/d.gif", ".hidden.jpg", ".git/e.jpg")
    found = find_prediction_inputs([str(folder)], tmp_path)
    assert found["path"].to_pylist() == [str(folder / name) for name in ("a", "b.jpg", "deep/d.gif", "deep/er/c.png")]
    assert found["size"].to_pylist() == [1, 5, 10, 13]


@pytest.mark.parametrize("name", ["new.tar", "new.tar.gz"])
def test_an_archive_gives_its_members_in_its_own_order(tmp_path: Path, name: str):
    archive = pack(tmp_path / name, "z/1.jpg", "a/2.jpg", "m/3.jpg")
    found = find_prediction_inputs([str(archive)], tmp_path / "cache")
    assert found["path"].to_pylist() == ["z/1.jpg", "a/2.jpg", "m/3.jpg"]
    assert set(found["archive"].to_pylist()) == {os.fsencode(archive)}


def test_files_folders_and_archives_come_in_the_order_in_which_they_were_named(tmp_path: Path):
    folder = write(tmp_path / "new", "1.jpg", "3.jpg")
    pack(tmp_path / "new" / "2.tar", "inside.jpg")
    alone = write(tmp_path, "alone.jpg") / "alone.jpg"
    found = find_prediction_inputs([str(alone), str(folder), str(alone)], tmp_path / "cache")
    packed = folder / "packed" / "inside.jpg"
    expected = [alone, folder / "1.jpg", "inside.jpg", folder / "3.jpg", packed, alone]
    assert found["path"].to_pylist() == [str(path) for path in expected]


def test_links_in_an_archive_are_classified_and_those_to_nothing_have_a_reason(tmp_path: Path):
    (tmp_path / "x.tar").write_bytes(linked_tar_bytes())
    found = find_prediction_inputs([str(tmp_path / "x.tar")], tmp_path / "cache").to_pandas().set_index("path")
    assert (found.loc["hard/2.jpg", ["offset", "size"]] == found.loc["a/2.jpg", ["offset", "size"]]).all()
    unreadable = found[found["size"].isna()]
    assert list(unreadable.index) == ["soft/nothing.jpg", "soft/outside.jpg", "soft/itself.jpg"]
    assert set(unreadable["reason"]) == {"link to nothing in the archive"}
    assert set(found.loc[found["size"].notna(), "reason"]) == {""}


def test_entries_that_are_no_regular_files_have_no_size_and_are_never_opened(tmp_path: Path):
    folder = write(tmp_path / "new", "a.jpg")
    os.mkfifo(folder / "b.jpg")  # to open it would wait for ever
    (folder / "c.jpg").symlink_to("nowhere")
    (folder / "d.tar").symlink_to("nowhere")
    found = find_prediction_inputs([str(folder)], tmp_path)
    assert found["size"].to_pylist() == [5, None, None, None]
    assert found["reason"].to_pylist() == ["", *["not a regular file"] * 3]


def test_a_file_whose_name_is_not_utf_8_is_found_and_shown_with_replacement_characters(tmp_path: Path):
    name = b"caf\xe9.jpg"
    try:
        (tmp_path / os.fsdecode(name)).write_bytes(b"photo")
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    found = find_prediction_inputs([str(tmp_path)], tmp_path)
    assert found["path"].to_pylist() == [f"{tmp_path}/caf\N{REPLACEMENT CHARACTER}.jpg"]
    assert Path(os.fsdecode(found["archive"][0].as_py())).read_bytes() == b"photo"


def test_missing_paths_are_an_error_before_any_archive_is_indexed(tmp_path: Path):
    archive = pack(tmp_path / "new.tar", "1.jpg")
    with pytest.raises(UserError, match=r"Received: .*/nowhere, .*/nothing\.jpg\."):
        find_prediction_inputs([str(archive), f"{tmp_path}/nowhere", f"{tmp_path}/nothing.jpg"], tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_a_folder_without_files_is_an_error(tmp_path: Path):
    (tmp_path / "new" / "empty").mkdir(parents=True)
    with pytest.raises(UserError, match="at least one file"):
        find_prediction_inputs([str(tmp_path / "new")], tmp_path)


@pytest.mark.parametrize("name", ["2.tar", "2.tar.gz"])
def test_a_damaged_archive_in_a_folder_has_a_row_and_the_other_files_are_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
):
    folder = write(tmp_path / "new", "1.jpg", "4.jpg")
    broken = folder / name
    broken.write_bytes(b"\x1f\x8b but no archive" if name.endswith("gz") else b"no archive")
    pack(tmp_path / "3.tar", "inside.jpg").rename(folder / "3.tar")
    found = find_prediction_inputs([str(folder)], tmp_path / "cache")
    expected = [str(folder / "1.jpg"), str(broken), "inside.jpg", str(folder / "4.jpg")]
    assert found["path"].to_pylist() == expected
    assert found["reason"].to_pylist() == ["", "no readable archive", "", ""]
    assert found["size"].to_pylist()[1] is None
    assert f"Received: {broken}" in caplog.text
    with pytest.raises(UserError, match="A tar file, plain or gzipped"):
        find_prediction_inputs([str(broken)], tmp_path / "cache")


def batch(*rows: tuple[str, float | None, str]) -> pa.RecordBatch:
    return pa.record_batch(list(zip(*rows, strict=True)), schema=SCHEMA)


def test_csv_is_plain_and_quotes_only_what_needs_it(tmp_path: Path):
    with ResultsFile(tmp_path / "a.csv", SCHEMA, overwrite=False) as file:
        file.write(batch(("one.jpg", 0.1, ""), ('a "b", c.jpg', None, "not an image")))
        file.write(batch(("three.jpg", 1.0, "")))
    text = (tmp_path / "a.csv").read_text()
    assert text == 'path,p,reason\none.jpg,0.1,\n"a ""b"", c.jpg",,not an image\nthree.jpg,1.0,\n'


def test_parquet_has_the_types_and_order_of_many_batches_in_few_row_groups(tmp_path: Path):
    with ResultsFile(tmp_path / "a.parquet", SCHEMA, overwrite=False) as file:
        for number in range(5000):
            file.write(batch((f"{number}.jpg", number / 8, "")))
    read = pq.ParquetFile(tmp_path / "a.parquet")
    assert read.schema_arrow.equals(SCHEMA)
    assert read.num_row_groups == 2
    assert read.read()["p"].to_pylist() == [number / 8 for number in range(5000)]


def test_a_table_without_rows_still_has_its_columns(tmp_path: Path):
    for name in ("a.csv", "a.parquet"):
        with ResultsFile(tmp_path / name, SCHEMA, overwrite=False):
            pass
    assert pd.read_csv(tmp_path / "a.csv").columns.tolist() == SCHEMA.names
    assert pd.read_parquet(tmp_path / "a.parquet").columns.tolist() == SCHEMA.names


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_a_failure_leaves_no_file_behind_and_an_existing_file_unchanged(tmp_path: Path, name: str):
    (tmp_path / name).write_text("original")
    with pytest.raises(ZeroDivisionError), ResultsFile(tmp_path / name, SCHEMA, overwrite=True) as file:
        file.write(batch(("one.jpg", 1 / 0, "")))
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "original"


def test_an_existing_file_is_replaced_only_with_overwrite(tmp_path: Path):
    (tmp_path / "a.csv").write_text("original")
    with pytest.raises(UserError, match="overwrite=true"):
        ResultsFile(tmp_path / "a.csv", SCHEMA, overwrite=False)
    assert (tmp_path / "a.csv").read_text() == "original"
    with ResultsFile(tmp_path / "a.csv", SCHEMA, overwrite=True):
        assert (tmp_path / "a.csv").read_text() == "original"
    assert (tmp_path / "a.csv").read_text() == "path,p,reason\n"


def test_a_file_created_meanwhile_stays_and_the_results_are_written_beside_it(tmp_path: Path):
    with pytest.raises(UserError, match="meanwhile"), ResultsFile(tmp_path / "a.csv", SCHEMA, overwrite=False) as file:
        file.write(batch(("one.jpg", 0.5, "")))
        (tmp_path / "a.csv").write_text("somebody else's")
    assert (tmp_path / "a.csv").read_text() == "somebody else's"
    (beside,) = tmp_path.glob("a-*.csv")
    assert beside.read_text() == "path,p,reason\none.jpg,0.5,\n"


@pytest.mark.parametrize("name", ["a.txt", "a", "nowhere/a.csv"])
def test_an_unknown_file_type_or_a_missing_folder_is_an_error(tmp_path: Path, name: str):
    with pytest.raises(UserError, match=r"ends in \.csv or \.parquet, in a folder that exists"):
        ResultsFile(tmp_path / name, SCHEMA, overwrite=False)


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_a_full_disk_is_an_error_and_leaves_nothing_behind(tmp_path: Path, name: str):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with (
        pytest.raises(UserError, match=r"output=.*File too large"),
        ResultsFile(tmp_path / name, SCHEMA, overwrite=False) as file,
    ):
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
        try:
            for number in range(5000):
                file.write(batch((f"{number * number}.jpg", number / 7, "")))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []
