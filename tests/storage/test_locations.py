"""A disk and a server give the same bytes, and say when they change."""

import gzip
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from ndsc.config.schema import DataConfig
from ndsc.data.catalogue import load_catalogue
from ndsc.data.ndsc_source import NdscSource
from ndsc.data.photo_validation import validate_photos
from ndsc.data.sampling import Queue, Quota, SamplePlan
from ndsc.errors import UserError
from ndsc.storage import locations
from ndsc.storage.archive import open_archive, read_exactly
from ndsc.storage.locations import (
    local_copy,
    location_content_signature,
    location_of,
    location_signature,
    open_bytes,
    read_large_blocks,
)
from ndsc.storage.photo_reader import PhotoReader, read_ahead, reads_at_once
from ndsc.storage.remote import RemotePath
from tests.data.listings import photo_catalogue
from tests.encoded import jpeg
from tests.storage.archives import content, tar_bytes
from tests.storage.servers import WebServer, s3_server, web_server

NAMES = [f"beauty_image/{number}.jpg" for number in range(40)]
LISTINGS = "image_path,Category\n" + "\n".join(
    f"{name.removesuffix('.jpg')},3" for name in [*NAMES, "beauty_image/gone.jpg"]
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """NDSC's layout with one archive."""
    root = tmp_path / "root"
    root.mkdir()
    (root / "train.csv").write_text(LISTINGS)
    (root / "beauty_image.tar").write_bytes(tar_bytes(NAMES))
    (root / "categories.json").write_text('{"Beauty": {"Powder": 3}}')
    return root


@pytest.fixture
def web(root: Path) -> Iterator[WebServer]:
    with web_server(root) as server:
        yield server


def data_at(root: object) -> DataConfig:
    return DataConfig("ndsc", str(root), "category")


def test_a_location_is_an_address_or_an_absolute_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    assert str(location_of("s3://bucket/folder/")) == "s3://bucket/folder"
    assert location_of("folder") == tmp_path / "folder"


def test_large_blocks_have_the_bytes_of_the_file(root: Path, web: WebServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(locations, "LARGE_BLOCK", 1000)
    data = np.random.default_rng(0).bytes(25_500)
    (root / "x").write_bytes(data)
    blocks = list(read_large_blocks(RemotePath(f"{web.address}/x")))
    assert [len(block) for block in blocks] == [1000] * 25 + [500]
    assert b"".join(blocks) == data


def test_listings_on_a_server_are_those_on_a_disk(root: Path, web: WebServer, tmp_path: Path):
    here, there = (load_catalogue(data_at(location), tmp_path / "cache") for location in (root, web.address))
    assert there.rows.drop_columns("archive").equals(here.rows.drop_columns("archive"))
    assert there.facts == here.facts
    assert there.facts["repaired_paths"] == 41
    assert there.facts["absent"] == 1
    assert set(there.rows.column("archive").to_pylist()) == {f"{web.address}/beauty_image.tar"}
    assert NdscSource(location_of(web.address), "category", tmp_path / "cache").columns_beside([]) == {}


def test_an_archive_on_a_server_is_indexed_once_in_large_blocks(
    web: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(locations, "LARGE_BLOCK", 30_000)
    archive = location_of(f"{web.address}/beauty_image.tar")
    for _ in range(2):
        with open_archive(archive, tmp_path / "cache") as opened:
            rows = opened.members.to_pylist()
            found = {row["name"]: read_exactly(opened.source, row["offset"], row["size"]) for row in rows}
        assert found == {name: content(name) for name in NAMES}
    requested = web.ranges_of("GET", "beauty_image.tar")
    size = (web.root / "beauty_image.tar").stat().st_size
    assert sum(span.endswith(("9999", f"{size - 1}")) and span != "bytes=1-1" for span in requested) == -(
        -size // 30_000
    )
    assert len([span for span in requested if span.startswith("bytes=512-")]) == 2


def test_changed_files_on_a_server_are_indexed_and_fetched_again(root: Path, web: WebServer, tmp_path: Path):
    load_catalogue(data_at(web.address), tmp_path / "cache")
    (root / "beauty_image.tar").write_bytes(tar_bytes(NAMES[::-1]))
    (root / "train.csv").write_text(LISTINGS + "\nbeauty_image/more.jpg,3")
    rows = load_catalogue(data_at(web.address), tmp_path / "cache").rows
    assert rows.num_rows == 42
    assert rows.column("offset")[39].as_py() == 512
    web.requests.clear()
    load_catalogue(data_at(web.address), tmp_path / "cache")
    assert not web.ranges_of("GET", "")


def test_a_file_without_a_version_is_identified_by_sampled_bytes(root: Path, web: WebServer):
    web.versions = False
    archive, location = root / "beauty_image.tar", location_of(f"{web.address}/beauty_image.tar")
    first = location_signature(location)
    os.utime(archive, ns=(1, 1))
    assert location_signature(location) == first
    with archive.open("r+b") as file:
        file.write(b"another")
    assert location_signature(location) != first


def test_equal_content_has_equal_signatures_on_a_disk_and_on_a_server(root: Path, web: WebServer):
    for name in ("beauty_image.tar", "categories.json"):
        assert location_content_signature(location_of(f"{web.address}/{name}")) == location_content_signature(
            root / name
        )


def test_a_file_is_fetched_whole_or_not_at_all(root: Path, web: WebServer, tmp_path: Path):
    location = location_of(f"{web.address}/train.csv")
    copy = local_copy(location, tmp_path / "cache")
    assert copy.read_bytes() == (root / "train.csv").read_bytes()
    assert local_copy(root / "train.csv", tmp_path / "cache") == root / "train.csv"
    copy.write_bytes(b"cut")
    assert local_copy(location, tmp_path / "cache").read_bytes() == (root / "train.csv").read_bytes()
    assert [path.name for path in copy.parent.iterdir()] == [copy.name]


def test_a_gzipped_archive_on_a_server_is_an_error(root: Path, web: WebServer, tmp_path: Path):
    (root / "beauty_image.tar.gz").write_bytes(gzip.compress((root / "beauty_image.tar").read_bytes()))
    (root / "beauty_image.tar").unlink()
    with pytest.raises(UserError, match=r"must be a plain \.tar.*Received: http.*beauty_image\.tar\.gz.*gunzip"):
        load_catalogue(data_at(web.address), tmp_path / "cache")


def test_an_archive_that_is_missing_on_a_server_is_named(root: Path, web: WebServer, tmp_path: Path):
    (root / "beauty_image.tar").unlink()
    with pytest.raises(UserError, match=r"must be beside it\. Received: http"):
        NdscSource(location_of(web.address), "domain", tmp_path / "cache").check_archives()
    with pytest.raises(UserError, match=r"must be a folder with train\.csv.*Received: http.*/nothing"):
        load_catalogue(data_at(f"{web.address}/nothing"), tmp_path / "cache")


def test_photos_on_a_server_are_requested_many_at_once_and_arrive_in_order(root: Path, web: WebServer, tmp_path: Path):
    rows = load_catalogue(data_at(web.address), tmp_path / "cache").rows.slice(0, 40).to_pylist()
    wanted = [(row["archive"], row["offset"], row["size"]) for row in rows]
    web.delay = 0.05
    with PhotoReader(tmp_path / "cache") as reader:
        assert list(read_ahead(reader, wanted)) == [content(name) for name in NAMES]
    assert web.at_once > 5
    assert reads_at_once([row["archive"] for row in rows]) > 8
    with PhotoReader(tmp_path / "cache") as reader:
        here = [(str(root / "beauty_image.tar"), offset, size) for _, offset, size in wanted]
        assert list(read_ahead(reader, here)) == [content(name) for name in NAMES]


def test_a_server_that_stops_answering_stops_the_run_and_rejects_no_photo(
    web: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("ndsc.storage.remote.FIRST_PAUSE", 0.01)
    photos = {f"a/{number}.jpg": jpeg(number) for number in range(12)}
    catalogue = photo_catalogue(web.root, photos, dict.fromkeys(photos, "a"))
    rows = catalogue.rows.drop_columns("archive").append_column("archive", [[f"{web.address}/photos.tar"] * 12])
    catalogue = type(catalogue)(rows, {}, ("a",))
    draw = SamplePlan((Queue("a", np.arange(12), (Quota("sample", 12),)),), {})
    web.delay = 0.05  # otherwise one response could arrive before the next request
    with PhotoReader(tmp_path) as reader:
        assert len(validate_photos(catalogue, draw, reader, tmp_path, 0.5).photos) == 12
        assert web.at_once > 2
        web.failing = 10_000
        with pytest.raises(UserError, match="expected to answer"):
            validate_photos(catalogue, draw, reader, tmp_path, 0.99)


def test_a_bucket_is_read_like_a_folder(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    objects = {f"folder/{path.name}": path.read_bytes() for path in root.iterdir()}
    with s3_server(monkeypatch, objects) as bucket:
        here, there = (load_catalogue(data_at(location), tmp_path / "cache") for location in (root, f"{bucket}/folder"))
        assert there.rows.drop_columns("archive").equals(here.rows.drop_columns("archive"))
        with PhotoReader(tmp_path / "cache") as reader:
            rows = there.rows.slice(0, 3).to_pylist()
            wanted = [(row["archive"], row["offset"], row["size"]) for row in rows]
            assert list(read_ahead(reader, wanted)) == [content(name) for name in NAMES[:3]]
        with closing(open_bytes(location_of(f"{bucket}/folder/train.csv"))) as source:
            assert source.end == len(LISTINGS)
