"""The fingerprint of cached features: everything that shapes their numbers, as plain JSON beside the rows."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ndsc.caching.atomic import atomic_write
from ndsc.caching.digests import content_hash
from ndsc.errors import UserError

FILE_NAME = "fingerprint.json"
FORMAT = 1  # Of the segments. Another format is another fingerprint.


def describe(fingerprint: Mapping[str, object], shape: Sequence[int], dtype: str) -> str:
    """Return the canonical JSON text of a fingerprint, the shape and dtype of a row, and the format of the files.

    Its `content_hash` names the folder. Raises TypeError or ValueError for what is not plain JSON (an array, a NaN).
    """
    content = {"format": FORMAT, "shape": list(shape), "dtype": np.dtype(dtype).name, "fingerprint": dict(fingerprint)}
    return json.dumps(content, sort_keys=True, allow_nan=False, indent=2)


def row_dtype(shape: Sequence[int], dtype: str) -> np.dtype:
    """Return the type of a row on disk, little-endian on every machine: arrays of it are (n, *shape)."""
    return np.dtype((np.dtype(dtype).newbyteorder("<"), tuple(shape)))


def read(folder: Path) -> dict[str, Any] | None:
    """Return the description in `folder` as plain data; None if there is none, or it does not match the folder."""
    try:
        content = json.loads((folder / FILE_NAME).read_bytes())
        description = describe(content["fingerprint"], content["shape"], content["dtype"])
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return content if content_hash(description) == folder.name else None


def write(folder: Path, description: str) -> None:
    """Write `description` into `folder` unless it is there. Raises OSError."""
    if not (folder / FILE_NAME).exists():
        with atomic_write(folder / FILE_NAME) as temporary:
            temporary.write_text(description, encoding="utf-8")


def check(folder: Path, description: str) -> None:
    """Raise UserError if `folder` has a description other than the expected one. A missing one is accepted."""
    path = folder / FILE_NAME
    received = path.read_text(encoding="utf-8", errors="replace") if path.exists() else description
    if received != description:
        raise UserError(
            f"{path} should describe the features in its folder, but does not match the name of the folder, so the "
            f"features cannot be trusted. Received: {received[:200]!r}. Delete the folder {folder}; what is needed of "
            "it will be computed again."
        )
