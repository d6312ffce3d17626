import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ndsc.data.manifest import Manifest, ManifestResult, build_manifest, load_manifest
from ndsc.data.photo_validation import validate_photos
from ndsc.data.sampling import draw
from ndsc.duplicates.duplicate_groups import find_duplicates
from ndsc.errors import UserError
from ndsc.storage.photo_reader import PhotoReader
from tests.data.listings import photo_catalogue, sampling, split
from tests.encoded import jpeg

TEST = sampling(test=3).test


def content(name: str) -> str:
    return hashlib.blake2b(name.encode(), digest_size=16).hexdigest()


def photos_of(rows: list[tuple[str, str, str]], **columns: object) -> pd.DataFrame:
    """ValidatedPhotos photos of (what is on it, label, role); what is on it is its content."""
    shown, labels, roles = zip(*rows, strict=True)
    table = pd.DataFrame(
        {
            "image_path": [f"{number}/{name}.jpg" for number, name in enumerate(shown)],
            "label": labels,
            "archive": "photos.tar",
            "offset": np.arange(len(rows)) * 512,
            "size": 512,
            "content": [content(name) for name in shown],
            "reason": "",
            "width": 64,
            "role": roles,
            "difficulty": pd.Series([None] * len(rows), dtype=object),
        }
    )
    return table.assign(**columns)


def many(pool: int = 10, sample: int = 50, labels: str = "ab") -> list[tuple[str, str, str]]:
    """Different photos of each class."""
    roles = ["pool"] * pool + ["sample"] * sample
    return [(f"{label}{number}", label, role) for label in labels for number, role in enumerate(roles)]


def random_vectors(photos: pd.DataFrame) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(len(photos), 4)).astype(np.float32)


def copies(photos: pd.DataFrame, duplicates: str = "exact") -> pd.Series:
    """Groups by content, for which no photo has to be read."""
    return find_duplicates(photos, random_vectors(photos), duplicates, PhotoReader(Path()), Path()).groups


def finished(
    rows: list[tuple[str, str, str]], test=TEST, seed: int = 0, groups=None, **settings: str
) -> ManifestResult:
    photos = photos_of(rows)
    chosen = split(**settings)
    groups = copies(photos, chosen.duplicates) if groups is None else pd.Series(groups)
    return build_manifest(photos, random_vectors(photos), groups, chosen, test, seed)


def shown(manifest: Manifest, side: str) -> set[str]:
    """What is on the photos of a side, with repetitions distinguished by their paths."""
    return set(manifest.of(side)["image_path"].str.removesuffix(".jpg"))


def sizes(manifest: Manifest) -> Counter:
    return Counter(manifest.rows["split"])


def reasons(result: ManifestResult) -> Counter:
    return Counter(result.set_aside["reason"])


def test_a_sample_is_divided_by_class():
    manifest = finished(many()).manifest
    assert sizes(manifest) == {"train": 80, "validation": 20, "test": 6}
    assert Counter(manifest.of("validation")["label"]) == {"a": 10, "b": 10}


def test_the_rest_of_the_pool_is_held_out_of_a_random_split():
    result = finished(many())
    assert reasons(result) == {"held out to choose test photos from": 14}
    assert list(result.set_aside.columns) == ["image_path", "label", "reason"]


def test_the_split_depends_on_the_seed_alone():
    one, again, other = (finished(many(), seed=seed).manifest for seed in (0, 0, 1))
    assert one.digest() == again.digest() != other.digest()
    pd.testing.assert_frame_equal(one.rows, again.rows)


# Test photos


def test_three_test_photos_are_at_the_10th_50th_and_90th_percentile_of_distance_to_their_class():
    photos = photos_of(many(pool=31))
    vectors = np.zeros((len(photos), 2))
    # The sample lies around a point for each class; the pool's photos 0 to 30 units away from it.
    for label, centre in (("a", 0.0), ("b", 100.0)):
        mine = (photos["label"] == label).to_numpy()
        vectors[mine] = centre
        in_pool = np.flatnonzero(mine & (photos["role"] == "pool").to_numpy())
        vectors[in_pool, 1] += np.random.default_rng(0).permutation(31)
    manifest = build_manifest(photos, vectors, copies(photos), split(), TEST, 0).manifest
    distance = dict(zip(photos["content"], vectors[:, 1] - vectors[:, 0], strict=True))
    for _, chosen in manifest.of("test").groupby("label"):
        found = {row.difficulty: distance[row.content] for row in chosen.itertuples()}
        assert found == {"easy": 3, "medium": 15, "hard": 27}


