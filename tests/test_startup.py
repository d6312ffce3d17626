"""TensorFlow's start, which every job of a sweep comes by."""

import gc

from ndsc.startup import start_tensorflow


def test_what_a_job_leaves_is_no_longer_kept_once_tensorflow_is_there():
    start_tensorflow()
    before = gc.get_freeze_count()
    left = [[] for _ in range(1000)]
    start_tensorflow()
    assert gc.get_freeze_count() <= before
    assert len(left) == 1000
