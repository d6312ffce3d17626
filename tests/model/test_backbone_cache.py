from collections.abc import Callable

import keras
import numpy as np

from ndsc.config.schema import Config
from ndsc.model.backbone import cut, digest_of
from ndsc.model.backbone_cache import obtain_backbone
from ndsc.model.weights import Weights
from tests.conftest import TINY

RANDOM = Weights("random", "random")


def test_a_frozen_backbone_is_built_once_for_runs_that_need_the_same(configured: Callable[..., Config]):
    first = obtain_backbone(configured(*TINY), RANDOM)
    assert obtain_backbone(configured(*TINY, "optimizer.learning_rate=0.1", "backbone.resize=pad"), RANDOM) is first
    assert obtain_backbone(configured(*TINY, "seed=1"), RANDOM) is not first


def test_one_that_is_trained_is_never_shared(configured: Callable[..., Config]):
    tuned = configured(*TINY, "training=finetune", "training.finetune.freeze=before:conv_pw_13")
    before = obtain_backbone(configured(*TINY), RANDOM)
    own = obtain_backbone(tuned, RANDOM)
    assert own is not before
    own.network.set_weights([weight + 1 for weight in own.network.get_weights()])
    assert digest_of(obtain_backbone(configured(*TINY), RANDOM).network) == digest_of(before.network)
    assert digest_of(obtain_backbone(tuned, RANDOM).network) == digest_of(before.network)
    assert obtain_backbone(configured(*TINY, "backbone.freeze=before:conv_pw_13"), RANDOM) is not before


def test_a_kept_one_gives_the_same_bits_and_leaves_the_same_random_state(configured: Callable[..., Config]):
    photos = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    outputs, drawn = [], []
    for _ in range(2):
        backbone = obtain_backbone(configured(*TINY), RANDOM)
        drawn.append(keras.random.normal((3,)))
        outputs.append(keras.ops.convert_to_numpy(cut(backbone, "all").frozen(photos, training=False)))
    np.testing.assert_array_equal(*outputs)
    np.testing.assert_array_equal(*drawn)
