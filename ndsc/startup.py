"""The start of TensorFlow.

It is late, because the import takes seconds. It is quiet, because TensorFlow's C++ code logs a dozen lines on a machine
without a GPU, which no log level switches off.
"""

import gc
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from pathlib import Path

NVIDIA_DRIVER = Path("/proc/driver/nvidia")
# Keras imports these where they are installed, to wrap scikit-learn and to draw boxes on photos. ndsc needs neither.
NOT_NEEDED = ("sklearn", "matplotlib", "cv2")


def start_tensorflow(threads: int | None = None) -> None:
    """Import TensorFlow, and let it allocate GPU memory as needed.

    Where there is an NVIDIA driver, all warnings of TensorFlow are shown: they may say why the GPU is not used.

    Args:
        threads: for workers that share a machine; None: as many as there are cores.
    """
    has_driver = NVIDIA_DRIVER.exists()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1" if has_driver else "3")
    with nullcontext() if has_driver else _buffered_standard_error():
        with _fast_import():
            import tensorflow as tf

        if threads is not None:  # TensorFlow refuses that once it has started to work
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)
        if not has_driver:
            _create_first_pipeline()
    # In a sweep, it warns that each training traces its function again, which cannot be avoided.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    for gpu in tf.config.list_physical_devices("GPU"):
        if not tf.config.experimental.get_memory_growth(gpu):
            tf.config.experimental.set_memory_growth(gpu, True)


@cache
def _create_first_pipeline() -> None:
    """Create the first pipeline with a Python generator: it logs once that it has set an option of malloc."""
    import tensorflow as tf

    next(iter(tf.data.Dataset.from_generator(lambda: iter([0]), output_signature=tf.TensorSpec([], tf.int32))))


@contextmanager
def _fast_import() -> Iterator[None]:
    """Hide modules that are not needed, and pause garbage collection, which finds nothing to free among modules: the
    import then takes 4 s instead of 7."""
    if "tensorflow" in sys.modules:  # the next job of a sweep: after `freeze`, objects of the last would never be freed
        yield
        return
    hidden = [name for name in NOT_NEEDED if name not in sys.modules]
    enabled = gc.isenabled()
    gc.disable()
    sys.modules.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
        gc.freeze()
        if enabled:
            gc.enable()


@contextmanager
def _buffered_standard_error() -> Iterator[None]:
    """Buffer what is written to file descriptor 2, and show it only if the block fails."""
    sys.stderr.flush()
    original = os.dup(2)
    with tempfile.TemporaryFile() as buffer:
        os.dup2(buffer.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(original, 2)
            buffer.seek(0)
            shutil.copyfileobj(buffer, sys.stderr.buffer)
            raise
        finally:
            os.dup2(original, 2)
            os.close(original)
