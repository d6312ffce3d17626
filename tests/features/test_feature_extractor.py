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
from ndsc.training.finetuning import Study
from tests.training.conftest import write_photo

Photos = Callable[[int], pd.DataFrame]
Studies = Callable[..., Study]
VIEWS = range(4)
INT8 = "backbone.precision=int8"


def everything(study: Study, photos: pd.DataFrame, freeze: str = "all") -> np.ndarray:
    """(photos, views, features)."""
    found = study.frozen_part(freeze).features(photos, VIEWS)
    return np.stack([found.rows[view][:] for view in VIEWS], axis=1)


def fingerprint(study: Study) -> dict[str, object]:
    return study.frozen_part("all").fingerprint(augmented=False)


def cost(study: Study) -> tuple[int, int]:
    return study.cost.hits, study.cost.misses


def test_what_was_computed_is_found_by_another_study_in_any_order(study: Studies, photos: Photos):
    first, second = study(), study()
    computed = everything(first, photos(40))
    assert cost(first) == (0, 160)
    found = everything(second, photos(40)[::-1])
    assert cost(second) == (160, 0)
    np.testing.assert_array_equal(found[::-1], computed)


def test_a_run_out_of_a_half_filled_cache_equals_a_run_out_of_none(study: Studies, photos: Photos, tmp_path: Path):
    everything(study(), photos(23))
    half_filled, none = study(), study(f"cache.root={tmp_path / 'other'}")
    np.testing.assert_array_equal(everything(half_filled, photos(40)), everything(none, photos(40)))
    assert cost(half_filled) == (23 * 4, 17 * 4)
    assert cost(none) == (0, 160)


def test_only_images_not_seen_before_are_computed(study: Studies, photos: Photos):
    everything(study(), photos(10))
    more = study()
    everything(more, photos(16))
    assert cost(more) == (40, 24)


def test_a_repost_under_another_name_is_a_hit_and_twice_in_one_run_computed_once(study: Studies, photos: Photos):
    listed_twice = pd.concat([photos(6), photos(6).assign(image_path="repost.jpg", archive=photos(6)["archive"])])
    only = study()
    computed = everything(only, listed_twice.reset_index(drop=True))
    assert cost(only) == (0, 24)
    np.testing.assert_array_equal(computed[:6], computed[6:])


@pytest.mark.parametrize(
    ("overrides", "missing"),
    [
        (["backbone.image_size=40"], 40),
        (["backbone.resize=pad"], 40),
        (["backbone.engine=tensorflow"], 40),
        (["cache.dtype=float32"], 40),
        (["backbone.build.alpha=0.5"], 40),
        (["+backbone.build.dropout=0.5"], 40),  # an argument that no weight tells of
        (["augmentation.layers.rotate.factor=0.06"], 30),
        (["augmentation=strong"], 30),
        (["optimizer.learning_rate=0.1", "head=mlp", "seed=5"], 0),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, list) else str(value),
)
def test_what_shapes_the_numbers_makes_a_miss_and_plain_views_are_shared_by_all_policies(
    study: Studies, photos: Photos, overrides: list[str], missing: int
):
    everything(study(), photos(10))
    changed = study(*overrides)
    everything(changed, photos(10))
    assert cost(changed) == (40 - missing, missing)


@pytest.mark.parametrize(("precision", "other"), [("bfloat16", True), ("float32", False)])
def test_how_far_float32_goes_shapes_the_numbers_at_bfloat16_only(study: Studies, precision: str, other: bool):
    parts = [study(f"backbone.float32_until={line}").frozen_part("all") for line in ("none", "before:conv_pw_6")]
    plain, kept = (replace(part, choice=replace(part.choice, precision=precision)) for part in parts)
    assert (plain.fingerprint(augmented=False) != kept.fingerprint(augmented=False)) is other


def test_other_weights_are_a_miss(study: Studies, photos: Photos):
    everything(study(), photos(10))
    other = study(seed=1)
    everything(other, photos(10))
    assert cost(other) == (0, 40)


def test_another_line_is_a_miss_and_its_features_are_maps(study: Studies, photos: Photos):
    everything(study(), photos(10))
    lower = study()
    maps = everything(lower, photos(10), "before:conv_pw_6")
    assert cost(lower) == (0, 40)
    assert maps.shape[2:] == lower.frozen_part("before:conv_pw_6").cut.frozen.output_shape[1:]
    assert maps.ndim == 5


def test_a_changed_byte_in_a_photo_is_a_miss(study: Studies, photos: Photos):
    before = photos(10)
    everything(study(), before)
    changed = Path(before.at[0, "archive"])
    write_photo(changed, 100)
    after = photos(10)
    assert after.at[0, "content"] != before.at[0, "content"]
    other = study()
    everything(other, after)
    assert cost(other) == (36, 4)


