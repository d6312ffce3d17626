"""Photos in plain files: a folder for each class, or a table that names them."""

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from ndsc.data.file_sources import TableSource
from ndsc.data.folder_source import FolderSource
from ndsc.errors import UserError
from ndsc.storage.photo_files import files_below
from ndsc.storage.photo_reader import PhotoReader
from tests.encoded import GOOD, jpeg
from tests.storage.archives import content, tar_bytes

CACHE = Path("no cache is needed")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    for name in (
        "shoes/b.JPG",
        "shoes/deep/er/a.webp",
        "bags/c.png",
        "bags/notes.txt",
        "bags/.hidden.jpg",
        ".git/x.jpg",
    ):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    (root / "readme.jpg").write_bytes(b"in no class")
    return root


def test_the_class_is_the_folder_below_the_root(root: Path):
    rows = FolderSource(root, CACHE).read()[0]
    assert rows.select(["image_path", "label", "category", "offset", "size"]).to_pylist() == [
        {"image_path": "bags/c.png", "label": "bags", "category": None, "offset": 0, "size": 10},
        {"image_path": "shoes/b.JPG", "label": "shoes", "category": None, "offset": 0, "size": 11},
        {"image_path": "shoes/deep/er/a.webp", "label": "shoes", "category": None, "offset": 0, "size": 20},
    ]
    assert rows.column("archive").to_pylist()[0] == str(root / "bags/c.png")


def test_files_that_begin_like_photos_are_photos_whatever_their_names_and_the_rest_is_counted(
    root: Path, caplog: pytest.LogCaptureFixture
):
    for name, format in (("a.jfif", "JPEG"), ("b", "PNG"), ("c.dat", "GIF"), ("d.exe", "BMP"), ("e.txt", "WebP")):
        (root / "bags" / name).write_bytes(GOOD[format][0])
    (root / "bags" / "f.xml").write_text("<annotation>")
    (root / "bags" / "g.tar").write_bytes(tar_bytes(["BMW/1.jpg"]))
    os.mkfifo(root / "bags" / "h")
    (root / "bags" / "i").symlink_to("nowhere")
    found = [
        path
        for path in FolderSource(root, CACHE).read()[0].column("image_path").to_pylist()
        if path.startswith("bags/")
    ]
    assert found == [f"bags/{name}" for name in ("a.jfif", "b", "c.dat", "c.png", "d.exe", "e.txt")]
    line, _ = (record.getMessage() for record in caplog.records)
    assert line == "5 files are skipped because they do not begin like photos, first b'bags/f.xml'"


