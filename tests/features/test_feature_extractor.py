import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ndsc.errors import UserError
from ndsc.features.feature_extractor import CacheStats
from tests.components import Setup, write_photo

Photos = Callable[[int], pd.DataFrame]
MakeSetup = Callable[..., Setup]
VIEWS = range(4)
INT8 = "backbone.precision=int8"


def extract(setup: Setup, photos: pd.DataFrame, freeze: str = "all") -> np.ndarray:
    """(photos, views, features) of all views; at int8, calibrated on these photos."""
    found = setup.extractor(freeze, photos).extract(photos, VIEWS)
    return np.stack([found.rows[view][:] for view in VIEWS], axis=1)


def fingerprint(setup: Setup) -> dict[str, object]:
    return setup.extractor().fingerprint(augmented=False)


def test_cached_features_are_found_by_another_run_in_any_order(setup: MakeSetup, photos: Photos):
    first, second = setup(), setup()
    computed = extract(first, photos(40))
    assert first.counts == (0, 160)
    found = extract(second, photos(40)[::-1])
    assert second.counts == (160, 0)
    np.testing.assert_array_equal(found[::-1], computed)


def test_a_half_filled_cache_gives_the_same_features_as_an_empty_one(setup: MakeSetup, photos: Photos, tmp_path: Path):
    extract(setup(), photos(23))
    half_filled, empty = setup(), setup(f"cache.root={tmp_path / 'other'}")
    np.testing.assert_array_equal(extract(half_filled, photos(40)), extract(empty, photos(40)))
    assert half_filled.counts == (23 * 4, 17 * 4)
    assert empty.counts == (0, 160)


def test_only_new_photos_are_computed(setup: MakeSetup, photos: Photos):
    extract(setup(), photos(10))
    more = setup()
    extract(more, photos(16))
    assert more.counts == (40, 24)


def test_a_photo_listed_twice_is_computed_once(setup: MakeSetup, photos: Photos):
    listed_twice = pd.concat([photos(6), photos(6).assign(image_path="repost.jpg")])
    once = setup()
    computed = extract(once, listed_twice.reset_index(drop=True))
    assert once.counts == (0, 24)
    np.testing.assert_array_equal(computed[:6], computed[6:])


@pytest.mark.parametrize(
    ("overrides", "missing"),
    [
        (["backbone.image_size=40"], 40),
        (["backbone.resize=pad"], 40),
        (["backbone.engine=tensorflow"], 40),
        (["cache.dtype=float32"], 40),
        (["backbone.build.alpha=0.5"], 40),
        (["+backbone.build.dropout=0.5"], 40),  # an argument that changes no weight
        (["augmentation.layers.rotate.factor=0.06"], 30),
        (["augmentation=strong"], 30),
        (["optimizer.learning_rate=0.1", "head=mlp", "seed=5"], 0),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, list) else str(value),
)
def test_every_setting_that_shapes_features_causes_misses_and_policies_share_view_0(
    setup: MakeSetup, photos: Photos, overrides: list[str], missing: int
):
    extract(setup(), photos(10))
    # Random weights would change with the seed.
    backbone = setup().components.features.backbone
    changed = setup(*overrides)
    if "seed=5" in overrides:
        features = replace(changed.components.features, backbone=backbone)
        changed.components = replace(changed.components, features=features)
    extract(changed, photos(10))
    assert changed.counts == (40 - missing, missing)


@pytest.mark.parametrize(("precision", "other"), [("bfloat16", True), ("float32", False)])
def test_float32_until_is_part_of_the_fingerprint_at_bfloat16_only(setup: MakeSetup, precision: str, other: bool):
    extractors = [setup(f"backbone.float32_until={line}").extractor() for line in ("none", "before:conv_pw_6")]
    plain, stem = (replace(one, engine_spec=replace(one.engine_spec, precision=precision)) for one in extractors)
    assert (plain.fingerprint(augmented=False) != stem.fingerprint(augmented=False)) is other


def test_other_weights_cause_misses(setup: MakeSetup, photos: Photos):
    extract(setup(), photos(10))
    other = setup(seed=1)
    extract(other, photos(10))
    assert other.counts == (0, 40)


def test_another_freeze_line_causes_misses_and_its_features_are_maps(setup: MakeSetup, photos: Photos):
    extract(setup(), photos(10))
    lower = setup()
    maps = extract(lower, photos(10), "before:conv_pw_6")
    assert lower.counts == (0, 40)
    assert maps.shape[2:] == lower.extractor("before:conv_pw_6").cut.frozen.output_shape[1:]
    assert maps.ndim == 5


def test_a_changed_photo_causes_misses(setup: MakeSetup, photos: Photos):
    before = photos(10)
    extract(setup(), before)
    changed = Path(before.at[0, "archive"])
    write_photo(changed, 100)
    after = photos(10)
    assert after.at[0, "content"] != before.at[0, "content"]
    other = setup()
    extract(other, after)
    assert other.counts == (36, 4)


