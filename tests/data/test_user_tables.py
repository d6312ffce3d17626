"""Tables that users provide."""

from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from ndsc.data.user_tables import (
    UserTable,
    find_names,
    last_position,
    matching_paths,
    names_beside,
    repair_paths,
    require_columns,
)
from ndsc.errors import UserError


def chunked(*values: str) -> pa.ChunkedArray:
    return pa.chunked_array([list(values[:2]), list(values[2:])], pa.string())


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "x.csv"
    path.write_text('\ufeffimage_path,label,note\na.jpg,007,"two\nlines, quoted"\nb.jpg,8,\n', encoding="utf-8")
    return path


def test_every_column_of_a_csv_is_text_as_it_is_written(tmp_path: Path):
    path = tmp_path / "x.csv"
    written = ["7", "07", "007", "1e3", "10e2", "1000", "12345678901234567801", "12345678901234567802", "true", "0x1F"]
    path.write_text("label,shop\n" + "".join(f"{value},{value}\n" for value in written))
    table = UserTable(path, "data.table", ("label",)).read()
    assert table.column("label").to_pylist() == table.column("shop").to_pylist() == written


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_null_nan_and_blank_values_are_missing_and_the_words_for_nothing_are_values(tmp_path: Path, suffix: str):
    path = tmp_path / f"x.{suffix}"
    values = ["", "  ", "\u00a0", "nan", "NaN", "NA", "None", "null", " bags\t", "cre\u0300me"]
    expected = [None] * 5 + ["NA", "None", "null", "bags", "cr\u00e8me"]
    table = pa.table({"image": ["x"] * 10, "label": values, "shop": values})
    if suffix == "csv":
        pyarrow.csv.write_csv(table, path)
    else:
        pyarrow.parquet.write_table(table, path)
    read = UserTable(path, "data.table", ("image", "label")).read()
    assert read.column("label").to_pylist() == read.column("shop").to_pylist() == expected


def test_numbers_that_are_missing_in_a_parquet_file_are_missing_labels(tmp_path: Path):
    path = tmp_path / "x.parquet"
    label = pa.array([0.0, float("nan"), None, 1.0], pa.float64())
    pyarrow.parquet.write_table(pa.table({"image": list("abcd"), "label": label}), path)
    read = UserTable(path, "data.table", ("image", "label")).read()
    assert read.column("label").to_pylist() == ["0", None, None, "1"]


def test_paths_of_photos_are_read_as_they_are_written(tmp_path: Path):
    path = tmp_path / "x.csv"
    path.write_text("image,label\n a.jpg ,x\nnan,x\ncre\u0300me.jpg,x\n")
    read = UserTable(path, "data.table", ("image", "label")).read()
    assert read.column("image").to_pylist() == [" a.jpg ", "nan", "cre\u0300me.jpg"]


@pytest.mark.parametrize("value", [["a"], {"bytes": b"x", "path": "a.jpg"}, b"\xff"])
def test_a_column_of_lists_structures_or_bytes_is_an_error_that_names_it(tmp_path: Path, value: object):
    path = tmp_path / "x.parquet"
    pyarrow.parquet.write_table(pa.table({"image": ["a.jpg"], "label": [value]}), path)
    with pytest.raises(UserError, match=r"The column label of data\.table must hold one text or number .* the type "):
        UserTable(path, "data.table", ("image", "label")).read()


def test_quotes_and_line_breaks_in_a_csv_are_part_of_the_text(csv: Path):
    table = UserTable(csv, "data.table", ("label",), ("not there",)).read()
    assert table.column("note").to_pylist() == ["two\nlines, quoted", None]


def test_a_parquet_file_is_read_with_its_categories_as_plain_values(tmp_path: Path):
    path = tmp_path / "x.parquet"
    label = pa.array(["b", "a", "b"]).dictionary_encode()
    pyarrow.parquet.write_table(pa.table({"label": label, "number": [1, 2, 3]}), path)
    table = UserTable(path, "data.table", (), ("number",))
    assert table.read().schema.types == [pa.string(), pa.string()]
    assert table.read().column("label").to_pylist() == ["b", "a", "b"]
    assert table.check() == ["label"]


def test_the_further_columns_are_the_same_from_the_header_and_from_the_table(csv: Path):
    table = UserTable(csv, "data.table", ("image_path",), ("label", "not there"), prefix="mine")
    assert table.check() == table.further_columns(table.read()).column_names == ["note"]
    assert table.columns_beside(["note", "size"]) == {"note": "mine_note"}
    rows = table.add_further(pa.table({"note": [1, 2]}), table.further_columns(table.read()))
    assert rows.column_names == ["note", "mine_note"]


@pytest.mark.parametrize("read", [UserTable.read, UserTable.check])
def test_a_missing_table_is_an_error_that_names_the_setting(tmp_path: Path, read):
    with pytest.raises(UserError, match=r"^data\.metadata must be .* Received: .*missing\.csv, which does not exist"):
        read(UserTable(tmp_path / "missing.csv", "data.metadata", ()))
    with pytest.raises(UserError, match="which is no file"):
        read(UserTable(tmp_path, "data.metadata", ()))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("x.parquet", b"no parquet"),
        ("x.csv", b""),
        ("x.csv", b"a,b\n1,2\n3\n"),
        ("x.csv", b"image_path\n\xff\xfe.jpg\n"),
    ],
)
def test_a_file_whose_content_does_not_match_its_name_is_an_error(tmp_path: Path, name: str, data: bytes):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"must be a UTF-8 CSV .* Received: "):
        UserTable(path, "data.metadata", (), ("image_path",)).read()