@pytest.mark.parametrize(
    ("count", "levels"),
    [
        (1, {"medium": 1}),
        (2, {"easy": 1, "hard": 1}),
        (6, {"easy": 2, "medium": 2, "hard": 2}),
        (9, {"easy": 3, "medium": 3, "hard": 3}),
        (30, {"easy": 10, "medium": 10, "hard": 10}),
    ],
)
def test_any_number_of_test_photos_can_be_chosen_from_a_large_enough_pool(count: int, levels: dict[str, int]):
    manifest = finished(many(pool=30), test=sampling(test=count).test).manifest
    for _, chosen in manifest.of("test").groupby("label"):
        assert Counter(chosen["difficulty"]) == levels


def test_a_pool_that_is_too_small_is_used_completely():
    manifest = finished(many(pool=2)).manifest
    assert Counter(manifest.of("test")["difficulty"]) == {"easy": 2, "hard": 2}


def test_a_photo_that_occurs_twice_in_the_pool_is_tested_once():
    rows = many(pool=0) + [("twin", "a", "pool")] * 2 + [("other", "a", "pool")]
    result = finished(rows)
    assert Counter(result.manifest.of("test")["content"]) == {content("twin"): 1, content("other"): 1}


def test_listed_test_photos_have_the_listed_difficulties_and_no_others_are_chosen():
    photos = photos_of([("x", "a", "test"), ("y", "b", "test"), *many(pool=0)])
    photos.loc[:1, "difficulty"] = ["hard", "odd"]
    manifest = build_manifest(photos, random_vectors(photos), copies(photos), split(), TEST, 0).manifest
    assert manifest.of("test").set_index("content")["difficulty"].to_dict() == {
        content("x"): "hard",
        content("y"): "odd",
    }
    assert manifest.of("train")["difficulty"].isna().all()


def test_a_manifest_needs_no_test_photos():
    assert sizes(finished(many(pool=0), test=sampling(test=0).test).manifest) == {"train": 80, "validation": 20}


# Duplicates


@pytest.mark.parametrize("seed", range(5))
def test_duplicates_are_on_one_side(seed: int):
    rows = many(pool=0) + many(pool=0) + [("a0", "a", "sample")] * 5
    result = finished(rows, seed=seed)
    sides = result.manifest.rows.groupby("content")["split"].agg(set)
    assert (sides.map(len) == 1).all()
    assert result.duplicate_groups == 100
    assert len(result.manifest.rows) == len(rows)
    assert result.manifest.rows["group"].nunique() == 100


def test_duplicates_of_test_photos_are_removed_from_training_and_validation():
    rows = [("x", "a", "test"), ("x", "a", "sample"), ("x", "a", "sample"), *many(pool=0)]
    for duplicates in ("exact", "off"):
        result = finished(rows, duplicates=duplicates)
        assert shown(result.manifest, "test") == {"0/x"}
        assert not {"1/x", "2/x"} & set(result.manifest.rows["image_path"].str.removesuffix(".jpg"))
        assert reasons(result) == {"copy of a test photo": 2}


def test_duplicates_of_chosen_test_photos_are_removed_from_training():
    rows = many(pool=3) + [(f"{label}{number}", label, "sample") for label in "ab" for number in range(3)]
    result = finished(rows)
    assert sizes(result.manifest)["test"] == 6
    assert reasons(result) == {"copy of a test photo": 6}


@pytest.mark.parametrize("kind", ["column", "group"])
def test_duplicates_of_validation_photos_are_removed_from_training_if_the_sides_are_fixed(kind: str):
    rows = [
        (f"{label}{number}", label, role) for label in "ab" for number, role in enumerate(["train", "validation"] * 5)
    ]
    rows += [("a1", "a", "train"), ("b0", "b", "train")]
    result = finished(rows, kind=kind, by="shop")
    assert reasons(result) == {"copy of a validation photo": 1}
    assert sizes(result.manifest) == {"train": 11, "validation": 10}
    assert not set(result.manifest.of("train")["content"]) & set(result.manifest.of("validation")["content"])


def test_with_duplicates_off_duplicates_are_treated_like_other_photos():
    rows = many(pool=0) + [("a0", "a", "sample")] * 40 + [("a0", "b", "sample")]
    result = finished(rows, duplicates="off")
    assert result.duplicate_groups == 0
    assert len(result.set_aside) == 0
    copies = result.manifest.rows.query(f"content == '{content('a0')}'")
    assert set(copies["split"]) == {"train", "validation"}


