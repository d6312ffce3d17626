"""Growth goes along images, along views, and to the corner of both."""

from argparse import Namespace

from experiments.benchmarks.growth import overrides, steps


def test_images_grow_at_the_fewest_views_and_views_at_the_fewest_images_and_the_largest_comes_last():
    assert steps([500, 1000], [1, 2, 4]) == [(500, 1), (500, 2), (500, 4), (1000, 1), (1000, 4)]
    assert steps([2000], [2]) == [(2000, 2)]


def test_images_are_spread_over_the_classes_and_none_are_held_out(photos):
    given = Namespace(root=str(photos), backbone="resnet50", image_size=32, freeze="all", overrides=["seed=1"])
    made = overrides(given, images=4000, views=8)
    assert {"sampling.per_class=1333", "augmentation.views=8", "sampling.test.per_class=0", "seed=1"} <= set(made)
