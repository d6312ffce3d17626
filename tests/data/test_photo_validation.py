import logging
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from ndsc.config.schema import DataConfig
from ndsc.data import validation_cache
from ndsc.data.catalogue import Catalogue, load_catalogue
from ndsc.data.photo_validation import ValidatedPhotos, validate_photos
from ndsc.data.sampling import Queue, Quota, SamplePlan
from ndsc.errors import UserError
from ndsc.storage.photo_reader import PhotoReader
from tests.data.listings import photo_catalogue
from tests.encoded import GOOD, jpeg, png_bomb

BAD = {"empty": b"", "page": b"<html>", "cut": GOOD["JPEG"][0][:-200], "bomb": png_bomb(6000), "absent": None}


class CountingReader(PhotoReader):
    """Counts the photos that are read."""

    count = 0

    def read(self, archive: str, offset: int, size: int) -> bytes:
        self.count += 1
        return super().read(archive, offset, size)


def data_of(folder: Path, photos: Sequence[bytes | None], **columns: Sequence[object]) -> Catalogue:
    """Listings a/0.jpg, a/1.jpg, … of one class with these photos."""
    paths = [f"a/{number}.jpg" for number in range(len(photos))]
    return photo_catalogue(folder, dict(zip(paths, photos, strict=True)), dict.fromkeys(paths, "a"), **columns)


def queue_of(catalogue: Catalogue, *quotas: Quota, label: str = "a") -> Queue:
    return Queue(label, np.arange(catalogue.rows.num_rows), quotas)


def validated(catalogue: Catalogue, folder: Path, *queues: Queue, max_rejected: float = 0.5) -> ValidatedPhotos:
    with PhotoReader(folder) as reader:
        return validate_photos(catalogue, SamplePlan(queues, {}), reader, folder, max_rejected)


def names(paths: Sequence[str]) -> list[str]:
    return [path.removeprefix("a/").removesuffix(".jpg") for path in paths]


def test_quotas_are_filled_in_order_and_no_further(tmp_path: Path):
    catalogue = data_of(tmp_path, [jpeg(number) for number in range(9)])
    usable = validated(catalogue, tmp_path, queue_of(catalogue, Quota("pool", 2), Quota("sample", 4)))
    assert names(usable.photos["image_path"]) == ["0", "1", "2", "3", "4", "5"]
    assert usable.photos["role"].tolist() == ["pool"] * 2 + ["sample"] * 4
    assert names(usable.learnable["image_path"]) == ["2", "3", "4", "5"]
    assert len(usable.rejected) == 0
    assert list(usable.rejected.columns) == ["image_path", "label", "reason"]


def test_a_copy_of_a_test_photo_is_not_learnable(tmp_path: Path):
    catalogue = data_of(tmp_path, [jpeg(0), jpeg(1), jpeg(0), jpeg(2)])
    usable = validated(catalogue, tmp_path, queue_of(catalogue, Quota("pool", 2), Quota("sample", 2)))
    assert names(usable.learnable["image_path"]) == ["3"]


def test_a_queue_is_followed_in_its_own_order(tmp_path: Path):
    catalogue = data_of(tmp_path, [jpeg(number) for number in range(5)])
    usable = validated(catalogue, tmp_path, Queue("a", np.array([3, 1, 4]), (Quota("sample", 2),)))
    assert names(usable.photos["image_path"]) == ["3", "1"]


def test_bad_photos_are_listed_with_the_reason_and_replaced_by_the_next(tmp_path: Path):
    good = [jpeg(number) for number in range(12)]
    catalogue = data_of(tmp_path, [good[0], *BAD.values(), *good[1:]])
    usable = validated(catalogue, tmp_path, queue_of(catalogue, Quota("pool", 2), Quota("sample", 8)))
    assert names(usable.photos["image_path"]) == ["0", *map(str, range(6, 15))]
    assert dict(zip(names(usable.rejected["image_path"]), usable.rejected["reason"], strict=True)) == {
        "1": "empty file",
        "2": "a web page, not supported",
        "3": "cut off or damaged",
        "4": "dimensions over the limit",
        "5": "listed, but not in the archive",
    }


def test_a_queue_that_is_too_short_is_used_completely(tmp_path: Path):
    catalogue = data_of(tmp_path, [jpeg(0), b"<html>", jpeg(1)])
    usable = validated(catalogue, tmp_path, queue_of(catalogue, Quota("pool", 1), Quota("sample", 1150)))
    assert usable.photos["role"].tolist() == ["pool", "sample"]


