"""The sources that `data.source` names. Only this module knows the sample's renderer."""

import os
from dataclasses import replace
from pathlib import Path

from ndsc.config.schema import DataConfig
from ndsc.data.file_sources import TableSource
from ndsc.data.folder_source import FolderSource
from ndsc.data.ndsc_source import NdscSource
from ndsc.sample import render_sample
from ndsc.sample.sample import RENDERER_VERSION
from ndsc.storage.locations import location_of
from ndsc.storage.remote import is_remote

SAMPLE = "sample"
SAMPLE_VERSION = f"rendered by version {RENDERER_VERSION}"


# Each has `columns_beside`, `files`, `read` and `in_archives`. Where the photos are in archives, `files` covers their
# bytes; otherwise they are plain files, each of which may change.
Source = NdscSource | FolderSource | TableSource


def find_source(data: DataConfig, cache_root: Path) -> Source:
    """Return the source of the configured data, which must not be the sample (see `render_if_sample`)."""
    root = os.path.expanduser(data.root or ".")
    if data.source == "ndsc":
        return NdscSource(location_of(root), data.labels, cache_root)
    if data.source == "folder":
        return FolderSource(location_of(root), cache_root)
    folder = Path(os.path.abspath(root))
    table = folder / Path(data.table or "").expanduser()
    archive = (
        None
        if data.archive is None
        else location_of(data.archive if is_remote(data.archive) else folder / Path(data.archive).expanduser())
    )
    return TableSource(table, data.image_column, data.label_column, archive, cache_root)


def render_if_sample(data: DataConfig, cache_root: Path) -> DataConfig:
    """Return the settings of the data on disk: the sample has NDSC's layout once it is rendered into the cache."""
    if data.source != SAMPLE:
        return data
    folder = sample_folder(cache_root)
    return replace(data, source="ndsc", root=str(folder), metadata=data.metadata or str(folder / "sources.csv"))


def sample_folder(cache_root: Path) -> Path:
    """Return the folder of the rendered sample in the cache; it is rendered the first time."""
    return render_sample(cache_root / "sample")
