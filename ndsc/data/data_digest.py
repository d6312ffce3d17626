"""What data is, wherever it lies: a photo by its bytes; all that a configuration names without indexing anything, so
that a run can be recognized."""

import hashlib
import os
from pathlib import Path

from ndsc.caching.tables import content_signature, file_digest
from ndsc.config.schema import DataConfig, SamplingConfig
from ndsc.data.catalogue import load_catalogue, photo_table_of
from ndsc.data.ndsc_source import files_of
from ndsc.sample.sample import RENDERER_VERSION
from ndsc.storage.archive import is_archive
from ndsc.storage.locations import Location, local_copy, location_content_signature, location_of


def content_hash(data: bytes) -> str:
    """32 hex digits of a photo's bytes: its identity everywhere."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def digest_inputs(data: DataConfig, sampling: SamplingConfig) -> tuple[object, ...]:
    """Return the settings that `data_digest` depends on."""
    return data, sampling.test.list, sampling.exclude


def data_digest(data: DataConfig, sampling: SamplingConfig, cache_root: Path) -> str:
    """32 hex digits that change with the data, but not with the folder that it lies in.

    Of tables every byte counts, as a label that a person mended is a letter or two; of archives, which are gigabytes,
    size and sampled blocks; of photos in plain files name, label, size and time of the last change; of the sample the
    renderer's version. A table on a server is fetched into the cache, where the run looks for it anyway.

    Raises:
        UserError: the data is not there.
    """
    if data.source == "sample":
        parts = [f"rendered by version {RENDERER_VERSION}"]
    elif data.source == "ndsc":
        files = files_of(location_of(os.path.expanduser(data.root or ".")), cache_root)
        parts = [f"{path.name} {_file_state(path, cache_root)}" for path in files]
    else:
        parts = _plain_files(data, cache_root)
    for table in (data.metadata, sampling.test.list, sampling.exclude):
        parts.append("none" if table is None else _table_state(Path(table).expanduser()))
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()


def _file_state(place: Location, cache_root: Path) -> str:
    return location_content_signature(place) if is_archive(place) else _table_state(local_copy(place, cache_root))


def _table_state(path: Path) -> str:
    # The signature adds nothing but its errors, which say in a sentence what is wrong with the path.
    return f"{content_signature(path)} {file_digest(path)}"


def _plain_files(data: DataConfig, cache_root: Path) -> list[str]:
    rows = load_catalogue(data, cache_root).rows.select(["image_path", "label", "archive", "size"])
    photos = [f"{row['image_path']} {row['label']} {_state(row['archive'], row['size'])}" for row in rows.to_pylist()]
    # A table may have further columns, by which a run is split.
    tables = [_table_state(photo_table_of(data))] if data.source == "table" else []
    return [*tables, *photos]


def _state(path: str, size: int | None) -> str:
    return "absent" if size is None else f"{size} {Path(path).stat().st_mtime_ns}"