def test_view_0_is_plain_and_the_others_differ_from_it(study: Studies, photos: Photos):
    features = everything(study(), photos(8))
    pixels = study().frozen_part("all").pixels(photos(8))
    assert pixels.shape == (8, 4, 32, 32, 3)
    for view in (1, 2, 3):
        assert not np.array_equal(features[:, 0], features[:, view])
        assert np.abs(pixels[:, 0] - pixels[:, view]).mean() > 1


@pytest.mark.parametrize("resize", ["stretch", "pad"])
def test_cached_features_are_those_of_keras(study: Studies, photos: Photos, resize: str):
    mine = study("cache.dtype=float32", "backbone.precision=float32", f"backbone.resize={resize}")
    part = mine.frozen_part("all")
    expected = np.asarray(part.cut.frozen(part.pixels(photos(8))[:, 0], training=False))
    found = part.features(photos(8), [0]).rows[0][:]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def test_int8_features_are_found_again_in_any_order_and_never_taken_for_those_of_another_calibration(
    study: Studies, photos: Photos, networks: Path, tmp_path: Path
):
    everything(study(), photos(17))
    shutil.copytree(networks, tmp_path / "other" / "networks")
    first, again = study(INT8), study(INT8)
    computed = everything(first, photos(17))
    np.testing.assert_array_equal(everything(again, photos(17)[::-1])[::-1], computed)
    assert (cost(first), cost(again)) == ((0, 68), (68, 0))
    other = study(INT8, f"cache.root={tmp_path / 'other'}")
    everything(other, photos(34)[17:])
    assert fingerprint(other) != fingerprint(first)


def test_a_network_is_made_again_of_the_photos_that_it_was_measured_on_whoever_uses_it(
    study: Studies, photos: Photos, tmp_path: Path
):
    own = tmp_path / "own"
    (own / "networks").mkdir(parents=True)  # not those that all tests share
    one, other, third = (study(INT8, f"cache.root={own}") for _ in range(3))
    everything(one, photos(17))
    for kept in (own / "networks").iterdir():
        shutil.rmtree(kept)
    # A run of other photos, and as many, would measure those.
    measured = one.calibration()
    assert measured is not None
    assert sorted(measured["image_path"]) == sorted(photos(17)["image_path"])
    for line, mine in measured.groupby("line"):
        other.frozen_part(line).calibrate(mine)
    everything(other, photos(34)[17:])
    assert fingerprint(other) == fingerprint(one)
    # One that finds the network there says what that was measured on, not what it has itself.
    everything(third, photos(34)[17:])
    pd.testing.assert_frame_equal(third.calibration(), measured)


def test_what_is_asked_for_later_does_not_change_the_calibration(study: Studies, photos: Photos):
    one = study(INT8)
    everything(one, photos(17))
    before = fingerprint(one)
    everything(one, photos(20)[17:])
    assert fingerprint(one) == before


def test_gathering_mixes_photos_and_views_as_asked(study: Studies, photos: Photos):
    part = study().frozen_part("all")
    features = part.features(photos(10), VIEWS)
    at_photos, at_views = np.array([3, 0, 9, 3]), np.array([2, 0, 1, 0])
    expected = np.stack([features.rows[view][:][photo] for photo, view in zip(at_photos, at_views, strict=True)])
    np.testing.assert_array_equal(features[at_photos, at_views], expected)
    np.testing.assert_array_equal(features.in_memory()[at_views, at_photos], expected)
    assert features.nbytes == 4 * features.rows[0][:].nbytes


def test_a_damaged_row_is_computed_again_and_never_used(
    study: Studies, photos: Photos, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    computed = everything(study(), photos(10))
    for rows in (tmp_path / "cache" / "features").glob("*/*.rows"):
        content = bytearray(rows.read_bytes())
        content[len(content) // 2] ^= 0x40
        rows.write_bytes(content)
    again = study()
    with caplog.at_level(logging.WARNING):
        np.testing.assert_array_equal(everything(again, photos(10)), computed)
    assert cost(again) == (38, 2)
    assert "damaged" in caplog.text


def test_features_that_do_not_fit_the_cache_are_refused(study: Studies, photos: Photos):
    mine = study()
    network = mine.backbone.network
    network.set_weights([weight * 1e4 for weight in network.get_weights()])
    with pytest.raises(UserError, match=r"cache\.dtype=float32"):
        mine.frozen_part("before:conv_pw_6_bn").features(photos(4), [0])


def test_a_photo_counts_once_however_often_it_is_asked_for():
    counted = CacheStats()
    contents = np.arange(48, dtype=np.uint8).reshape(3, 16)
    counted.count("line", 0, contents, np.array([True, True, False]))
    counted.count("line", 0, contents[:2], np.array([False, False]))
    counted.count("line", 1, contents[:1], np.array([False]))
    assert (counted.hits, counted.misses) == (2, 2)
