"""The start of libraries: the environment variables that they read, and the import of TensorFlow and Keras.

The import is late, because it takes seconds. It is quiet, because TensorFlow's C++ code logs a dozen lines on a machine
without a GPU, which no log level switches off. Keras starts with its own defaults: settings in the environment and in
`keras.json` would change a run without being part of it.
"""

import gc
import logging
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile, gettempdir

NVIDIA_DRIVER = Path("/proc/driver/nvidia")
# Keras imports these where they are installed, to wrap scikit-learn and to draw boxes on photos. ndsc needs neither.
NOT_NEEDED = ("sklearn", "matplotlib", "cv2")
KERAS_DEBUGGING = ("KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH")
# Matplotlib's for a command: the backend of a notebook works only there, and settings of a user may need LaTeX.
PLAIN_FIGURES = {"MPLBACKEND": "agg", "MATPLOTLIBRC": os.devnull}
# Variables by which TensorFlow, XLA, NVIDIA's libraries, oneDNN (also OpenVINO's) and NumPy change how they compute;
# and those among them that change only speed, memory or messages. A variable that is not known counts: it may be new.
NUMERIC = re.compile("(TF|XLA|CUBLAS|CUDNN|NVIDIA_TF32|ONEDNN|DNNL|MKL|OPENBLAS|OV|NPY)_")
NOT_NUMERIC = re.compile("TF_(CPP|NUM|GPU|FORCE_GPU)_|.*(VERBOSE|THREADS?|DYNAMIC|LOG[A-Z]*|DBG)(_|$)")

log = logging.getLogger(__name__)


def start_tensorflow(threads: int | None = None) -> None:
    """Import TensorFlow, and let it allocate GPU memory as needed.

    Where there is an NVIDIA driver, all warnings of TensorFlow are shown: they may say why the GPU is not used.

    Args:
        threads: for workers that share a machine; None: as many as there are cores.
    """
    has_driver = NVIDIA_DRIVER.exists()
    backends = ("KERAS_BACKEND",) if os.environ.get("KERAS_BACKEND") != "tensorflow" else ()
    ignore_variables((*KERAS_DEBUGGING, *backends), "only the configuration may change results")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1" if has_driver else "3")
    with nullcontext() if has_driver else _buffered_standard_error():
        # Keras, and TensorFlow's own copy of it, find an empty folder of settings.
        with _fast_import(), TemporaryDirectory() as empty, environment({"KERAS_HOME": empty}):
            import tensorflow as tf
            from keras.src.backend import config

        config._KERAS_DIR = str(keras_folder())  # of what Keras downloads
        from joblib import cpu_count

        if threads is None and cpu_count() < (os.cpu_count() or 1):
            threads = cpu_count()  # TensorFlow does not know the quota of a container
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


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables within the block, then restore the previous ones."""
    previous = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in previous.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def ignore_variables(names: Iterable[str], why: str) -> None:
    """Remove environment variables that would change a run, before the library that reads them is imported."""
    if found := {name: os.environ.pop(name) for name in names if name in os.environ}:
        listed = ", ".join(f"{name}={value}" for name, value in found.items())
        log.warning("ignored in the environment, because %s: %s", why, listed)


def numeric_variables() -> dict[str, str]:
    """Return the environment variables that change the numbers which libraries compute."""
    return {
        name: os.environ[name] for name in sorted(os.environ) if NUMERIC.match(name) and not NOT_NUMERIC.match(name)
    }


def keras_folder() -> Path:
    """Return the folder of Keras' downloads: `$KERAS_HOME`, and without a home a temporary folder."""
    home = os.path.expanduser("~")
    return Path(os.environ.get("KERAS_HOME") or Path(home if os.path.isabs(home) else gettempdir(), ".keras"))


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
    with TemporaryFile() as buffer:
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
