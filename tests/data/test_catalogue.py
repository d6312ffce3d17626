"""The catalogue of every source, cached between runs, and photos read by their location in it."""

import json
import logging
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pyarrow as pa
import pytest

from ndsc.config.schema import DataConfig
from ndsc.data.catalogue import Catalogue, check_data, join_metadata, load_catalogue
from ndsc.data.user_tables import UserTable
from ndsc.errors import UserError
from ndsc.storage.archive import ShortRead
from ndsc.storage.photo_reader import PhotoReader
from tests.storage.archives import content, tar_bytes

LISTED = {"beauty": "abc", "fashion": "def", "mobile": "gh"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """NDSC's layout with eight photos, one path without its extension, one photo absent."""
    root = tmp_path / "root"
    root.mkdir()
    lines = ["itemid,title,Category,image_path"]
    for category, (domain, letters) in enumerate(LISTED.items()):
        names = [f"{domain}_image/{letter}.jpg" for letter in letters]
        (root / f"{domain}_image.tar").write_bytes(tar_bytes(names))
        lines += [f"{ord(letter)},title {letter},{category},{domain}_image/{letter}.jpg" for letter in letters]
    lines[3] = lines[3].removesuffix(".jpg")
    lines.append("1,gone,2,mobile_image/gone.jpg")
    (root / "train.csv").write_text("\n".join(lines))
    return root


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def settings(source: str = "ndsc", root: Path | None = None, **others: str) -> DataConfig:
    defaults = {"labels": "domain", "image_column": "image_path", "label_column": "label"}
    return DataConfig(source=source, root=None if root is None else str(root), **(defaults | others))


def read_all(catalogue: Catalogue, cache: Path) -> dict[str, bytes]:
    locations = catalogue.rows.select(["image_path", "archive", "offset", "size"]).to_pylist()
    with PhotoReader(cache) as reader:
        return {
            location["image_path"]: reader.read(location["archive"], location["offset"], location["size"])
            for location in locations
            if location["offset"] is not None
        }


def test_every_listed_photo_is_read(root: Path, cache: Path):
    photos = read_all(load_catalogue(settings(root=root), cache), cache)
    assert photos == {
        f"{domain}_image/{x}.jpg": content(f"{domain}_image/{x}.jpg") for domain, xs in LISTED.items() for x in xs
    }


def test_counts_and_classes_are_logged_in_one_line(root: Path, cache: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    catalogue = load_catalogue(settings(root=root), cache)
    assert catalogue.classes == ("beauty", "fashion", "mobile")
    counted = {name: count for name, count in catalogue.facts.items() if count}
    assert counted == {"listings": 9, "repaired_paths": 1, "absent": 1}
    line = "catalogue: 9 listings in 3 classes (beauty 3, fashion 3, mobile 3), 1 repaired paths, 1 absent"
    assert caplog.messages[-1] == line


def test_a_cached_catalogue_is_equal_and_reads_no_archive(root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch):
    first = load_catalogue(settings(root=root), cache)
    shutil.rmtree(cache / "archives")
    monkeypatch.setattr("ndsc.data.ndsc_source.NdscSource.read", None)
    again = load_catalogue(settings(root=root), cache)
    assert again.rows.equals(first.rows)
    assert (again.facts, again.classes) == (first.facts, first.classes)


def test_a_cached_catalogue_is_not_used_for_other_labels_or_changed_data(root: Path, cache: Path):
    assert load_catalogue(settings(root=root), cache).classes == ("beauty", "fashion", "mobile")
    assert load_catalogue(settings(root=root, labels="category"), cache).classes == ("0", "1", "2")
    (root / "categories.json").write_text(json.dumps({"Beauty": {"Powder": 0}}))
    assert load_catalogue(settings(root=root, labels="category"), cache).classes == ("1", "2", "Powder")
    (root / "mobile_image.tar").write_bytes(tar_bytes(["mobile_image/gone.jpg"]))
    assert load_catalogue(settings(root=root), cache).facts["absent"] == 2


def test_a_damaged_cached_catalogue_is_built_again(root: Path, cache: Path):
    first = load_catalogue(settings(root=root), cache)
    (cached,) = (cache / "catalogues").iterdir()
    os.truncate(cached, cached.stat().st_size - 1)
    assert load_catalogue(settings(root=root), cache).rows.equals(first.rows)


def test_changed_metadata_makes_a_new_cached_catalogue(root: Path, cache: Path, tmp_path: Path):
    extra = tmp_path / "extra.csv"
    for source in ("shop", "market"):
        extra.write_text(f"image_path,source\nbeauty_image/a.jpg,{source}\nbeauty_image/c,{source}\nother.jpg,x\n")
        catalogue = load_catalogue(settings(root=root, metadata=str(extra)), cache)
        assert catalogue.rows.column("source").to_pylist() == [source, None, source] + [None] * 6
    assert catalogue.facts["metadata_unmatched"] == 1


def metadata_of(folder: Path, *lines: str) -> UserTable:
    (folder / "metadata.csv").write_text("\n".join(lines) + "\n")
    return UserTable(folder / "metadata.csv", "data.metadata", ("image_path",), prefix="metadata")


def test_metadata_is_joined_by_repaired_path_and_never_replaces_catalogue_columns(tmp_path: Path):
    rows = pa.table({"image_path": ["a.jpg", "b.jpg", "c.jpg"], "label": ["x", "x", "y"]})
    metadata = metadata_of(tmp_path, "image_path,label,source", "c,w1,p", "a.jpg,w2,q", "other.jpg,w3,r", "a.jpg,w4,s")
    joined, facts = join_metadata(rows, metadata)
    assert joined.to_pylist() == [
        {"image_path": "a.jpg", "label": "x", "metadata_label": "w4", "source": "s"},
        {"image_path": "b.jpg", "label": "x", "metadata_label": None, "source": None},
        {"image_path": "c.jpg", "label": "y", "metadata_label": "w1", "source": "p"},
    ]
    assert facts == {"metadata_unmatched": 1, "listings_without_metadata": 1}


def test_metadata_without_a_matching_row_is_an_error(tmp_path: Path):
    rows = pa.table({"image_path": ["a.jpg"]})
    with pytest.raises(UserError, match=r"for instance a\.jpg\. Received: b\.jpg, and no row that matches"):
        join_metadata(rows, metadata_of(tmp_path, "image_path,source", "b,p"))
    with pytest.raises(UserError, match=r"data\.metadata must have the column image_path\. Received: path\."):
        join_metadata(rows, metadata_of(tmp_path, "path", "b"))


def test_metadata_is_joined_to_photos_whose_names_have_no_extension(tmp_path: Path):
    rows = pa.table({"image_path": ["a", "b", "c.jpg"]})
    joined, facts = join_metadata(rows, metadata_of(tmp_path, "image_path,source", "a,p", "b,q", "c,r"))
    assert joined.column("source").to_pylist() == ["p", "q", "r"]
    assert facts == {"metadata_unmatched": 0, "listings_without_metadata": 0}


def test_listings_without_a_label_are_left_out_and_counted(root: Path, cache: Path):
    text = (root / "train.csv").read_text().replace("title b,0", "title b,")
    (root / "train.csv").write_text(text)
    catalogue = load_catalogue(settings(root=root, labels="category"), cache)
    assert (catalogue.rows.num_rows, catalogue.facts["unlabelled"]) == (8, 1)
    assert load_catalogue(settings(root=root), cache).rows.num_rows == 9


def test_the_sample_is_read_like_ndsc_data(root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch):
    rendered = []
    (root / "sources.csv").write_text("image_path,source\nbeauty_image/a.jpg,shop\n")
    monkeypatch.setattr("ndsc.data.sources.render_sample", lambda folder: rendered.append(folder) or root)
    assert load_catalogue(settings("sample"), cache).rows.column("source").to_pylist() == ["shop", *[None] * 8]
    assert rendered == [cache / "sample"]


def test_a_folder_and_a_table_can_be_loaded_as_catalogues(tmp_path: Path, cache: Path):
    for name in ("bags/a.png", "shoes/b.jpg"):
        (tmp_path / "root" / name).parent.mkdir(parents=True)
        (tmp_path / "root" / name).write_bytes(name.encode())
    of_folder = load_catalogue(settings("folder", tmp_path / "root"), cache)
    table = "image_path,label,season\nbags/a.png,1,spring\nshoes/b.jpg,2,\nshoes/gone.jpg,2,\nbags/a.png,,\n"
    (tmp_path / "root" / "t.csv").write_text(table)
    of_table = load_catalogue(settings("table", tmp_path / "root", table="t.csv"), cache)
    assert (
        read_all(of_folder, cache)
        == read_all(of_table, cache)
        == {x: x.encode() for x in ("bags/a.png", "shoes/b.jpg")}
    )
    assert (of_folder.classes, of_table.classes) == (("bags", "shoes"), ("1", "2"))
    assert of_table.rows.column("season").to_pylist() == ["spring", None, None]
    assert of_table.facts == {"listings": 4, "unlabelled": 1, "absent": 1}
    assert of_table.rows.column("archive").combine_chunks()[0].as_py() == str(tmp_path / "root" / "bags/a.png")


def test_data_without_any_label_is_an_error(tmp_path: Path, cache: Path):
    (tmp_path / "a.jpg").write_bytes(b"a")
    (tmp_path / "t.csv").write_text("image_path,label\na.jpg,\n")
    with pytest.raises(UserError, match=r"Received: 1 listings, none of which has one\."):
        load_catalogue(settings("table", tmp_path, table="t.csv"), cache)


def test_a_table_without_rows_is_an_error(root: Path, cache: Path):
    (root / "train.csv").write_text("itemid,title,Category,image_path\n")
    with pytest.raises(UserError, match=r"Received: 0 listings"):
        load_catalogue(settings(root=root), cache)


def test_a_missing_file_is_a_short_read_and_a_missing_archive_is_an_error(tmp_path: Path, cache: Path):
    (tmp_path / "a.jpg").write_bytes(b"photo")
    with PhotoReader(cache) as reader:
        assert reader.read(str(tmp_path / "a.jpg"), 0, 5) == b"photo"
        with pytest.raises(ShortRead, match="cut off"):
            reader.read(str(tmp_path / "a.jpg"), 0, 6)
        with pytest.raises(ShortRead, match="No such file"):
            reader.read(str(tmp_path / "b.jpg"), 0, 5)
        with pytest.raises(UserError, match="No such file"):
            reader.read(str(tmp_path / "b.tar"), 0, 5)


def test_a_reader_opens_each_archive_once_for_all_threads(root: Path, cache: Path):
    rows = load_catalogue(settings(root=root), cache).rows.slice(0, 8).to_pylist() * 25
    before = len(os.listdir("/dev/fd"))
    with PhotoReader(cache) as reader, ThreadPoolExecutor(8) as threads:
        photos = list(threads.map(lambda row: reader.read(row["archive"], row["offset"], row["size"]), rows))
        assert len(os.listdir("/dev/fd")) == before + 3
    assert photos == [content(row["image_path"]) for row in rows]
    assert len(os.listdir("/dev/fd")) == before


def _read_manifest(path: Path, cache: Path) -> list[int]:
    import pandas as pd

    rows = pd.read_parquet(path)
    with PhotoReader(cache) as reader:
        return [
            len(reader.read(row.archive, int(row.offset), int(row.size)))
            for row in rows.itertuples()
            if row.size == row.size
        ]


def test_a_reader_in_another_process_needs_only_the_manifest(root: Path, cache: Path, tmp_path: Path):
    listed = load_catalogue(settings(root=root), cache).rows.to_pandas()
    listed.to_parquet(tmp_path / "manifest.parquet")
    with get_context("spawn").Pool(1) as pool:
        assert pool.apply(_read_manifest, (tmp_path / "manifest.parquet", tmp_path / "empty cache")) == [2000] * 8


@pytest.fixture
def checked(configured: Callable) -> Callable[..., None]:
    def check(*overrides: str) -> None:
        config = configured(*overrides)
        check_data(config.data, config.sampling, config.split, Path(config.cache.root))

    return check


def test_a_check_finds_missing_files_and_columns_and_indexes_nothing(
    root: Path, tmp_path: Path, checked: Callable[..., None]
):
    extra = tmp_path / "extra.csv"
    extra.write_text("image_path,source\n")
    ndsc = ("data=ndsc", f"data.root={root}", f"data.metadata={extra}")
    checked(*ndsc, "split=group", "split.by=source")
    with pytest.raises(UserError, match=r"must have the column shop\. Received: image_path, label, .*title.*source"):
        checked(*ndsc, "split=group", "split.by=shop")
    extra.write_text("path,source\n")
    with pytest.raises(UserError, match=r"data\.metadata must have the column image_path"):
        checked(*ndsc)
    extra.unlink()
    with pytest.raises(UserError, match=r"data\.metadata must be .* does not exist"):
        checked(*ndsc)
    (root / "beauty_image.tar").unlink()
    with pytest.raises(UserError, match=r"beauty_image\.tar or"):
        checked("data=ndsc", f"data.root={root}")
    assert sorted(path.name for path in root.iterdir()) == ["fashion_image.tar", "mobile_image.tar", "train.csv"]


def test_a_check_covers_folders_tables_and_the_sample(tmp_path: Path, checked: Callable[..., None]):
    checked("data=sample")
    with pytest.raises(UserError, match="without folders"):
        checked("data=folder", f"data.root={tmp_path}")
    with pytest.raises(UserError, match=r"t\.csv, which does not exist"):
        checked("data=table", f"data.table={tmp_path / 't.csv'}")
    (tmp_path / "t.csv").write_text("photo,label\n")
    with pytest.raises(UserError, match=r"must have the column image_path\. Received: photo, label\."):
        checked("data=table", f"data.table={tmp_path / 't.csv'}")
    checked("data=table", f"data.table={tmp_path / 't.csv'}", "data.image_column=photo")


@pytest.mark.parametrize("column", ["image_path", "archive", "offset", "size"])
def test_a_split_by_a_column_that_locates_photos_is_an_error(root: Path, checked: Callable[..., None], column: str):
    for data in (["data=sample"], ["data=ndsc", f"data.root={root}"]):
        with pytest.raises(UserError, match=f"Received: split.by={column}, which only says where a photo is stored"):
            checked(*data, "split=group", f"split.by={column}")


def test_a_renamed_column_is_not_confused_with_a_catalogue_column(
    root: Path, tmp_path: Path, checked: Callable[..., None]
):
    (tmp_path / "t.csv").write_text("photo,kind,size,label,category\na.jpg,x,S,y,z\n")
    table = ("data=table", f"data.table={tmp_path / 't.csv'}", "data.image_column=photo", "data.label_column=kind")
    for column in ("size", "label"):
        with pytest.raises(UserError, match=f"is called table_{column} here"):
            checked(*table, "split=group", f"split.by={column}")
        checked(*table, "split=group", f"split.by=table_{column}")
    checked(*table, "split=group", "split.by=category")
    (tmp_path / "extra.csv").write_text("image_path,archive\n")
    ndsc = ("data=ndsc", f"data.root={root}", f"data.metadata={tmp_path / 'extra.csv'}", "split=group")
    with pytest.raises(UserError, match="is called metadata_archive here"):
        checked(*ndsc, "split.by=archive")
    (tmp_path / "t.csv").write_text("photo,kind,size,table_size\n")
    with pytest.raises(UserError, match=r"Rename one of the columns size and table_size"):
        checked(*table)
