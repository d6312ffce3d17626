from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments.benchmarks.reposts import KINDS, repost
from ndsc.data.manifest import build_manifest
from ndsc.data.photo_validation import validate_photos
from ndsc.data.sampling import draw
from ndsc.duplicates import duplicate_groups
from ndsc.duplicates.duplicate_groups import MOST_IN_GROUP, Duplicates, find_duplicates, join_pairs
from ndsc.storage.photo_reader import PhotoReader
from tests.data.listings import photo_catalogue, sampling, split
from tests.duplicates.pictures import as_jpeg, picture

PICTURES = 12


def planted() -> dict[str, bytes]:
    """Pictures of two classes; a0 and b0 come back in every way, a1 with the same bytes."""
    photos = {
        f"{label}/{number}.jpg": as_jpeg(picture(number + 100 * (label == "b")))
        for label in "ab"
        for number in range(PICTURES)
    }
    for number, kind in enumerate(KINDS):
        photos |= {f"{label}/0-{kind}.jpg": repost(photos[f"{label}/0.jpg"], kind, number) for label in "ab"}
    return photos | {"a/1-again.jpg": photos["a/1.jpg"]}


@pytest.fixture(scope="module")
def usable(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("planted")
    photos = planted()
    catalogue = photo_catalogue(folder, photos, {path: path[0] for path in photos})
    settings = sampling(per_class=1000)
    with PhotoReader(folder) as reader:
        return validate_photos(catalogue, draw(catalogue, settings, split(), 0), reader, folder, 0.0).photos


def vectors_of(photos: pd.DataFrame) -> np.ndarray:
    """Random features, the same for the same photo."""
    seeds = [int(content[:8], 16) for content in photos["content"]]
    return np.stack([np.random.default_rng(seed).normal(size=16) for seed in seeds]).astype(np.float16)


def near(photos: pd.DataFrame, cache: Path) -> Duplicates:
    with PhotoReader(cache) as reader:
        return find_duplicates(photos, vectors_of(photos), "near", reader, cache)


def grouped(photos: pd.DataFrame, groups: pd.Series) -> set[frozenset[str]]:
    paths = photos["image_path"].reset_index(drop=True).groupby(groups).agg(frozenset)
    return {group for group in paths if len(group) > 1}


REPOSTED = {frozenset({f"{label}/0.jpg", *(f"{label}/0-{kind}.jpg" for kind in KINDS)}) for label in "ab"}
SAME_BYTES = frozenset({"a/1.jpg", "a/1-again.jpg"})


def test_near_finds_reposts_of_every_kind_and_nothing_else(usable: pd.DataFrame, tmp_path: Path):
    found = near(usable, tmp_path)
    assert grouped(usable, found.groups) == {*REPOSTED, SAME_BYTES}
    assert found.pairs["joined"].all()
    assert set(found.pairs["first_label"] + found.pairs["second_label"]) == {"aa", "bb"}
    assert found.pairs["inliers"].between(20, 300).all()
    assert found.members["group"].value_counts().sort_index().tolist() == sorted_sizes(found)
    assert found.refused == 0


def sorted_sizes(found: Duplicates) -> list[int]:
    counts = Counter(found.groups)
    return [counts[group] for group in sorted(counts) if counts[group] > 1]


def test_exact_finds_the_same_bytes_and_off_nothing(usable: pd.DataFrame, tmp_path: Path):
    with PhotoReader(tmp_path) as reader:
        exact, off = (find_duplicates(usable, vectors_of(usable), kind, reader, tmp_path) for kind in ("exact", "off"))
    assert grouped(usable, exact.groups) == {SAME_BYTES}
    assert set(exact.members["image_path"]) == SAME_BYTES
    assert grouped(usable, off.groups) == set()
    assert len(off.members) == len(off.pairs) == len(exact.pairs) == 0


def test_the_same_photos_in_any_order_give_the_same_groups(usable: pd.DataFrame, tmp_path: Path):
    one = near(usable, tmp_path / "one")
    shuffled = usable.sample(frac=1, random_state=0)
    other = near(shuffled, tmp_path / "other")
    assert dict(zip(shuffled["image_path"], other.groups, strict=True)) == dict(
        zip(usable["image_path"], one.groups, strict=True)
    )
    pd.testing.assert_frame_equal(one.pairs, other.pairs)


class NoReader(PhotoReader):
    def read(self, archive: str, offset: int, size: int) -> bytes:
        raise AssertionError("a photo is read whose signature is cached")


def test_photos_with_cached_signatures_are_not_read_again(usable: pd.DataFrame, tmp_path: Path):
    first = near(usable, tmp_path)
    before = sorted(tmp_path.rglob("*.arrow"))
    again = find_duplicates(usable, vectors_of(usable), "near", NoReader(tmp_path), tmp_path)
    pd.testing.assert_frame_equal(first.pairs, again.pairs)
    pd.testing.assert_series_equal(first.groups, again.groups)
    assert sorted(tmp_path.rglob("*.arrow")) == before


def test_pairs_that_the_cap_separates_are_listed(usable: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(duplicate_groups, "MOST_IN_GROUP", 4)
    found = near(usable, tmp_path)
    assert found.refused > 0
    assert (~found.pairs["joined"]).sum() == found.refused
    assert max(len(group) for group in grouped(usable, found.groups)) == 4


@pytest.mark.parametrize("seed", range(3))
def test_no_repost_of_a_test_photo_is_used_for_training_or_validation(usable: pd.DataFrame, tmp_path: Path, seed: int):
    """A leak is planted: the test photo and a fifth of the others come back changed."""
    photos = usable.copy()
    tested = photos["image_path"].isin(["a/0.jpg", "b/0-cropped.jpg"])
    photos.loc[tested, ["role", "difficulty"]] = ["test", "easy"]
    found = near(photos, tmp_path)
    result = build_manifest(
        photos, vectors_of(photos), found.groups, split(duplicates="near"), sampling(test=0).test, seed
    )
    assert set(result.manifest.of("test")["image_path"]) == {"a/0.jpg", "b/0-cropped.jpg"}
    assert not result.manifest.rows.loc[result.manifest.rows["split"] != "test", "image_path"].str.contains("/0").any()
    assert (result.set_aside["reason"] == "copy of a test photo").sum() == 10
    assert result.leaks_prevented >= 2


def test_pairs_that_share_a_photo_are_one_group():
    groups, refused = join_pairs(6, np.array([[0, 3], [3, 5], [1, 2]]), np.array([30, 40, 50]))
    assert groups.tolist() == [0, 1, 1, 0, 4, 0]
    assert not refused.any()


def test_without_pairs_every_photo_is_alone():
    groups, refused = join_pairs(3, np.zeros((0, 2), np.int64), np.zeros(0))
    assert groups.tolist() == [0, 1, 2]
    assert len(refused) == 0


def test_a_chain_of_pairs_does_not_exceed_the_largest_group():
    chain = np.stack([np.arange(999), np.arange(1, 1000)], axis=1)
    groups, refused = join_pairs(1000, chain, np.full(999, 20.0))
    sizes = np.bincount(groups)
    assert sizes.max() <= MOST_IN_GROUP
    assert sizes[sizes > 0].mean() > MOST_IN_GROUP / 2
    assert refused.sum() == len(set(groups.tolist())) - 1


def test_the_weakest_pair_is_not_joined(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(duplicate_groups, "MOST_IN_GROUP", 3)
    # Two groups of two and three photos, connected by a weak pair that comes first.
    pairs = np.array([[2, 3], [0, 1], [1, 2], [3, 4]])
    groups, refused = join_pairs(5, pairs, np.array([21, 200, 150, 100]))
    assert groups.tolist() == [0, 0, 0, 3, 3]
    assert refused.tolist() == [True, False, False, False]


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_pairs_does_not_matter(seed: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(duplicate_groups, "MOST_IN_GROUP", 4)
    random = np.random.default_rng(seed)
    pairs = np.unique(np.sort(random.integers(0, 40, (60, 2)), axis=1), axis=0)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    strength = random.permutation(len(pairs)).astype(float)
    order = random.permutation(len(pairs))
    groups, refused = join_pairs(40, pairs, strength)
    again, refused_again = join_pairs(40, pairs[order], strength[order])
    assert groups.tolist() == again.tolist()
    assert refused[order].tolist() == refused_again.tolist()
