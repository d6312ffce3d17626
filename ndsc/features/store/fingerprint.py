"""What shapes the numbers of a cached feature, as plain data, and the name that follows from it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ndsc.caching.atomic import atomic_write
from ndsc.errors import UserError

FILE_NAME = "fingerprint.json"
FORMAT = 1  # Of the segments; another one is another fingerprint.


def describe(fingerprint: Mapping[str, object], shape: Sequence[int], dtype: str) -> str:
    """The canonical JSON text of a fingerprint, the shape and dtype of one row, and the format of the files.

    Raises TypeError or ValueError for what is not plain JSON (an array, a NaN), as it could not be told apart for sure.
    """
    content = {"format": FORMAT, "shape": list(shape), "dtype": np.dtype(dtype).name, "fingerprint": dict(fingerprint)}
    return json.dumps(content, sort_keys=True, allow_nan=False, indent=2)


def digest(description: str) -> str:
    """The 32 hexadecimal digits that name the folder of `description`, a text made by `describe`."""
    return hashlib.blake2b(description.encode(), digest_size=16).hexdigest()


def read(folder: Path) -> dict[str, Any] | None:
    """The description in `folder` as plain data; None where none can be read, or not that of the folder's name."""
    try:
        content = json.loads((folder / FILE_NAME).read_bytes())
        description = describe(content["fingerprint"], content["shape"], content["dtype"])
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return content if digest(description) == folder.name else None


def establish(folder: Path, description: str) -> None:
    """Write `description` into `folder` unless it is there. Raises OSError."""
    if not (folder / FILE_NAME).exists():
        with atomic_write(folder / FILE_NAME) as temporary:
            temporary.write_text(description, encoding="utf-8")


def check(folder: Path, description: str) -> None:
    """Raise UserError where `folder` holds a description other than the expected one; none at all is fine."""
    path = folder / FILE_NAME
    received = path.read_text(encoding="utf-8", errors="replace") if path.exists() else description
    if received != description:
        raise UserError(
            f"{path} should describe the features in its folder, and does not describe those that the folder is named "
            f"after, so nothing in it can be trusted. Received: {received[:200]!r}. Delete the folder {folder}; what "
            f"is needed of it will be computed again."
        )
