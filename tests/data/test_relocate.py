from pathlib import Path

import pandas as pd
import pytest

from ndsc.caching.digests import content_hash
from ndsc.data.relocate import check_contents, relocate_photos
from ndsc.errors import UserError
from ndsc.storage.locations import location_of
from ndsc.storage.photo_reader import PhotoReader
from tests.storage.archives import by_tarfile, content, tar_bytes
from tests.storage.servers import web_server


def photos_of(rows: list[tuple[str, Path, int, bytes]]) -> pd.DataFrame:
    """A table of photos from (image path, file, offset, bytes)."""
    return pd.DataFrame(
        {
            "image_path": [path for path, *_ in rows],
            "archive": [str(file) for _, file, *_ in rows],
            "offset": [offset for *_, offset, _ in rows],
            "size": [len(data) for *_, data in rows],
            "content": [content_hash(data) for *_, data in rows],
        }
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """recorded/: an archive, and photos in plain files."""
    recorded = tmp_path / "recorded"
    (recorded / "cat").mkdir(parents=True)
    (recorded / "photos.tar").write_bytes(tar_bytes(["photos/a.jpg", "photos/b.jpg"]))
    (recorded / "cat" / "c.jpg").write_bytes(content("cat/c.jpg"))
    return recorded


@pytest.fixture
def photos(folder: Path) -> pd.DataFrame:
    archive = folder / "photos.tar"
    packed = [(name, archive, offset, content(name)) for name, offset, _ in by_tarfile(archive)]
    return photos_of([*packed, ("cat/c.jpg", folder / "cat" / "c.jpg", 0, content("cat/c.jpg"))])


def test_photos_that_have_not_moved_are_found(photos: pd.DataFrame, tmp_path: Path):
    found = relocate_photos(photos, "ndsc", None, tmp_path / "cache")
    pd.testing.assert_frame_equal(found, photos)
    with PhotoReader(tmp_path / "cache") as reader:
        check_contents(found, reader)


def test_moved_photos_are_found_in_the_named_folder(photos: pd.DataFrame, folder: Path, tmp_path: Path):
    folder.rename(tmp_path / "current")
    found = relocate_photos(photos, "ndsc", tmp_path / "current", tmp_path / "cache")
    archive, photo = str(tmp_path / "current" / "photos.tar"), str(tmp_path / "current" / "cat" / "c.jpg")
    assert found["archive"].tolist() == [archive, archive, photo]
    with PhotoReader(tmp_path / "cache") as reader:
        check_contents(found, reader)


def test_photos_that_are_on_a_server_now_are_found(photos: pd.DataFrame, folder: Path, tmp_path: Path):
    packed = photos.iloc[:2]
    with web_server(folder) as server:
        found = relocate_photos(packed, "ndsc", location_of(server.address), tmp_path / "cache")
        assert found["archive"].tolist() == [f"{server.address}/photos.tar"] * 2
        with PhotoReader(tmp_path / "cache") as reader:
            check_contents(found, reader)
        (folder / "photos.tar").unlink()
        with pytest.raises(UserError, match=r"1 that are missing, the first http"):
            relocate_photos(found, "ndsc", None, tmp_path / "cache")


def test_missing_files_are_an_error_that_names_data_root(photos: pd.DataFrame, folder: Path, tmp_path: Path):
    folder.rename(tmp_path / "current")
    with pytest.raises(UserError, match=rf"2 that are missing, the first {folder}/photos\.tar\. .* data\.root="):
        relocate_photos(photos, "ndsc", None, tmp_path / "cache")


def test_photos_with_other_bytes_or_none_are_counted_and_the_first_is_named(
    photos: pd.DataFrame, folder: Path, tmp_path: Path
):
    (folder / "cat" / "c.jpg").write_bytes(content("cat/c.jpg")[:-1])
    archive = bytearray((folder / "photos.tar").read_bytes())
    archive[int(photos["offset"][1]) + 7] ^= 1
    (folder / "photos.tar").write_bytes(archive)
    message = r"Received: 2 of 3 that differ, the first photos/b\.jpg in \S+photos\.tar: it has other bytes\. Restore"
    with PhotoReader(tmp_path / "cache") as reader, pytest.raises(UserError, match=message):
        check_contents(photos, reader)


def test_photos_that_cannot_be_read_are_an_error_with_the_reason(photos: pd.DataFrame, folder: Path, tmp_path: Path):
    archive = (folder / "photos.tar").read_bytes()
    (folder / "photos.tar").write_bytes(archive[: int(photos["offset"][1]) + 10])
    with PhotoReader(tmp_path / "cache") as reader, pytest.raises(UserError, match=r"1 of 3 .*: cut off: the archive"):
        check_contents(photos, reader)
