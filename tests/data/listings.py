"""Small real data for the tests: photos in a tar, and the catalogue of their listings."""

import io
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from ndsc.config.schema import SamplingConfig, SplitConfig, TestConfig
from ndsc.data.catalogue import Catalogue


def catalogue_of(rows: Iterable[tuple[str, str]], **columns: Sequence[object]) -> Catalogue:
    """Listings of (image_path, label), with further columns, whose photos lie nowhere."""
    paths, labels = zip(*rows, strict=True)
    table = {
        "image_path": pa.array(paths, pa.string()),
        "label": pa.array(labels, pa.string()),
        "category": pa.nulls(len(paths), pa.string()),
        "archive": pa.array(["photos.tar"] * len(paths)).dictionary_encode(),
        "offset": pa.array([0] * len(paths), pa.int64()),
        "size": pa.array([0] * len(paths), pa.int64()),
        **columns,
    }
    return Catalogue(pa.table(table), {}, tuple(sorted(set(labels))))


def photo_catalogue(
    folder: Path, photos: Mapping[str, bytes | None], labels: Mapping[str, str], **columns: Sequence[object]
) -> Catalogue:
    """Listings with real photos in `folder/photos.tar`, by path; None for one that is listed but absent."""
    archive, offsets = folder / "photos.tar", {}
    with tarfile.open(archive, "w") as tar:
        for path, data in photos.items():
            if data is not None:
                member = tarfile.TarInfo(path)
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    with tarfile.open(archive) as tar:
        offsets = {member.name: member.offset_data for member in tar}
    catalogue = catalogue_of([(path, labels[path]) for path in photos], **columns)
    rows = catalogue.rows.drop_columns(["archive", "offset", "size"])
    rows = rows.append_column("archive", pa.array([str(archive)] * len(photos)).dictionary_encode())
    rows = rows.append_column("offset", pa.array([offsets.get(path) for path in photos], pa.int64()))
    rows = rows.append_column("size", pa.array([None if data is None else len(data) for data in photos.values()]))
    return Catalogue(rows, {}, catalogue.classes)


def sampling(per_class: int | None = None, fraction: float = 1.0, test: int = 0, **more: object) -> SamplingConfig:
    """So many a class, and so many test photos out of a pool of 30 (or as `pool` and `list` say)."""
    pool, listed = more.get("pool", 30), more.get("list")
    return SamplingConfig(per_class, fraction, max_rejected=0.05, test=TestConfig(test, pool, listed))


def split(
    kind: str = "random", by: str | None = None, validation: float = 0.2, duplicates: str = "exact"
) -> SplitConfig:
    """Which side."""
    return SplitConfig(kind, validation, by, duplicates)