@pytest.mark.parametrize("read", [UserTable.read, UserTable.check])
def test_a_table_without_a_required_column_is_an_error_that_names_those_present(csv: Path, read):
    with pytest.raises(UserError, match=r"data\.table must have the column kind\. Received: image_path, label, note\."):
        read(UserTable(csv, "data.table", ("label", "kind")))


def test_missing_columns_are_named_beside_those_present():
    with pytest.raises(UserError, match=r"must have the columns image, label\. Received: photo, class\."):
        require_columns(["photo", "class"], ["image", "label"], "data.table")
    require_columns(["photo", "class"], ["class"], "data.table")


def test_paths_without_an_extension_are_repaired():
    paths = repair_paths(chunked("f/a.jpg", "f/b", "f.d/c", "f/d.PNG"))
    assert paths.to_pylist() == ["f/a.jpg", "f/b.jpg", "f.d/c.jpg", "f/d.PNG"]


# What a table says, what an archive says, and under which name the photo is found.
SPELLINGS = [
    ("f/a.jpg", "f/a.jpg", "f/a.jpg"),
    ("f/a", "f/a", "f/a"),
    ("f/a", "f/a.jpg", "f/a.jpg"),
    ("f/a", "./f/a.JPG", "f/a.jpg"),
    ("f/a.jpg", "./f/a.jpg", "f/a.jpg"),
    ("./f/a.jpg", "f/a.jpg", "./f/a.jpg"),
    ("f//./a.jpg", "f/a.jpg", "f//./a.jpg"),
    ("/f/a.jpg", "f/a.jpg", "/f/a.jpg"),
    ("f\\a.jpg", "f/a.jpg", "f\\a.jpg"),
    (" f/a.jpg", "f/a.jpg", " f/a.jpg"),
    ("f/a.jpg", "f/a.JPG", "f/a.jpg"),
    ("f/cr\u00e8me", "f/cre\u0300me", "f/cr\u00e8me"),
    ("f/cre\u0300me.jpg", "f/cr\u00e8me.jpg", "f/cre\u0300me.jpg"),
    ("f/A.jpg", "f/a.jpg", None),
    ("f/a.jpg", "g/a.jpg", None),
]


@pytest.mark.parametrize(("named", "known", "name"), SPELLINGS)
def test_names_are_found_however_they_are_spelled_on_either_side(named: str, known: str, name: str | None):
    positions, names = find_names(pa.chunked_array([[named]]), pa.chunked_array([["other", known, "last"]]))
    assert positions.to_pylist() == [None if name is None else 1]
    assert names.to_pylist() == [name or named]
    assert matching_paths(pa.chunked_array([[named]]), pa.chunked_array([[known]])).to_pylist() == [
        named if name is None else known
    ]


def test_the_exact_name_comes_before_every_other_spelling():
    known = pa.chunked_array([["a.jpg", "./a.jpg", "a", "a.JPG", "cre\u0300me", "cr\u00e8me"]])
    assert find_names(known, known)[0].to_pylist() == list(range(6))


def test_the_last_of_equal_names_is_found():
    assert last_position(chunked("b", "z", "a"), chunked("a", "b", "a", "c")).to_pylist() == [1, None, 2]


@pytest.mark.parametrize("read", [UserTable.read, UserTable.check])
@pytest.mark.parametrize("name", ["x.csv", "x.parquet"])
def test_two_columns_of_one_name_are_an_error_that_names_them(tmp_path: Path, read, name: str):
    path = tmp_path / name
    if name == "x.csv":
        path.write_text("x,label,label\n1,2,3\n")
    else:
        columns = [pa.array([number]) for number in range(3)]
        pyarrow.parquet.write_table(pa.Table.from_arrays(columns, names=["x", "label", "label"]), path)
    with pytest.raises(UserError, match=r"data\.table must .* more than one column called label\."):
        read(UserTable(path, "data.table", ()))


@pytest.mark.parametrize(("taken", "names"), [(["size", "t_size"], ["size"]), (["size"], ["t_size", "size"])])
def test_a_name_that_is_taken_even_with_its_prefix_is_an_error(taken: list[str], names: list[str]):
    with pytest.raises(UserError, match="renamed to t_size, so no other column may be"):
        names_beside(taken, names, "t")
    assert names_beside(["size"], ["size", "shop"], "t") == {"size": "t_size", "shop": "shop"}


def test_parquet_is_recognized_by_a_name_in_capitals_too(tmp_path: Path):
    path = tmp_path / "X.PARQUET"
    pyarrow.parquet.write_table(pa.table({"label": ["a"]}), path)
    assert UserTable(path, "data.table", ()).read().to_pylist() == [{"label": "a"}]
    assert UserTable(path, "data.table", ()).check() == ["label"]