def test_any_format_is_recognized_by_its_bytes_whatever_its_name(tmp_path: Path):
    photos = [data for data, _ in GOOD.values()]
    catalogue = data_of(tmp_path, photos)
    usable = validated(catalogue, tmp_path, queue_of(catalogue, Quota("sample", len(photos))))
    assert usable.photos["format"].tolist() == [format for _, format in GOOD.values()]


def test_only_equal_bytes_have_the_same_content_hash(tmp_path: Path):
    catalogue = data_of(tmp_path, [jpeg(0), jpeg(1), jpeg(0)])
    content = validated(catalogue, tmp_path, queue_of(catalogue, Quota("sample", 3))).photos["content"]
    assert content[0] == content[2] != content[1]
    assert content.str.fullmatch("[0-9a-f]{32}").all()


def test_the_second_run_decodes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    catalogue = data_of(tmp_path, [jpeg(number) for number in range(8)] + [b"<html>"])
    queue = queue_of(catalogue, Quota("sample", 9))
    first = validated(catalogue, tmp_path, queue)

    def never(data: bytes) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr(validation_cache, "validate_photo", never)
    second = validated(catalogue, tmp_path, queue)
    assert second.photos.equals(first.photos)
    assert second.rejected.equals(first.rejected)


def test_too_many_bad_photos_are_an_error_that_counts_the_reasons(tmp_path: Path):
    catalogue = data_of(tmp_path, [jpeg(number) for number in range(20)] + [b"<html>", b"<html>", b""])
    counted = r"At most 10.0% .*3 of the first 23 \(2 × a web page, not supported, 1 × empty file\)"
    with pytest.raises(UserError, match=counted):
        validated(catalogue, tmp_path, queue_of(catalogue, Quota("sample", 23)), max_rejected=0.1)


def test_as_many_bad_photos_as_allowed_do_not_stop_the_run(tmp_path: Path):
    catalogue = data_of(tmp_path, [jpeg(number) for number in range(18)] + [b""] * 2)
    usable = validated(catalogue, tmp_path, queue_of(catalogue, Quota("sample", 20)), max_rejected=0.1)
    assert len(usable.rejected) == 2
    with pytest.raises(UserError):
        validated(catalogue, tmp_path, queue_of(catalogue, Quota("sample", 20)), max_rejected=0.0)


