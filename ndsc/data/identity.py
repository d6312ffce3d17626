"""What data is, wherever it lies: a photo by its bytes; all that a configuration names without indexing anything, so
that a run can be recognized."""

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ndsc.data.catalogue import load_catalogue
from ndsc.data.ndsc_listings import files_of
from ndsc.data.places import place_content_signature, place_of
from ndsc.data.rendered.sample import RENDERER_VERSION
from ndsc.data.table_cache import content_signature, file_digest

if TYPE_CHECKING:
    from ndsc.config import Config


def content_hash(data: bytes) -> str:
    """32 hex digits of a photo's bytes: its identity everywhere."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def naming_data(config: "Config") -> tuple[object, ...]:
    """All settings that `data_digest` follows: where they are equal, it is."""
    return config.data, config.sampling.test.list, config.sampling.exclude


def data_digest(config: "Config") -> str:
    """32 hex digits that change with the data, but not with the folder that it lies in.

    Of archives and tables size and sampled blocks count; of photos in plain files name, label, size and time of the
    last change; of the sample the renderer's version; of `sampling.exclude` every byte.

    Raises:
        UserError: the data is not there.
    """
    data = config.data
    if data.source == "sample":
        parts = [f"rendered by version {RENDERER_VERSION}"]
    elif data.source == "ndsc":
        files = files_of(place_of(os.path.expanduser(data.root or ".")), Path(config.cache.root))
        parts = [f"{path.name} {place_content_signature(path)}" for path in files]
    else:
        parts = _plain_files(config)
    for table in (data.extra, config.sampling.test.list):
        parts.append("none" if table is None else content_signature(Path(table).expanduser()))
    if config.sampling.exclude is not None:
        path = Path(config.sampling.exclude).expanduser()
        # All of it, not samples only: a verdict that a person turned over is a letter or two.
        parts.append(f"without {content_signature(path)} {file_digest(path)}")
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()


def _plain_files(config: "Config") -> list[str]:
    rows = load_catalogue(config.data, Path(config.cache.root)).rows.select(["image_path", "label", "archive", "size"])
    return [f"{row['image_path']} {row['label']} {_state(row['archive'], row['size'])}" for row in rows.to_pylist()]


def _state(path: str, size: int | None) -> str:
    return "absent" if size is None else f"{size} {Path(path).stat().st_mtime_ns}"
