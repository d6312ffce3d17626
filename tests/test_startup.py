"""The start of TensorFlow and Keras, which every job of a sweep calls."""

import gc
import os
import subprocess
import sys
import weakref
from pathlib import Path

import pytest

from ndsc.startup import start_tensorflow

SETTINGS = """
from ndsc.startup import keras_folder, start_tensorflow
start_tensorflow()
import keras
from keras.src.backend.config import keras_home
config = keras.config
assert str(keras_folder()) == keras_home()
print(config.floatx(), config.epsilon(), config.backend(), config.image_data_format(), config.max_epochs())
"""
# What commands import before they start TensorFlow.
EARLY = (
    "ndsc.preflight",
    "ndsc.data.prediction_files",
    "ndsc.storage.photo_reader",
    "ndsc.tracking.downloads",
    "ndsc.tracking.rerun_config",
    "ndsc.comparison.report",
    "ndsc.sweeps.search",
)


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


@pytest.mark.parametrize("content", ['{"floatx": "float16", "backend": "torch"}', '{"epsilon": 1}', "[1]", None])
def test_keras_starts_with_its_own_defaults_whatever_its_settings_file_says(tmp_path: Path, content: str | None):
    file = tmp_path / "keras.json"
    file.mkdir() if content is None else file.write_text(content)
    environment = os.environ | {"KERAS_HOME": str(tmp_path), "KERAS_MAX_EPOCHS": "many", "KERAS_BACKEND": "numpy"}
    done = subprocess.run([sys.executable, "-c", SETTINGS], env=environment, capture_output=True, text=True)
    assert done.stdout == "float32 1e-07 tensorflow channels_last None\n", done.stderr[-2000:]
    assert "KERAS_MAX_EPOCHS=many, KERAS_BACKEND=numpy" in done.stderr
    assert file.is_dir() if content is None else file.read_text() == content


def test_tensorflow_is_imported_by_its_start_only():
    """Any other import of it takes longer, and logs a dozen lines."""
    listing = f"import sys, {', '.join(EARLY)}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True)
    assert not {"keras", "tensorflow"} & set(done.stdout.split())