def test_a_run_stops_as_soon_as_too_many_photos_are_certain_to_be_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    catalogue = data_of(tmp_path, [b"<html>" + bytes([number % 256, number // 256]) for number in range(2000)])
    draw = SamplePlan((queue_of(catalogue, Quota("sample", 1000)),), {})
    with CountingReader(tmp_path) as reader, pytest.raises(UserError):
        validate_photos(catalogue, draw, reader, tmp_path, 0.05)
    assert 50 < reader.count < 400
    monkeypatch.setattr(validation_cache, "validate_photo", lambda data: pytest.fail("a cached result must be used"))
    with CountingReader(tmp_path) as reader, pytest.raises(UserError):
        validate_photos(catalogue, draw, reader, tmp_path, 0.05)


def test_a_class_with_only_bad_photos_is_an_error(tmp_path: Path):
    photos = {f"a/{number}.jpg": jpeg(number) for number in range(40)} | {"b/0.jpg": b"<html>", "b/1.jpg": b""}
    catalogue = photo_catalogue(tmp_path, photos, {path: path[0] for path in photos})
    queues = [
        Queue("b", np.array([40, 41]), (Quota("sample", 2),)),
        Queue("a", np.arange(40), (Quota("sample", 40),)),
    ]
    counted = r"1 of 2 classes without any \(b: 1 × a web page, not supported, 1 × empty file\)\. Fix"
    with pytest.raises(UserError, match=counted):
        validated(catalogue, tmp_path, *queues, max_rejected=0.05)


def test_rejected_and_animated_photos_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    photos = [jpeg(), b"", b"<html>", GOOD["GIF, animated"][0], GOOD["WebP, animated"][0]]
    catalogue = data_of(tmp_path, photos)
    with caplog.at_level(logging.INFO):
        validated(catalogue, tmp_path, queue_of(catalogue, Quota("sample", 5)))
    assert re.search(r"2 photos cannot be used \(1 × .*, 1 × .*\); of these, none are replaced", caplog.text)
    assert "2 photos are animated; their first frames are used" in caplog.text


@pytest.mark.parametrize(("wanted", "replaced"), [(2, "all"), (4, "1")])
def test_only_real_replacements_are_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, wanted: int, replaced: str
):
    catalogue = data_of(tmp_path, [b"", b"<html>", *(jpeg(number) for number in range(3))])
    with caplog.at_level(logging.INFO):
        validated(catalogue, tmp_path, queue_of(catalogue, Quota("sample", wanted)))
    assert f"; of these, {replaced} are replaced by the next ones drawn" in caplog.text
    assert "missing from the test" not in caplog.text


def test_listed_test_photos_that_cannot_be_used_are_named_in_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    catalogue = data_of(tmp_path, [jpeg(0), b"", jpeg(1), b"<html>"])
    queues = [Queue("a", np.array([at]), (Quota("test", 1),)) for at in (0, 1)]
    validated(catalogue, tmp_path, *queues, Queue("a", np.array([2, 3]), (Quota("sample", 2),)), max_rejected=0.9)
    (warning,) = (record.getMessage() for record in caplog.records if record.levelno == logging.WARNING)
    assert warning.startswith("1 of the test photos")
    assert warning.endswith("nothing replaces them: a/1.jpg (empty file)")


def test_columns_of_the_data_with_reserved_names_are_renamed(tmp_path: Path):
    ours = {"split": ["x"], "width": [7], "reason": ["sale"], "shop": ["s"]}
    catalogue = data_of(tmp_path, [jpeg()], **ours)
    (photo,) = validated(catalogue, tmp_path, queue_of(catalogue, Quota("sample", 1))).photos.to_dict("records")
    assert (photo["data_split"], photo["data_width"], photo["data_reason"], photo["shop"]) == ("x", 7, "sale", "s")
    assert (photo["width"], photo["reason"]) == (32, "")
    assert "split" not in photo


def test_an_archive_that_has_become_shorter_rejects_the_missing_photos(tmp_path: Path):
    catalogue = data_of(tmp_path, [jpeg(number) for number in range(4)])
    archive = tmp_path / "photos.tar"
    archive.write_bytes(archive.read_bytes()[: catalogue.rows.column("offset")[3].as_py() + 100])
    usable = validated(catalogue, tmp_path, queue_of(catalogue, Quota("sample", 4)))
    assert names(usable.photos["image_path"]) == ["0", "1", "2"]
    assert "cut off" in usable.rejected["reason"][0]


def test_photos_in_plain_files_are_found_like_those_in_archives(tmp_path: Path, configured):
    for label in ("a", "b"):
        (tmp_path / "photos" / label).mkdir(parents=True)
        (tmp_path / "photos" / label / "good.jpg").write_bytes(jpeg(ord(label)))
        (tmp_path / "photos" / label / "page.jpg").write_bytes(b"<html>")
    config = configured("data=folder", f"data.root={tmp_path / 'photos'}")
    catalogue = load_catalogue(config.data, tmp_path / "cache")
    (tmp_path / "photos" / "b" / "good.jpg").unlink()
    usable = validated(catalogue, tmp_path, queue_of(catalogue, Quota("sample", 4)), max_rejected=0.9)
    assert usable.photos["image_path"].tolist() == ["a/good.jpg"]
    assert usable.rejected["image_path"].tolist() == ["a/page.jpg", "b/good.jpg", "b/page.jpg"]


def test_a_missing_plain_file_is_reported_as_a_missing_file(tmp_path: Path):
    for name, data in (("b/1.jpg", jpeg(1)), ("a/1.jpg", jpeg(2))):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(data)
    (tmp_path / "t.csv").write_text("image_path,label\na/1.jpg,a\na/gone.jpg,a\nb/1.jpg,b\n")
    columns = {"image_column": "image_path", "label_column": "label"}
    data = DataConfig(source="table", root=str(tmp_path), labels="domain", table="t.csv", **columns)
    catalogue = load_catalogue(data, tmp_path)
    usable = validated(catalogue, tmp_path, queue_of(catalogue, Quota("sample", 3)))
    assert usable.rejected["reason"].tolist() == ["listed, but the file is not there"]


def test_two_columns_with_one_name_are_an_error_before_anything_is_read(tmp_path: Path):
    catalogue = data_of(tmp_path, [b"<html>"], width=["x"], data_width=["y"])
    with pytest.raises(UserError, match="Rename one of the columns width and data_width"):
        validated(catalogue, tmp_path, queue_of(catalogue, Quota("sample", 1)))
