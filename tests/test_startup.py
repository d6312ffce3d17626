"""The start of TensorFlow, which every job of a sweep calls."""

import gc
import weakref

from ndsc.startup import start_tensorflow


class Left:
    """An object that only garbage collection frees."""

    def __init__(self) -> None:
        self.itself = self


def test_objects_of_an_earlier_job_are_freed():
    start_tensorflow()
    before = gc.get_freeze_count()
    left = weakref.ref(Left())
    start_tensorflow()
    assert gc.get_freeze_count() <= before
    gc.collect()
    assert left() is None
