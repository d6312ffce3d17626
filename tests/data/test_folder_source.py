"""Class folders as people have them: with the sides of a split above them, with what systems add, in archives."""

import gzip
import io
import tarfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from ndsc.config.schema import DataConfig
from ndsc.data.catalogue import load_catalogue
from ndsc.data.folder_source import FolderSource
from ndsc.data.prediction_files import find_prediction_inputs
from ndsc.data.sampling import draw, split_in_effect
from ndsc.errors import UserError
from ndsc.storage.photo_reader import PhotoReader
from tests.data.listings import sampling, split
from tests.storage.archives import add

CLUTTER = (
    "@eaDir/1.jpg/SYNOPHOTO_THUMB_S.jpg",
    "bags/@eaDir/1.jpg/SYNOPHOTO_THUMB_M.jpg",
    "#recycle/old.jpg",
    "$RECYCLE.BIN/S-1-5/x.jpg",
    "__MACOSX/bags/._1.jpg",
    "bags/._1.jpg",
    "bags/Thumbs.db",
    "hats/desktop.ini",
    "lost+found/x.jpg",
    "System Volume Information/x.jpg",
    ".thumbnails/1.jpg",
)


def on_disk(folder: Path, names: Iterable[str]) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


def in_archive(path: Path, names: Iterable[str]) -> Path:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in names:
            add(archive, name, name.encode())
    path.write_bytes(gzip.compress(buffer.getvalue()) if path.suffix == ".gz" else buffer.getvalue())
    return path


@pytest.fixture(params=["folder", "tar", "tar.gz"])
def made(request: pytest.FixtureRequest, tmp_path: Path):
    """Makes a source with these photos: in a folder, or in an archive."""

    def make(*names: str) -> FolderSource:
        if request.param == "folder":
            return FolderSource(on_disk(tmp_path / "photos", names), tmp_path / "cache")
        return FolderSource(in_archive(tmp_path / f"photos.{request.param}", names), tmp_path / "cache")

    return make


def labels(source: FolderSource) -> dict[str, str]:
    rows = source.read()[0]
    return dict(zip(rows["image_path"].to_pylist(), rows["label"].to_pylist(), strict=True))


def test_classes_are_the_folders_and_photos_beside_them_are_counted(made, caplog: pytest.LogCaptureFixture):
    source = made("bags/1.jpg", "bags/deep/2.png", "hats/1.jpg", "hats/notes.txt", "stray.jpg", "other.png")
    assert labels(source) == {"bags/1.jpg": "bags", "bags/deep/2.png": "bags", "hats/1.jpg": "hats"}
    assert source.read()[1]["in_no_class_folder"] == 2
    assert "2 photos are skipped because they are in no class folder" in caplog.text


