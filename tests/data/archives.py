"""Small real archives for the tests, and what `tarfile` says of them."""

import io
import tarfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


def content(name: str, size: int = 2000) -> bytes:
    """Bytes that no other name has and that gzip cannot make smaller, like those of photos."""
    return np.random.default_rng(list(name.encode())).bytes(size)


def tar_bytes(names: Iterable[str], tar_format: int = tarfile.GNU_FORMAT, size: int = 2000) -> bytes:
    """An archive of regular files with these names and their `content`."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tar_format) as archive:
        for name in names:
            add(archive, name, content(name, size))
    return buffer.getvalue()


def add(archive: tarfile.TarFile, name: str, data: bytes = b"", **fields: object) -> None:
    """Add a member; `fields` are those of TarInfo."""
    member = tarfile.TarInfo(name)
    member.size = len(data)
    for field, value in fields.items():
        setattr(member, field, value)
    archive.addfile(member, io.BytesIO(data) if data else None)


def with_checksum(header: bytes) -> bytes:
    """The header with the checksum that its other bytes ask for."""
    blanked = header[:148] + b" " * 8 + header[156:]
    return blanked[:148] + b"%06o\0 " % sum(blanked) + blanked[156:]


def by_tarfile(path: Path) -> list[tuple[str, int, int]]:
    """Name, offset and size of the regular files that `tarfile` finds and that lie within the file."""
    end = path.stat().st_size
    with tarfile.open(path, "r:", ignore_zeros=True) as archive:
        whole = [member for member in archive if member.isreg() and not member.issparse()]
    return [
        (
            member.name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"),
            member.offset_data,
            member.size,
        )
        for member in whole
        if member.offset_data + member.size <= end
    ]
