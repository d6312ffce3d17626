import json
import signal
import subprocess
import sys
import tarfile
import time
from collections import Counter
from pathlib import Path

import pytest

from ndsc.errors import UserError
from ndsc.sample import render_sample
from ndsc.sample.sample import NDSC_CATEGORIES
from tests.sample.conftest import LABELS, Sample

RENDER = "import sys; from pathlib import Path; from ndsc.sample import render_sample; " + (
    "print(render_sample(Path(sys.argv[1]), photos_per_class=int(sys.argv[2])))"
)


ARCHIVES = {"beauty_image.tar", "fashion_image.tar", "mobile_image.tar"}


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _start(folder: Path, photos_per_class: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", RENDER, str(folder), str(photos_per_class)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_equal_arguments_give_equal_bytes_and_other_arguments_another_sample(tmp_path: Path) -> None:
    once = render_sample(tmp_path, photos_per_class=10, seed=1)
    again = render_sample(tmp_path / "elsewhere", photos_per_class=10, seed=1)
    other_seed = render_sample(tmp_path, photos_per_class=10, seed=2)
    other_size = render_sample(tmp_path, photos_per_class=11, seed=1)
    assert len({once, other_seed, other_size}) == 3
    assert _contents(once) == _contents(again)
    differing = {name for name, content in _contents(once).items() if content != _contents(other_seed)[name]}
    assert differing == {*ARCHIVES, "train.csv", "sources.csv", "test_photos.csv"}


def test_a_complete_sample_is_not_rendered_again(tmp_path: Path) -> None:
    folder = render_sample(tmp_path, photos_per_class=10)
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert render_sample(tmp_path, photos_per_class=10) == folder
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize(("photos_per_class", "seed"), [(9, 0), (-1, 0), (10, -1)])
def test_numbers_out_of_range_raise_an_error_before_anything_is_written(
    tmp_path: Path, photos_per_class: int, seed: int
) -> None:
    with pytest.raises(UserError, match=f"Received: {photos_per_class} photos a class and seed {seed}"):
        render_sample(tmp_path / "samples", photos_per_class, seed)
    assert not (tmp_path / "samples").exists()


def test_a_killed_renderer_leaves_no_incomplete_sample(tmp_path: Path) -> None:
    process = _start(tmp_path, 20)
    while not any(path.stat().st_size for path in tmp_path.glob(".sample-*.tmp/*.tar")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not list(tmp_path.glob("sample-*"))
    folder = render_sample(tmp_path, photos_per_class=20)
    assert _contents(folder) == _contents(render_sample(tmp_path / "undisturbed", photos_per_class=20))


def test_an_interrupted_renderer_removes_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ndsc.sample.sample.render_photo", interrupted)
    with pytest.raises(KeyboardInterrupt):
        render_sample(tmp_path, photos_per_class=10)
    assert not list(tmp_path.iterdir())


def test_two_processes_at_the_same_time_render_one_complete_sample(tmp_path: Path) -> None:
    processes = [_start(tmp_path, 10) for _ in range(2)]
    answers = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], answers
    folders = {Path(output.strip()) for output, _ in answers}
    assert list(tmp_path.iterdir()) == list(folders)
    assert _contents(folders.pop()) == _contents(render_sample(tmp_path / "alone", photos_per_class=10))


def _with_suffix(path: str) -> str:
    return path if path.endswith(".jpg") else f"{path}.jpg"


def test_every_listing_has_its_photo_and_every_photo_its_listing(sample: Sample) -> None:
    paths = [_with_suffix(listing["image_path"]) for listing in sample.listings]
    assert len(paths) == len(set(paths)) == 120
    assert set(paths) == set(sample.photos)
    assert len({listing["itemid"] for listing in sample.listings}) == 120
    assert all(listing["title"] for listing in sample.listings)


def test_tables_have_the_columns_of_the_original(sample: Sample) -> None:
    assert list(sample.listings[0]) == ["itemid", "title", "Category", "image_path"]
    assert list(sample.sources[0]) == ["image_path", "label", "source", "split", "difficulty"]
    assert list(sample.tests[0]) == ["image_path", "label", "difficulty"]
    assert {row["image_path"] for row in sample.sources} == set(sample.photos)


def test_a_few_paths_lack_their_suffix(sample: Sample) -> None:
    lacking = [listing for listing in sample.listings if not listing["image_path"].endswith(".jpg")]
    assert 1 <= len(lacking) <= 15


@pytest.mark.parametrize("label", LABELS)
def test_archives_contain_the_photos_of_their_domain_in_random_order(sample: Sample, label: str) -> None:
    with tarfile.open(sample.folder / f"{label}_image.tar") as archive:
        members = archive.getmembers()
    listed = [_with_suffix(row["image_path"]) for row in sample.listings if row["image_path"].startswith(label)]
    assert len(members) == 40
    assert all(member.isfile() and member.mtime == 0 for member in members)
    assert [member.name for member in members] != sorted(member.name for member in members)
    assert [member.name for member in members] != listed


def test_categories_are_those_of_ndsc_and_sorted_in_blocks(sample: Sample) -> None:
    written = json.loads((sample.folder / "categories.json").read_text())
    assert written == NDSC_CATEGORIES
    assert sorted(number for names in written.values() for number in names.values()) == list(range(58))
    numbers = [int(listing["Category"]) for listing in sample.listings]
    assert numbers == sorted(numbers)
    domain_of = {number: domain.lower() for domain, names in written.items() for number in names.values()}
    paths = [listing["image_path"] for listing in sample.listings]
    assert all(path.startswith(f"{domain_of[number]}_image/") for number, path in zip(numbers, paths, strict=True))


def test_twelve_categories_occur_with_at_least_ten_photos_each(sample: Sample) -> None:
    counts = Counter(listing["Category"] for listing in sample.listings)
    assert len(counts) == 12
    assert min(counts.values()) >= 10


def test_each_label_has_an_easy_a_medium_and_a_hard_test_photo(sample: Sample) -> None:
    assert [(row["label"], row["difficulty"]) for row in sample.tests] == [
        (label, difficulty) for label in LABELS for difficulty in ("easy", "medium", "hard")
    ]
    known = {row["image_path"]: float(row["difficulty"]) for row in sample.sources}
    for start in (0, 3, 6):
        easy, medium, hard = (known[row["image_path"]] for row in sample.tests[start : start + 3])
        assert easy < 0.1 < 0.3 < medium < 0.6 < 0.8 < hard


def test_difficulty_is_a_number_from_0_to_1_that_takes_many_values(sample: Sample) -> None:
    difficulties = [float(row["difficulty"]) for row in sample.sources]
    assert 0 <= min(difficulties) < 0.1
    assert 0.8 < max(difficulties) <= 1
    assert len(set(difficulties)) > 80


def test_a_repost_has_the_same_bytes_under_another_listing(sample: Sample) -> None:
    counts = Counter(sample.photos.values())
    reposts = sum(count - 1 for count in counts.values())
    assert 1 <= reposts <= 6
    sides = {row["image_path"]: (row["label"], row["split"]) for row in sample.sources}
    for photo, count in counts.items():
        holders = [name for name, other in sample.photos.items() if other == photo]
        assert len(holders) == count
        assert len({sides[name] for name in holders}) == 1
    assert all(counts[sample.photos[row["image_path"]]] == 1 for row in sample.tests)
