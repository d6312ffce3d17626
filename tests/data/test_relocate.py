from pathlib import Path

import pandas as pd
import pytest

from ndsc.data.data_digest import content_hash
from ndsc.data.manifest import Manifest
from ndsc.data.relocate import check_contents, find_again, find_measured
from ndsc.errors import UserError
from ndsc.storage.locations import location_of
from ndsc.storage.photo_reader import PhotoReader
from tests.storage.archives import by_tarfile, content, tar_bytes
from tests.storage.servers import web_server


def manifest_of(rows: list[tuple[str, Path, int, bytes]]) -> Manifest:
    """Of (image path, file, offset, bytes)."""
    table = pd.DataFrame(
        {
            "image_path": [path for path, *_ in rows],
            "archive": [str(file) for _, file, *_ in rows],
            "offset": [offset for *_, offset, _ in rows],
            "size": [len(data) for *_, data in rows],
            "content": [content_hash(data) for *_, data in rows],
        }
    )
    return Manifest(table, ())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """then/: an archive, and photos in plain files."""
    then = tmp_path / "then"
    (then / "cat").mkdir(parents=True)
    (then / "photos.tar").write_bytes(tar_bytes(["photos/a.jpg", "photos/b.jpg"]))
    (then / "cat" / "c.jpg").write_bytes(content("cat/c.jpg"))
    return then


@pytest.fixture
def manifest(folder: Path) -> Manifest:
    archive = folder / "photos.tar"
    packed = [(name, archive, offset, content(name)) for name, offset, _ in by_tarfile(archive)]
    return manifest_of([*packed, ("cat/c.jpg", folder / "cat" / "c.jpg", 0, content("cat/c.jpg"))])


def test_what_is_where_it_was_is_found_there(manifest: Manifest, tmp_path: Path):
    found = find_again(manifest, "ndsc", None, tmp_path / "cache")
    pd.testing.assert_frame_equal(found.rows, manifest.rows)
    with PhotoReader(tmp_path / "cache") as reader:
        check_contents(found, reader)


def test_what_moved_is_found_in_the_folder_that_is_named(manifest: Manifest, folder: Path, tmp_path: Path):
    folder.rename(tmp_path / "now")
    found = find_again(manifest, "ndsc", tmp_path / "now", tmp_path / "cache")
    archive, photo = str(tmp_path / "now" / "photos.tar"), str(tmp_path / "now" / "cat" / "c.jpg")
    assert found.rows["archive"].tolist() == [archive, archive, photo]
    with PhotoReader(tmp_path / "cache") as reader:
        check_contents(found, reader)


def test_what_is_on_a_server_now_is_found_there(manifest: Manifest, folder: Path, tmp_path: Path):
    packed = Manifest(manifest.rows.iloc[:2], manifest.classes)
    with web_server(folder) as server:
        found = find_again(packed, "ndsc", location_of(server.address), tmp_path / "cache")
        assert found.rows["archive"].tolist() == [f"{server.address}/photos.tar"] * 2
        with PhotoReader(tmp_path / "cache") as reader:
            check_contents(found, reader)
        (folder / "photos.tar").unlink()
        with pytest.raises(UserError, match=r"1 that are not there, the first http"):
            find_again(found, "ndsc", None, tmp_path / "cache")


def test_what_is_not_there_is_told_with_what_to_do(manifest: Manifest, folder: Path, tmp_path: Path):
    folder.rename(tmp_path / "now")
    with pytest.raises(UserError, match=rf"2 that are not there, the first {folder}/photos\.tar\. .* data\.root="):
        find_again(manifest, "ndsc", None, tmp_path / "cache")


def test_photos_with_other_bytes_or_none_are_counted_and_the_first_is_named(
    manifest: Manifest, folder: Path, tmp_path: Path
):
    (folder / "cat" / "c.jpg").write_bytes(content("cat/c.jpg")[:-1])
    archive = bytearray((folder / "photos.tar").read_bytes())
    archive[int(manifest.rows["offset"][1]) + 7] ^= 1
    (folder / "photos.tar").write_bytes(archive)
    told = r"Received: 2 of 3 that differ, the first photos/b\.jpg in \S+photos\.tar: it has other bytes\. Put"
    with PhotoReader(tmp_path / "cache") as reader, pytest.raises(UserError, match=told):
        check_contents(manifest, reader)


def test_photos_that_cannot_be_read_are_told_with_the_reason(manifest: Manifest, folder: Path, tmp_path: Path):
    archive = (folder / "photos.tar").read_bytes()
    (folder / "photos.tar").write_bytes(archive[: int(manifest.rows["offset"][1]) + 10])
    with PhotoReader(tmp_path / "cache") as reader, pytest.raises(UserError, match=r"1 of 3 .*: cut off: the archive"):
        check_contents(manifest, reader)


def test_measured_photos_are_looked_for_in_the_folder_that_is_named_and_then_where_they_were(
    manifest: Manifest, folder: Path, tmp_path: Path
):
    now = tmp_path / "now"
    now.mkdir()
    (folder / "photos.tar").rename(now / "photos.tar")
    cache = tmp_path / "cache"
    with PhotoReader(cache) as reader:
        with pytest.raises(UserError, match="Received: 1 that are not there"):
            find_measured(manifest.rows, "ndsc", None, cache, reader)
        (folder / "photos.tar").write_bytes(bytes(10_000))  # what lies there now is not what was measured
        found = find_measured(manifest.rows, "ndsc", now, cache, reader)
        packed, photo = str(now / "photos.tar"), str(folder / "cat" / "c.jpg")
        assert found["archive"].tolist() == [packed, packed, photo]
        (folder / "cat" / "c.jpg").write_bytes(b"another")
        with pytest.raises(UserError, match="Received: 1 of 1 that differ"):
            find_measured(manifest.rows, "ndsc", now, cache, reader)