def test_links_to_folders_are_followed_without_loops(tmp_path: Path):
    for name in ("mine/a.jpg", "mine/deep/b.jpg", "other/c.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "mine" / "deep" / "up").symlink_to(tmp_path / "mine")
    (tmp_path / "mine" / "linked").symlink_to(tmp_path / "other")
    (tmp_path / "other" / "back").symlink_to(tmp_path / "mine")
    found = [path.relative_to(tmp_path).as_posix() for path in files_below(tmp_path / "mine")]
    assert found == ["mine/a.jpg", "mine/deep/b.jpg", "mine/linked/c.jpg"]


def test_a_folder_that_cannot_be_read_is_an_error(tmp_path: Path):
    closed = tmp_path / "closed"
    closed.mkdir()
    closed.chmod(0)
    try:
        if os.access(closed, os.R_OK):
            pytest.skip("root reads every folder")
        with pytest.raises(UserError, match="must be readable"):
            list(files_below(tmp_path))
    finally:
        closed.chmod(0o700)


def test_photos_without_extensions_form_a_class(root: Path):
    (root / "scarves").mkdir()
    (root / "scarves" / "photo").write_bytes(jpeg())
    assert FolderSource(root, CACHE).class_folders() == ["bags", "scarves", "shoes"]


def test_a_class_without_photos_is_an_error_that_names_it(root: Path):
    (root / "empty").mkdir()
    (root / "texts").mkdir()
    (root / "texts" / "a.txt").write_text("")
    with pytest.raises(UserError, match="nothing in empty, texts"):
        FolderSource(root, CACHE).read()[0]


def test_a_root_without_folders_or_a_missing_root_is_an_error(tmp_path: Path):
    (tmp_path / "a.jpg").write_bytes(b"")
    with pytest.raises(UserError, match="without folders"):
        FolderSource(tmp_path, CACHE).class_folders()
    with pytest.raises(UserError, match=r"Received: .*missing\. Fix the path"):
        FolderSource(tmp_path / "missing", CACHE).class_folders()


def test_a_table_can_name_photos_by_relative_or_absolute_path(root: Path):
    table = root / "table.csv"
    table.write_text(
        f"file,kind,category,size\nshoes/b.JPG,1,Boots,L\n{root / 'bags/c.png'},2,,M\ngone.jpg,2,Totes,S\n,,,S\n"
    )
    rows = TableSource(table, "file", "kind", None, CACHE).read()[0]
    assert rows.column_names == ["image_path", "label", "category", "archive", "offset", "size", "table_size"]
    assert rows.column("label").to_pylist() == ["1", "2", "2", None]
    assert rows.column("category").to_pylist() == ["Boots", None, "Totes", None]
    assert rows.column("size").to_pylist() == [11, 10, None, None]
    assert rows.column("table_size").to_pylist() == ["L", "M", "S", "S"]
    assert rows.column("archive").to_pylist()[:2] == [str(root / "shoes/b.JPG"), str(root / "bags/c.png")]


def test_a_table_without_any_existing_photo_is_an_error(root: Path):
    table = root / "table.csv"
    table.write_text("image_path,label\nx.jpg,a\n")
    with pytest.raises(UserError, match=r"relative to .*root\. Received: x\.jpg, and none"):
        TableSource(table, "image_path", "label", None, CACHE).read()[0]


def test_a_table_without_the_columns_is_an_error_that_lists_its_columns(root: Path):
    table = root / "table.csv"
    table.write_text("photo,class\nx.jpg,a\n")
    with pytest.raises(UserError, match=r"must have the columns image_path, label\. Received: photo, class\."):
        TableSource(table, "image_path", "label", None, CACHE).read()[0]


def test_photos_whose_names_are_not_utf_8_are_skipped_and_counted(root: Path, caplog: pytest.LogCaptureFixture):
    try:
        (root / "bags" / os.fsdecode(b"caf\xe9.jpg")).write_bytes(b"photo")
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    (root / "bags" / os.fsdecode(b"th\xe9.jpg")).write_bytes(b"photo")
    assert FolderSource(root, CACHE).read()[0].num_rows == 3
    _, line, _ = (record.getMessage() for record in caplog.records)
    assert line == r"2 photos are skipped because their names are not UTF-8, first b'bags/caf\xe9.jpg'"
    (root / os.fsdecode(b"sacs\xe9")).mkdir()
    (root / os.fsdecode(b"sacs\xe9") / "a.jpg").write_bytes(b"photo")
    with pytest.raises(UserError, match=r"nothing in sacs\\udce9\."):
        FolderSource(root, CACHE).class_folders()


def test_files_are_found_however_a_table_spells_them(tmp_path: Path):
    on_disk = {"cre\u0300me.jpg": 1, "bags/a.JPG": 2, "plain.jpg": 3, "b": 4, "b.jpg": 5}
    for name, size in on_disk.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * size)
    table = tmp_path / "table.csv"
    named = ["cr\u00e8me.jpg", "bags\\a.jpg", "./plain", "b", "missing.jpg", "\0.jpg", "n" * 300]
    table.write_text("image_path,label\n" + "".join(f"{name},x\n" for name in named))
    rows = TableSource(table, "image_path", "label", None, CACHE).read()[0]
    assert rows["image_path"].to_pylist() == named
    assert rows["size"].to_pylist() == [1, 2, 3, 4, None, None, None]


