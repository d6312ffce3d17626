"""TensorFlow's start, which every job of a sweep comes by."""

import gc
import weakref

from ndsc.startup import start_tensorflow


class Left:
    """What only garbage collection gets rid of."""

    def __init__(self) -> None:
        self.itself = self


def test_what_a_job_leaves_is_no_longer_kept_once_tensorflow_is_there():
    start_tensorflow()
    before = gc.get_freeze_count()
    left = weakref.ref(Left())
    start_tensorflow()
    assert gc.get_freeze_count() <= before
    gc.collect()
    assert left() is None