def test_a_photo_under_two_labels_is_set_aside_with_all_its_duplicates():
    rows = [*many(pool=0), ("x", "a", "sample"), ("x", "b", "sample"), ("x", "a", "sample")]
    result = finished(rows)
    assert reasons(result) == {"same photo under two labels": 3}
    assert sorted(result.set_aside["label"]) == ["a", "a", "b"]
    assert content("x") not in set(result.manifest.rows["content"])


def test_a_photo_under_two_labels_is_no_test_photo_and_a_warning_names_it(caplog: pytest.LogCaptureFixture):
    photos = photos_of([*many(pool=0), ("x", "a", "test"), ("x", "b", "sample"), ("y", "a", "test")])
    photos.loc[photos["role"] == "test", "difficulty"] = "easy"
    result = build_manifest(photos, random_vectors(photos), copies(photos), split(), TEST, 0)
    assert result.manifest.of("test")["content"].tolist() == [content("y")]
    (warning,) = (record.getMessage() for record in caplog.records)
    missing = photos.loc[photos["role"] == "test", "image_path"].iloc[0]
    assert warning.startswith("1 of the test photos")
    assert warning.endswith(f"nothing replaces them: {missing} (same photo under two labels)")


def test_near_duplicates_of_test_photos_are_set_aside_by_their_group():
    rows = [("x", "a", "test"), ("x smaller", "a", "sample"), *many(pool=0)]
    result = finished(rows, groups=["x", "x", *map(str, range(len(rows) - 2))])
    assert reasons(result) == {"copy of a test photo": 1}
    assert result.leaks_prevented == 1


def test_one_photo_of_a_group_is_chosen_from_the_pool():
    rows = many(pool=0) + [("x", "a", "pool"), ("x smaller", "a", "pool"), ("y", "a", "pool")]
    result = finished(rows, groups=[*map(str, range(len(rows) - 3)), "x", "x", "y"])
    assert sizes(result.manifest)["test"] == 2
    assert reasons(result) == {"held out to choose test photos from": 1}


def test_near_duplicates_are_set_aside_only_if_their_labels_differ():
    rows = [("x", "a", "sample"), ("x smaller", "b", "sample"), ("y", "a", "sample"), ("y red", "a", "sample")]
    rows += many(pool=0)
    result = finished(rows, groups=["x", "x", "y", "y", *map(str, range(len(rows) - 4))])
    assert reasons(result) == {"same photo under two labels": 2}
    assert result.manifest.rows.query("group == 'y'")["split"].nunique() == 1


def test_prevented_leaks_are_counted_against_a_split_without_duplicate_search():
    rows = many(pool=0) + many(pool=0)
    result = finished(rows)
    # Of a photo and its copy, each is drawn for validation with a chance of 0.2: 0.32 that they are divided.
    assert result.duplicate_groups == 100
    assert 20 <= result.leaks_prevented <= 45
    assert finished(many(pool=0)).leaks_prevented == 0


def test_fixed_sides_that_divide_a_group_count_as_a_leak():
    rows = [
        (f"{label}{number}", label, role) for label in "ab" for number, role in enumerate(["train", "validation"] * 5)
    ]
    rows += [("a1", "a", "train"), ("b0", "b", "train")]
    assert finished(rows, kind="column", by="side").leaks_prevented == 1


# Fixed sides


def test_sides_from_a_column_stay_and_the_rest_of_the_pool_returns_to_validation():
    roles = ["train"] * 10 + ["pool"] * 5 + ["validation"] * 4
    rows = [(f"{label}{number}", label, role) for label in "ab" for number, role in enumerate(roles)]
    result = finished(rows, kind="column", by="side")
    assert sizes(result.manifest) == {"train": 20, "validation": 12, "test": 6}
    assert len(result.set_aside) == 0
    trained = {path.split("/")[1] for path in shown(result.manifest, "train")}
    assert trained == {f"{label}{number}" for label in "ab" for number in range(10)}


def test_the_rest_of_the_pool_is_held_out_of_a_group_split():
    roles = ["train"] * 10 + ["pool"] * 5 + ["validation"] * 4
    rows = [(f"{label}{number}", label, role) for label in "ab" for number, role in enumerate(roles)]
    result = finished(rows, kind="group", by="shop")
    assert sizes(result.manifest) == {"train": 20, "validation": 8, "test": 6}
    assert reasons(result) == {"held out to choose test photos from": 4}


