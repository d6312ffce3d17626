import json
import tarfile
from collections import Counter

import pytest

from ndsc.sample.categories import NDSC_CATEGORIES
from tests.sample.conftest import LABELS, Sample


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


def test_some_paths_lack_their_suffix_and_most_do_not(sample: Sample) -> None:
    lacking = [listing for listing in sample.listings if not listing["image_path"].endswith(".jpg")]
    assert 1 <= len(lacking) <= 15


@pytest.mark.parametrize("label", LABELS)
def test_members_lie_in_their_domains_folder_in_no_order(sample: Sample, label: str) -> None:
    with tarfile.open(sample.folder / f"{label}_image.tar") as archive:
        members = archive.getmembers()
    listed = [_with_suffix(row["image_path"]) for row in sample.listings if row["image_path"].startswith(label)]
    assert len(members) == 40
    assert all(member.isfile() and member.mtime == 0 for member in members)
    assert [member.name for member in members] != sorted(member.name for member in members)
    assert [member.name for member in members] != listed


def test_categories_are_ndscs_own_and_come_in_blocks(sample: Sample) -> None:
    written = json.loads((sample.folder / "categories.json").read_text())
    assert written == NDSC_CATEGORIES
    assert sorted(number for names in written.values() for number in names.values()) == list(range(58))
    numbers = [int(listing["Category"]) for listing in sample.listings]
    assert numbers == sorted(numbers)
    domain_of = {number: domain.lower() for domain, names in written.items() for number in names.values()}
    paths = [listing["image_path"] for listing in sample.listings]
    assert all(path.startswith(f"{domain_of[number]}_image/") for number, path in zip(numbers, paths, strict=True))


def test_a_dozen_categories_occur_with_ten_photos_each_or_more(sample: Sample) -> None:
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
