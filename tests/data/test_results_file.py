import resource
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ndsc.data.results_file import ResultsFile
from ndsc.errors import UserError

SCHEMA = pa.schema([("path", pa.string()), ("p", pa.float32()), ("reason", pa.string())])


def batch(*rows: tuple[str, float | None, str]) -> pa.RecordBatch:
    return pa.record_batch(list(zip(*rows, strict=True)), schema=SCHEMA)


def test_csv_is_plain_and_quotes_only_what_needs_it(tmp_path: Path):
    with ResultsFile(tmp_path / "a.csv", SCHEMA, overwrite=False) as file:
        file.write(batch(("one.jpg", 0.1, ""), ('a "b", c.jpg', None, "not an image")))
        file.write(batch(("three.jpg", 1.0, "")))
    text = (tmp_path / "a.csv").read_text()
    assert text == 'path,p,reason\none.jpg,0.1,\n"a ""b"", c.jpg",,not an image\nthree.jpg,1.0,\n'


def test_parquet_keeps_types_and_order_over_many_batches_in_few_groups(tmp_path: Path):
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
def test_a_failure_leaves_nothing_behind_and_what_was_there_as_it_was(tmp_path: Path, name: str):
    (tmp_path / name).write_text("kept")
    with pytest.raises(ZeroDivisionError), ResultsFile(tmp_path / name, SCHEMA, overwrite=True) as file:
        file.write(batch(("one.jpg", 1 / 0, "")))
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "kept"


def test_an_existing_file_is_replaced_only_when_that_is_said(tmp_path: Path):
    (tmp_path / "a.csv").write_text("kept")
    with pytest.raises(UserError, match="overwrite=true"):
        ResultsFile(tmp_path / "a.csv", SCHEMA, overwrite=False)
    assert (tmp_path / "a.csv").read_text() == "kept"
    with ResultsFile(tmp_path / "a.csv", SCHEMA, overwrite=True):
        assert (tmp_path / "a.csv").read_text() == "kept"
    assert (tmp_path / "a.csv").read_text() == "path,p,reason\n"


def test_a_file_that_came_about_meanwhile_stays_and_the_results_are_kept_beside_it(tmp_path: Path):
    with pytest.raises(UserError, match="meanwhile"), ResultsFile(tmp_path / "a.csv", SCHEMA, overwrite=False) as file:
        file.write(batch(("one.jpg", 0.5, "")))
        (tmp_path / "a.csv").write_text("somebody else's")
    assert (tmp_path / "a.csv").read_text() == "somebody else's"
    (beside,) = tmp_path.glob("a-*.csv")
    assert beside.read_text() == "path,p,reason\none.jpg,0.5,\n"


@pytest.mark.parametrize("name", ["a.txt", "a", "nowhere/a.csv"])
def test_a_name_of_no_known_kind_or_in_no_folder_is_refused(tmp_path: Path, name: str):
    with pytest.raises(UserError, match=r"ends in \.csv or \.parquet, in a folder that exists"):
        ResultsFile(tmp_path / name, SCHEMA, overwrite=False)


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_a_disk_that_refuses_is_told_and_leaves_nothing_behind(tmp_path: Path, name: str):
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