# Too little


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (many(labels="a"), "1 classes"),
        ([*many(), ("x", "rare", "test")], "no photos to train on in rare"),
        ([("x", "a", "sample"), ("y", "b", "sample")], "0 photos to validate on"),
    ],
)
def test_a_manifest_without_two_classes_to_train_and_validate_on_is_an_error(
    rows: list[tuple[str, str, str]], expected: str
):
    with pytest.raises(UserError, match=expected):
        finished(rows)


def test_a_class_whose_photos_are_all_set_aside_is_an_error_with_the_reasons():
    rows = [*many(), ("a20", "c", "sample"), ("a21", "c", "sample"), ("c0", "c", "pool")]
    expected = (
        r"1 of 3 classes without any \(c: 2 × same photo under two labels, 1 × held out to choose test photos from\)"
    )
    with pytest.raises(UserError, match=expected):
        finished(rows, test=sampling(test=0).test)


# The table


@pytest.fixture
def manifest() -> Manifest:
    return finished(many()).manifest


def changed(manifest: Manifest, column: str, value: object, row: int = 0) -> Manifest:
    rows = manifest.rows.copy()
    rows.loc[row, column] = value
    return Manifest(rows, manifest.classes)


def test_a_manifest_is_the_same_after_saving_and_loading(tmp_path: Path, manifest: Manifest):
    manifest.save(tmp_path / "manifest.parquet")
    loaded = load_manifest(tmp_path / "manifest.parquet")
    pd.testing.assert_frame_equal(loaded.rows, manifest.rows)
    assert loaded.classes == manifest.classes == ("a", "b")
    assert loaded.digest() == manifest.digest()


def test_the_digest_does_not_depend_on_order_or_location(manifest: Manifest):
    shuffled = manifest.rows.sample(frac=1, random_state=0).assign(archive="moved.tar.gz", offset=0, image_path="x.jpg")
    assert Manifest(shuffled, manifest.classes).digest() == manifest.digest()
    assert len(manifest.digest()) == 16


@pytest.mark.parametrize(
    ("column", "value"), [("label", "c"), ("split", "nowhere"), ("content", content("new")), ("difficulty", "odd")]
)
def test_the_digest_depends_on_photos_labels_sides_and_difficulties(manifest: Manifest, column: str, value: str):
    assert changed(manifest, column, value).digest() != manifest.digest()


def test_the_order_of_rows_follows_from_the_photos_alone():
    photos = photos_of(many())
    vectors = random_vectors(photos)
    order = np.random.default_rng(0).permutation(len(photos))
    one = build_manifest(photos, vectors, copies(photos), split(), TEST, 0).manifest
    other = build_manifest(photos.iloc[order], vectors[order], copies(photos.iloc[order]), split(), TEST, 0).manifest
    pd.testing.assert_frame_equal(one.rows, other.rows)


def test_labels_are_numbers_in_the_order_of_the_classes(manifest: Manifest):
    numbers = manifest.labels(manifest.of("train"))
    assert numbers.dtype == np.int32
    assert [manifest.classes[number] for number in numbers] == manifest.of("train")["label"].tolist()


# All steps


def test_no_exact_duplicate_of_a_test_photo_is_used_for_training_or_validation(tmp_path: Path):
    """A leak is planted: most of the photos are listed again under other names."""
    photos = {f"{label}/{number}.jpg": jpeg(number + 100 * (label == "b")) for label in "ab" for number in range(30)}
    photos |= {path.replace(".", "-again."): data for path, data in photos.items() if not path.endswith("0.jpg")}
    catalogue = photo_catalogue(tmp_path, photos, {path: path[0] for path in photos})
    settings = sampling(per_class=40, test=3, pool=6)
    for seed in range(3):
        drawn = draw(catalogue, settings, split(), seed)
        with PhotoReader(tmp_path) as reader:
            usable = validate_photos(catalogue, drawn, reader, tmp_path, 0.0).photos
        result = build_manifest(usable, random_vectors(usable), copies(usable), split(), settings.test, seed)
        content_of = {side: set(result.manifest.of(side)["content"]) for side in ("train", "validation", "test")}
        assert len(content_of["test"]) == 6
        assert not content_of["test"] & (content_of["train"] | content_of["validation"])
        assert not content_of["train"] & content_of["validation"]
        assert reasons(result)["copy of a test photo"] > 0
