import numpy as np
import pytest
import tensorflow as tf
import yaml

from ndsc.config.schema import CONFIG_FOLDER, AugmentationConfig
from ndsc.errors import UserError
from ndsc.features.views import Policy

POLICIES = ("baseline", "strong", "randaugment")
CONTENTS = [bytes([number]) * 16 for number in range(4)]


def described(name: str) -> AugmentationConfig:
    return AugmentationConfig(**yaml.safe_load((CONFIG_FOLDER / "augmentation" / f"{name}.yaml").read_text()))


def policy(name: str) -> Policy:
    return Policy(described(name))


def photos() -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 255, (4, 32, 32, 3)).astype(np.float32)


def views(policy: Policy, order: list[tuple[int, int]], threads: int) -> dict[tuple[int, int], np.ndarray]:
    """Augmented views made by a parallel pipeline, by (photo, view)."""
    which = np.array(order)
    seeds = np.stack([policy.seeds(CONTENTS[photo], view) for photo, view in order])
    pipeline = tf.data.Dataset.from_tensor_slices((photos()[which[:, 0]], seeds))
    pipeline = pipeline.map(policy.apply, num_parallel_calls=threads)
    return dict(zip(order, pipeline.as_numpy_iterator(), strict=True))


@pytest.mark.parametrize("name", POLICIES)
def test_a_view_is_the_same_to_the_bit_in_any_order_on_any_number_of_threads_and_in_another_policy_object(name: str):
    order = [(photo, view) for photo in range(4) for view in range(1, 4)]
    one = views(policy(name), order, threads=1)
    other = views(policy(name), order[::-1], threads=4)
    for key in order:
        np.testing.assert_array_equal(one[key], other[key])


@pytest.mark.parametrize("name", POLICIES)
def test_views_differ_and_their_values_are_between_0_and_255(name: str):
    made = views(policy(name), [(0, 1), (0, 2), (0, 3), (0, 4), (0, 5)], threads=2)
    assert len({view.tobytes() for view in made.values()}) >= 4
    for view in made.values():
        assert view.shape == (32, 32, 3)
        assert view.min() >= 0
        assert view.max() <= 255


def test_each_layer_has_its_own_seed():
    seeds = policy("strong").seeds(CONTENTS[0], 1)
    assert len({tuple(pair) for pair in seeds.tolist()}) == len(seeds)


def test_a_layer_that_draws_twice_gets_two_different_numbers():
    shift = Policy(
        AugmentationConfig(
            views=2,
            layers={"shift": {"_target_": "keras.layers.RandomTranslation", "height_factor": 0.3, "width_factor": 0.3}},
        )
    )
    spot = np.zeros((1, 64, 64, 3), np.float32)
    spot[:, 32, 32] = 255
    moved = []
    for content in CONTENTS:
        view = shift.apply(tf.constant(spot[0]), tf.constant(shift.seeds(content, 1))).numpy()
        row, column = np.unravel_index(view[..., 0].argmax(), (64, 64))
        moved.append((int(row) - 32, int(column) - 32))
    assert any(down != right for down, right in moved)


def test_another_factor_is_another_policy():
    mild, wild = policy("baseline"), policy("strong")
    assert mild.description != wild.description


def test_the_same_layers_in_another_order_are_another_policy():
    baseline = described("baseline")
    other = AugmentationConfig(baseline.views, dict(reversed(baseline.layers.items())))
    assert Policy(other).description != Policy(baseline).description


def test_a_policy_without_layers_does_not_change_the_photo():
    plain = Policy(AugmentationConfig(views=1, layers={}))
    photo = photos()[0]
    np.testing.assert_array_equal(plain.apply(tf.constant(photo), tf.constant(plain.seeds(CONTENTS[0], 0))), photo)


@pytest.mark.parametrize(
    ("layer", "complaint"),
    [
        ({"_target_": "keras.layers.GaussianNoise", "stddev": 0.1}, "image augmentation layer"),
        ({"_target_": "keras.layers.RandomCrop", "height": 8, "width": 8}, "preserve a photo's size"),
        ({"_target_": "keras.layers.RandomRotation", "factor": 7}, "cannot be built: The `factor` argument"),
    ],
)
def test_a_layer_without_repeatable_views_is_a_user_error(layer: dict, complaint: str):
    with pytest.raises(UserError, match=complaint):
        Policy(AugmentationConfig(views=2, layers={"odd": layer}))