def test_a_table_names_photos_in_an_archive_however_both_spell_them(tmp_path: Path):
    (tmp_path / "photos.tar").write_bytes(tar_bytes(["./bags/a.jpg", "bags/b", "hats/cre\u0300me.jpg"], size=700))
    table = tmp_path / "table.csv"
    table.write_text("image_path,label\nbags/a,bags\nbags/b,bags\nhats/cr\u00e8me.jpg,hats\nhats/gone.jpg,hats\n")
    source = TableSource(table, "image_path", "label", tmp_path / "photos.tar", tmp_path / "cache")
    assert source.columns_beside([]) == {}
    assert source.files() == [table, tmp_path / "photos.tar"]
    rows = source.read()[0]
    assert rows.column_names == ["image_path", "label", "category", "archive", "offset", "size"]
    assert rows["image_path"].to_pylist() == ["bags/a.jpg", "bags/b", "hats/cr\u00e8me.jpg", "hats/gone.jpg"]
    assert rows["size"].to_pylist() == [700, 700, 700, None]
    with PhotoReader(tmp_path / "cache") as reader:
        for row, name in zip(rows.to_pylist(), ("./bags/a.jpg", "bags/b", "hats/cre\u0300me.jpg"), strict=False):
            assert reader.read(row["archive"], row["offset"], row["size"]) == content(name, 700)


def test_an_archive_that_is_missing_or_holds_none_of_the_photos_is_an_error(tmp_path: Path):
    (tmp_path / "photos.tar").write_bytes(tar_bytes(["a.jpg"]))
    table = tmp_path / "table.csv"
    table.write_text("image_path,label\nb.jpg,bags\n")
    with pytest.raises(UserError, match=r"must name photos, as .*photos\.tar does\. Received: b\.jpg, and none"):
        TableSource(table, "image_path", "label", tmp_path / "photos.tar", tmp_path / "cache").read()
    with pytest.raises(UserError, match=r"data\.archive must be a \.tar.* Received: .*missing\.tar\. Fix the path"):
        TableSource(table, "image_path", "label", tmp_path / "missing.tar", tmp_path / "cache").columns_beside([])


def test_photos_in_a_parquet_file_as_hugging_face_stores_them_are_read(tmp_path: Path):
    image = [{"bytes": content(str(at), 700), "path": path} for at, path in enumerate(("a.jpg", "a.jpg", None))]
    image += [None, {"bytes": None, "path": "b.jpg"}]
    table = tmp_path / "train.parquet"
    pyarrow.parquet.write_table(pa.table({"image": image, "label": [0, 1, 1, 0, 0]}), table)
    for _ in range(2):
        rows = TableSource(table, "image", "label", None, tmp_path / "cache").read()[0]
        assert rows["image_path"].to_pylist()[:3] == ["0/a.jpg", "1/a.jpg", "2/photo"]
        assert rows["label"].to_pylist() == ["0", "1", "1", "0", "0"]
        assert rows["size"].to_pylist() == [700, 700, 700, None, None]
        with PhotoReader(tmp_path / "cache") as reader:
            for at, row in enumerate(rows.slice(0, 3).to_pylist()):
                assert reader.read(row["archive"], row["offset"], row["size"]) == content(str(at), 700)


def test_paths_in_a_parquet_file_as_hugging_face_stores_them_name_files(tmp_path: Path):
    (tmp_path / "a.jpg").write_bytes(b"photo")
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    image = pa.array([{"bytes": None, "path": "a.jpg"}], kind)
    table = tmp_path / "train.parquet"
    pyarrow.parquet.write_table(pa.table({"image": image, "label": ["x"]}), table)
    rows = TableSource(table, "image", "label", None, tmp_path / "cache").read()[0]
    assert (rows["image_path"].to_pylist(), rows["size"].to_pylist()) == (["a.jpg"], [5])