def test_augmented_views_differ_from_view_0(setup: MakeSetup, photos: Photos):
    one = setup()
    features = extract(one, photos(8))
    pixels = one.components.features.pipeline.all_views(photos(8))
    assert pixels.shape == (8, 4, 32, 32, 3)
    for view in (1, 2, 3):
        assert not np.array_equal(features[:, 0], features[:, view])
        assert np.abs(pixels[:, 0] - pixels[:, view]).mean() > 1


@pytest.mark.parametrize("resize", ["stretch", "pad"])
def test_cached_features_equal_those_of_keras(setup: MakeSetup, photos: Photos, resize: str):
    one = setup("cache.dtype=float32", "backbone.precision=float32", f"backbone.resize={resize}")
    extractor = one.extractor()
    plain = one.components.features.pipeline.all_views(photos(8))[:, 0]
    expected = np.asarray(extractor.cut.frozen(plain, training=False))
    found = extractor.extract(photos(8), [0]).load()[0]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def test_int8_features_are_found_in_any_order_and_depend_on_their_calibration(
    setup: MakeSetup, photos: Photos, networks: Path, tmp_path: Path
):
    extract(setup(), photos(17))
    shutil.copytree(networks, tmp_path / "other" / "networks")
    first, again = setup(INT8), setup(INT8)
    computed = extract(first, photos(17))
    np.testing.assert_array_equal(extract(again, photos(17)[::-1])[::-1], computed)
    assert (first.counts, again.counts) == ((0, 68), (68, 0))
    other = setup(INT8, f"cache.root={tmp_path / 'other'}")
    extract(other, photos(34)[17:])
    assert fingerprint(other) != fingerprint(first)


def test_a_given_int8_network_is_used_instead_of_the_cached_one(setup: MakeSetup, photos: Photos, tmp_path: Path):
    own = tmp_path / "own"
    (own / "networks").mkdir(parents=True)  # not the networks that all tests share
    first, other, repetition = (setup(INT8, f"cache.root={own}") for _ in range(3))
    computed = extract(first, photos(17))
    network = first.extractor().quantized
    assert network is not None
    assert sorted(network.notes["contents"]) == sorted(photos(17)["content"])
    moved = replace(network, folder=Path(shutil.move(network.folder, tmp_path / "logged")))
    extract(other, photos(34)[17:])
    assert fingerprint(other) != fingerprint(first)
    features = replace(repetition.components.features, quantized={"all": moved})
    repetition.components = replace(repetition.components, features=features)
    np.testing.assert_array_equal(extract(repetition, photos(17)), computed)
    assert fingerprint(repetition) == fingerprint(first)


def test_an_extractor_is_complete_once_constructed(setup: MakeSetup, photos: Photos):
    one = setup(INT8)
    before = one.components.features.at("all", photos(17)).fingerprint(augmented=False)
    extract(one, photos(17))
    one.extractor().extract(photos(20)[17:], [0])
    assert fingerprint(one) == before


def test_features_are_indexed_by_photo_and_view(setup: MakeSetup, photos: Photos):
    features = setup().extractor().extract(photos(10), VIEWS)
    at_photos, at_views = np.array([3, 0, 9, 3]), np.array([2, 0, 1, 0])
    expected = np.stack([features.rows[view][:][photo] for photo, view in zip(at_photos, at_views, strict=True)])
    np.testing.assert_array_equal(features[at_photos, at_views], expected)
    np.testing.assert_array_equal(features.load()[at_views, at_photos], expected)
    assert features.nbytes == 4 * features.rows[0][:].nbytes


def test_a_damaged_row_is_computed_again_and_never_used(
    setup: MakeSetup, photos: Photos, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    computed = extract(setup(), photos(10))
    for rows in (tmp_path / "cache" / "features").glob("*/*.rows"):
        content = bytearray(rows.read_bytes())
        content[len(content) // 2] ^= 0x40
        rows.write_bytes(content)
    again = setup()
    with caplog.at_level(logging.WARNING):
        np.testing.assert_array_equal(extract(again, photos(10)), computed)
    assert again.counts == (38, 2)
    assert "damaged" in caplog.text


def test_features_that_do_not_fit_the_type_of_the_cache_are_a_user_error(setup: MakeSetup, photos: Photos):
    one = setup()
    network = one.components.features.backbone.network
    network.set_weights([weight * 1e4 for weight in network.get_weights()])
    with pytest.raises(UserError, match=r"cache\.dtype=float32"):
        one.extractor("before:conv_pw_6_bn").extract(photos(4), [0])


def test_cache_statistics_count_each_view_once():
    stats = CacheStats()
    contents = np.arange(48, dtype=np.uint8).reshape(3, 16)
    stats.count("line", 0, contents, np.array([True, True, False]))
    stats.count("line", 0, contents[:2], np.array([False, False]))
    stats.count("line", 1, contents[:1], np.array([False]))
    assert (stats.hits, stats.misses) == (2, 2)
