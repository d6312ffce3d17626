"""What makes two runs the same run: all that shapes its numbers, and nothing else."""

import hashlib
import json
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ndsc.caching.tables import content_signature

if TYPE_CHECKING:
    from ndsc.config.schema import Config

PACKAGE = Path(__file__).parents[1]
# Keras' own names for where a callback writes: ModelCheckpoint, CSVLogger, TensorBoard, BackupAndRestore.
CALLBACK_PLACES = ("filepath", "filename", "log_dir", "backup_dir")


def run_key(config: "Config", data_digest: str) -> str:
    """32 hex digits of the configuration without tracking and paths, of the data, and of this package's own source.

    Args:
        data_digest: `ndsc.data.data_digest.data_digest`, or the digest of a manifest.
    """
    settings = asdict(config)
    del settings["tracking"], settings["cache"]["root"], settings["threads"], settings["rerun_finished"]
    # Whatever these name is in the data's digest, wherever it lies.
    del settings["data"]["root"], settings["data"]["metadata"], settings["data"]["table"]
    del settings["sampling"]["test"]["list"], settings["sampling"]["exclude"]
    # It gives runs up, and changes nothing in those that finish.
    settings["callbacks"].pop("pruning", None)
    # Below a folder that is named by the time of the start.
    for callback in settings["callbacks"].values():
        for place in CALLBACK_PLACES:
            callback.pop(place, None)
    # They are applied one after the other, and JSON with sorted keys would forget in which order.
    settings["augmentation"]["layers"] = list(settings["augmentation"]["layers"].items())
    weights = Path(config.backbone.weights).expanduser()
    if weights.is_file():
        settings["backbone"]["weights"] = content_signature(weights)
    parts = {"settings": settings, "photos": data_digest, "source": source_digest()}
    return hashlib.blake2b(json.dumps(parts, sort_keys=True).encode(), digest_size=16).hexdigest()


@lru_cache(maxsize=1)  # what is edited while a sweep runs is not what it runs
def source_digest() -> str:
    """32 hex digits of the package's Python files, names and contents, as they were when first asked for."""
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(PACKAGE.rglob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(PACKAGE).as_posix()} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()