def test_what_systems_and_network_disks_add_is_passed_over_and_counted(made, caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO")
    source = made("bags/1.jpg", "hats/1.jpg", *CLUTTER)
    assert labels(source) == {"bags/1.jpg": "bags", "hats/1.jpg": "hats"}
    assert source.read()[1]["passed_over"] == 9
    assert "2 @eaDir" in caplog.text


@pytest.mark.parametrize("sides", [("train", "val"), ("Train", "valid", "Test"), ("train", "validation", "test")])
def test_top_folders_that_are_sides_and_share_classes_are_the_split(made, sides: tuple[str, ...]):
    names = [f"{side}/{label}/{number}.jpg" for side in sides for label in ("bags", "hats") for number in range(3)]
    rows = made(*names, f"{sides[-1]}/stray.jpg").read()[0]
    assert set(rows["label"].to_pylist()) == {"bags", "hats"}
    found = dict(zip(rows["image_path"].to_pylist(), rows["split"].to_pylist(), strict=True))
    full = {"t": "train", "v": "validation"}
    assert found == {name: "test" if name[0:4].lower() == "test" else full[name[0].lower()] for name in names}


@pytest.mark.parametrize(
    "names",
    [
        ("train/bags/1.jpg", "val/bags/1.jpg", "other/1.jpg"),  # a class called train
        ("train/bags/1.jpg", "val/hats/1.jpg"),  # no class in common
        ("train/1.jpg", "val/1.jpg"),
    ],
)
def test_other_top_folders_are_the_classes(made, names: tuple[str, ...]):
    assert labels(made(*names)) == {name: name.split("/")[0] for name in names}


def drawn(source: FolderSource, **chosen: object) -> dict[str, set[str]]:
    """The photos of each role in a sample without limits."""
    data = DataConfig("folder", str(source.root), "domain", image_column="image_path", label_column="label")
    catalogue = load_catalogue(data, source.cache_root)
    plan = draw(catalogue, sampling(test=1), split_in_effect(catalogue, split(**chosen)), 0)
    paths, roles = catalogue.rows["image_path"].to_pylist(), {}
    for queue in plan.queues:
        for quota in queue.quotas:
            if quota.wanted:
                roles.setdefault(quota.role, set()).update(paths[at] for at in queue.order)
    return roles


def photos_of(*sides: str) -> list[str]:
    return [f"{side}/{label}/{number}.jpg" for side in sides for label in ("bags", "hats") for number in range(9)]


def test_the_split_of_the_folders_is_in_effect_unless_another_is_configured(made):
    source = made(*photos_of("train", "val", "test"))
    expected = {"train": "train", "val": "validation", "test": "test"}
    roles = drawn(source)
    for side, role in expected.items():
        assert roles[role] == set(photos_of(side))
    assert set(drawn(source, kind="group", by="image_path")) >= {"train", "validation"}


def test_without_a_validation_folder_the_training_photos_are_split_and_the_test_is_the_test(made):
    roles = drawn(made(*photos_of("train", "test")))
    assert roles == {"sample": set(photos_of("train")), "test": set(photos_of("test"))}


@pytest.mark.parametrize("start", ["./", "photos/", "./2024/photos/", "/photos/"])
def test_folders_above_the_class_folders_of_an_archive_do_not_count(tmp_path: Path, start: str):
    names = [start + name for name in photos_of("train", "val")]
    source = FolderSource(in_archive(tmp_path / "photos.tar", [*names, start + "README"]), tmp_path / "cache")
    rows = source.read()[0]
    assert rows["image_path"].to_pylist() == names
    assert rows["label"].to_pylist() == [name.split("/")[-2] for name in names]
    assert rows["split"].to_pylist() == ["train"] * 18 + ["validation"] * 18
    with PhotoReader(tmp_path / "cache") as reader:
        first = rows.slice(0, 1).to_pylist()[0]
        assert reader.read(first["archive"], first["offset"], first["size"]) == names[0].encode()


def test_names_of_folders_are_labels_without_blanks_around_them(made):
    assert set(labels(made("bags /1.jpg", "bags/2.jpg", "cre\u0300me/1.jpg", "nan/1.jpg")).values()) == {
        "bags",
        "cr\u00e8me",
        "nan",
    }


def test_an_archive_without_class_folders_and_a_missing_one_are_errors(tmp_path: Path):
    with pytest.raises(UserError, match=r"must hold a folder of photos for each class\. Received: .*x\.tar, without"):
        FolderSource(in_archive(tmp_path / "x.tar", ["1.jpg"]), tmp_path / "cache").read()
    with pytest.raises(UserError, match=r"or an archive of one\. Received: .*missing\.tar\. Fix the path"):
        FolderSource(tmp_path / "missing.tar", tmp_path / "cache").columns_beside([])


def test_predictions_pass_over_the_same_files(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO")
    names = ["bags/1.jpg", "hats/1.jpg"]
    folder, archive = (
        on_disk(tmp_path / "new", [*names, *CLUTTER]),
        in_archive(tmp_path / "new.tar", [*names, *CLUTTER]),
    )
    of_folder = find_prediction_inputs([str(folder)], tmp_path / "cache")["path"].to_pylist()
    assert of_folder == [str(folder / name) for name in names]
    assert find_prediction_inputs([str(archive)], tmp_path / "cache")["path"].to_pylist() == names
    assert caplog.text.count("passed over what operating systems") == 2
