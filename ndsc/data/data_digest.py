"""The digest of the configured data, by which a run is recognized without indexing any archive."""

import os
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pyarrow as pa

from ndsc.caching.digests import combined_hash, content_signature, file_digest
from ndsc.config.schema import DataConfig, SamplingConfig
from ndsc.data.sources import SAMPLE, SAMPLE_VERSION, find_source
from ndsc.storage.archive import is_archive
from ndsc.storage.locations import Location, local_copy, location_content_signature

ROWS_AT_ONCE = 4096


def digest_inputs(data: DataConfig, sampling: SamplingConfig) -> tuple[object, ...]:
    """Return the settings that `data_digest` depends on."""
    return data, sampling.test.list, sampling.exclude


def data_digest(data: DataConfig, sampling: SamplingConfig, cache_root: Path) -> str:
    """Return 32 hex digits that change with the data, but not with the folder that holds it.

    Of tables every byte counts, as a corrected label is a letter or two; of archives, which are gigabytes, size and
    sampled blocks; of photos in plain files name, label, size and time of the last change; of the sample the renderer's
    version. A table on a server is fetched into the cache, where the run needs it anyway.

    Raises:
        UserError: the data is missing.
    """
    tables = (
        "none" if table is None else _table_state(Path(table).expanduser())
        for table in (data.metadata, sampling.test.list, sampling.exclude)
    )
    return combined_hash(f"{part}\n" for part in chain(_source_parts(data, cache_root), tables))


def _source_parts(data: DataConfig, cache_root: Path) -> Iterator[str]:
    if data.source == SAMPLE:
        yield SAMPLE_VERSION
        return
    source = find_source(data, cache_root)
    for path in source.files():
        yield f"{path.name} {_file_state(path, cache_root)}"
    if not source.in_archives:
        yield from _photo_states(source.read()[0])


def _file_state(path: Location, cache_root: Path) -> str:
    return location_content_signature(path) if is_archive(path) else _table_state(local_copy(path, cache_root))


def _table_state(path: Path) -> str:
    # The signature adds nothing but its errors, which say in a sentence what is wrong with the path.
    return f"{content_signature(path)} {file_digest(path)}"


def _photo_states(rows: pa.Table) -> Iterator[str]:
    """The states of photos in plain files, a few thousand at a time."""
    for batch in rows.select(["image_path", "label", "archive", "size"]).to_batches(max_chunksize=ROWS_AT_ONCE):
        for image_path, label, path, size in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            state = "absent" if size is None else f"{size} {os.stat(path).st_mtime_ns}"
            yield f"{image_path} {label} {state}"
