"""A tiny backbone with different features for different photos."""

import keras
import numpy as np

from ndsc.model.backbone import Backbone


def tiny_backbone() -> Backbone:
    """MobileNet at 32×32 with a quarter of the channels and random weights.

    As it is built, its features are nearly zero for any photo, so that results which should differ would be equal.
    Therefore one batch of noise adapts the statistics of batch normalization.
    """
    keras.utils.set_random_seed(0)
    preprocess = keras.applications.mobilenet.preprocess_input
    network = keras.applications.MobileNet((32, 32, 3), alpha=0.25, include_top=False, pooling="avg", weights=None)
    normalizations = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    momentum = normalizations[0].momentum
    for layer in normalizations:
        layer.momentum = 0.0
    network(np.random.default_rng(1).uniform(-1, 1, (16, 32, 32, 3)).astype(np.float32), training=True)
    for layer in normalizations:
        layer.momentum = momentum
    return Backbone(network, preprocess, "random", {"backbone": "tiny"})
