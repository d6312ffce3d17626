"""NDSC's layout: listings joined with the locations of their photos."""

import gzip
import json
import os
from pathlib import Path

import pyarrow as pa
import pytest

from ndsc.data.ndsc_source import NdscSource, name_categories, read_category_names
from ndsc.errors import UserError
from tests.storage.archives import tar_bytes

LISTINGS = """itemid,title,Category,image_path
1,"powder, loose",3,beauty_image/a.jpg
2,lipstick,12,beauty_image/b
3,dress,18,fashion_image/c.jpg
4,phone,31,mobile_image/d.jpg
5,gone,31,mobile_image/gone.jpg
6,repost,31,mobile_image/d.jpg
"""
CATEGORIES = {
    "Beauty": {"Powder": 3, "Others": 12},
    "Fashion": {"Casual Dress": 18, "Others": 17},
    "Mobile": {"Iphone": 31},
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three archives (one gzipped, one with dots before its names), listings and categories."""
    root = tmp_path / "root"
    root.mkdir()
    (root / "train.csv").write_text(LISTINGS)
    (root / "categories.json").write_text(json.dumps(CATEGORIES))
    (root / "beauty_image.tar").write_bytes(
        tar_bytes(["beauty_image/a.jpg", "beauty_image/b.jpg", "beauty_image/a.jpg"])
    )
    (root / "fashion_image.tar.gz").write_bytes(gzip.compress(tar_bytes(["./fashion_image/c.jpg"])))
    (root / "mobile_image.tgz").write_bytes(gzip.compress(tar_bytes(["mobile_image/d.jpg", "mobile_image/e.jpg"])))
    return root


def source(root: Path, labels: str = "domain") -> NdscSource:
    return NdscSource(root, labels, root / "cache")


def column(root: Path, name: str, labels: str = "domain") -> list:
    return source(root, labels).read()[0].column(name).to_pylist()


def test_each_listing_has_the_location_of_its_photo(root: Path):
    rows, facts = source(root).read()
    assert rows.column_names == ["image_path", "label", "category", "archive", "offset", "size", "itemid", "title"]
    assert rows.slice(1, 1).to_pylist() == [
        {
            "image_path": "beauty_image/b.jpg",
            "label": "beauty",
            "category": "Others (Beauty)",
            "archive": str(root / "beauty_image.tar"),
            "offset": 512 + 2048 + 512,
            "size": 2000,
            "itemid": "2",
            "title": "lipstick",
        }
    ]
    assert facts == {"repaired_paths": 1, "unnamed_categories": 0, "truncated_archives": 0}


def test_the_last_of_several_members_with_one_name_is_read(root: Path):
    assert column(root, "offset")[0] == 2 * 2560 + 512


def test_an_absent_photo_has_no_offset_and_size(root: Path):
    assert column(root, "offset")[4] is None
    assert column(root, "size")[4] is None
    assert column(root, "archive")[4] == str(root / "mobile_image.tgz")


def test_photos_behind_the_end_of_a_truncated_archive_are_absent(root: Path):
    os.truncate(root / "beauty_image.tar", 2560 + 100)
    rows, facts = source(root).read()
    assert (rows.column("offset").null_count, facts["truncated_archives"]) == (2, 1)


def test_labels_are_domains_or_named_categories(root: Path):
    assert column(root, "label") == ["beauty", "beauty", "fashion", "mobile", "mobile", "mobile"]
    named = ["Powder", "Others (Beauty)", "Casual Dress", "Iphone", "Iphone", "Iphone"]
    assert column(root, "label", "category") == column(root, "category") == named


def test_without_names_a_category_is_called_by_its_id(root: Path):
    (root / "categories.json").unlink()
    assert column(root, "label", "category") == ["3", "12", "18", "31", "31", "31"]


def test_listings_without_categories_can_only_be_labelled_by_domain(root: Path):
    (root / "train.csv").write_text("image_path,archive\nbeauty_image/a.jpg,mine\n")
    rows, _ = source(root).read()
    assert rows.column("category").to_pylist() == [None]
    assert rows.column("train_archive").to_pylist() == ["mine"]
    by_category = source(root, "category")
    for labelled in (by_category.listings.check, by_category.read):
        with pytest.raises(
            UserError, match=r"train\.csv must have the column Category\. Received: image_path, archive\."
        ):
            labelled()


def test_only_the_archives_that_are_listed_are_needed(root: Path):
    (root / "fashion_image.tar.gz").unlink()
    (root / "train.csv").write_text("\n".join(line for line in LISTINGS.splitlines() if "fashion" not in line))
    assert len(column(root, "label")) == 5


@pytest.mark.parametrize("needs", [NdscSource.check_archives, NdscSource.read])
def test_a_missing_archive_is_an_error_before_any_is_indexed(root: Path, needs):
    (root / "mobile_image.tgz").unlink()
    with pytest.raises(
        UserError, match=r"mobile_image\.tar or mobile_image\.tar\.gz or mobile_image\.tgz must be beside it"
    ):
        needs(source(root))
    assert not (root / "cache").exists()


def test_an_archive_without_any_of_its_photos_is_an_error(root: Path):
    (root / "beauty_image.tar").write_bytes(tar_bytes(["x/a.jpg"]))
    with pytest.raises(UserError, match=r"for instance beauty_image/a\.jpg\. Received: none of them; .* x/a\.jpg\."):
        source(root).read()


def test_paths_without_an_archive_name_are_an_error(root: Path):
    (root / "train.csv").write_text("image_path\na.jpg\nbeauty_image/a.jpg\nb.jpg\n")
    with pytest.raises(UserError, match=r"Received: a\.jpg and 1 more\."):
        source(root).check_archives()


def test_all_files_that_the_listings_depend_on_are_returned(root: Path, tmp_path: Path):
    names = ["beauty_image.tar", "categories.json", "fashion_image.tar.gz", "mobile_image.tgz", "train.csv"]
    (root / "notes.txt").write_text("")
    assert [path.name for path in source(root).files()] == names
    with pytest.raises(UserError, match=r"must be a folder with train\.csv"):
        source(tmp_path).files()


def test_the_further_columns_are_known_from_the_header_alone(root: Path):
    (root / "beauty_image.tar").unlink()
    columns = source(root, "category").columns_beside(["title"])
    assert columns == {"itemid": "itemid", "title": "train_title"}


def test_repeated_category_names_include_their_domain(tmp_path: Path):
    path = tmp_path / "categories.json"
    path.write_text(json.dumps({"Fashion": {"Others": 17, "Shirt": 20}, "Beauty": {"Others": 16}}))
    assert read_category_names(path) == {"17": "Others (Fashion)", "20": "Shirt", "16": "Others (Beauty)"}


@pytest.mark.parametrize("text", ["[1, 2]", "no json", '{"Beauty": 3}', "\xff"])
def test_a_categories_file_of_another_shape_is_an_error(tmp_path: Path, text: str):
    path = tmp_path / "categories.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=r"categories\.json must be JSON like .* Received: "):
        read_category_names(path)


def test_ids_without_a_name_are_counted_and_missing_ids_stay_null():
    ids = pa.chunked_array([["3", "99", ""], [None, "99", "3"]])
    named, unnamed = name_categories(ids, {"3": "Powder"})
    assert named.to_pylist() == ["Powder", "99", None, None, "99", "Powder"]
    assert unnamed == 2


def test_without_names_the_id_is_the_name():
    named, unnamed = name_categories(pa.array(["3", None]), {})
    assert (named.to_pylist(), unnamed) == (["3", None], 0)
