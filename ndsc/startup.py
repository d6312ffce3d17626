"""TensorFlow's start, in one place.

Late, since it takes seconds; and quiet, since on a machine without a GPU it says so in a dozen lines of C++ log that no
level of its own switches off.
"""

import gc
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

NVIDIA_DRIVER = Path("/proc/driver/nvidia")
# Keras imports them where they are installed, to wrap scikit-learn and to draw boxes on photos. Nobody does that here.
NOT_NEEDED = ("sklearn", "matplotlib", "cv2")


def start_tensorflow(threads: int | None = None) -> None:
    """Import TensorFlow, and let GPUs give memory as it is needed rather than all at once.

    `threads` is how many it may use at a time, for workers that share a machine; None: as many as there are cores.
    Where there is an NVIDIA driver, everything TensorFlow has to say is shown: it may be why the GPU is not used.
    """
    has_driver = NVIDIA_DRIVER.exists()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1" if has_driver else "3")
    if has_driver:
        with _quickly():
            import tensorflow as tf

        _limit(threads)
    else:
        with _standard_error_held_back():
            with _quickly():
                import tensorflow as tf

            _limit(threads)
            _first_pipeline()
    # In a sweep it warns that the function of each training is traced anew, which is as it must be.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    for gpu in tf.config.list_physical_devices("GPU"):
        if not tf.config.experimental.get_memory_growth(gpu):
            tf.config.experimental.set_memory_growth(gpu, True)


@cache
def _first_pipeline() -> None:
    """Make the first pipeline with a Python generator: it says, once, that it has set an option of malloc."""
    import tensorflow as tf

    next(iter(tf.data.Dataset.from_generator(lambda: iter([0]), output_signature=tf.TensorSpec([], tf.int32))))


def _limit(threads: int | None) -> None:
    """Before TensorFlow does anything: later it refuses other numbers."""
    import tensorflow as tf

    if threads is not None:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)


@contextmanager
def _quickly() -> Iterator[None]:
    """Import in 4 s what else takes 7: without what is not needed, and without looking for garbage among modules, where
    there is none."""
    if "tensorflow" in sys.modules:  # in a sweep's next job: to freeze what the last one left would keep it for ever
        yield
        return
    hidden = [name for name in NOT_NEEDED if name not in sys.modules]
    looking = gc.isenabled()
    gc.disable()
    sys.modules.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
        gc.freeze()
        if looking:
            gc.enable()


@contextmanager
def _standard_error_held_back() -> Iterator[None]:
    """Hold back what is written to file descriptor 2; if the block fails, show it after all."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(kept, 2)
            said.seek(0)
            shutil.copyfileobj(said, sys.stderr.buffer)
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
