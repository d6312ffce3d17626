"""Small real archives for the tests, and what `tarfile` says of them."""

import io
import random
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
    """Return the header with a valid checksum."""
    blanked = header[:148] + b" " * 8 + header[156:]
    return blanked[:148] + b"%06o\0 " % sum(blanked) + blanked[156:]


def by_tarfile(path: Path) -> list[tuple[str, int, int]]:
    """Name, offset and size of the regular files that `tarfile` finds and that lie within the file.

    Without those that state a checksum of 0: `tarfile` takes noise for a header whose signed bytes add up to it.
    """
    end = path.stat().st_size
    with tarfile.open(path, "r:", ignore_zeros=True) as archive:
        whole = [member for member in archive if member.isreg() and not member.issparse() and member.chksum]
    return [
        (
            member.name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"),
            member.offset_data,
            member.size,
        )
        for member in whole
        if member.offset_data + member.size <= end
    ]


def linked_tar_bytes(tar_format: int = tarfile.GNU_FORMAT) -> bytes:
    """Photos, and links of every kind: to them, to each other, to a folder, to nothing, to themselves."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tar_format) as archive:
        for name in ("./a/1.jpg", "a/2.jpg", "n" * 150 + "/3.jpg"):
            add(archive, name, content(name, 700))
        for name, target in LINKS.items():
            hard = name.startswith("hard/")
            add(archive, name, type=tarfile.LNKTYPE if hard else tarfile.SYMTYPE, linkname=target)
        add(archive, "a/4.jpg", content("a/4.jpg", 700))
    return buffer.getvalue()


# The targets of links by name: those of hard links begin at the top, those of symbolic links in their own folder.
LINKS = {
    "hard/1.jpg": "a/1.jpg",
    "hard/2.jpg": "a/2.jpg",
    "hard/3.jpg": "n" * 150 + "/3.jpg",
    "hard/" + "m" * 150 + ".jpg": "hard/2.jpg",
    "a/soft.jpg": "2.jpg",
    "soft/up.jpg": "../a/soft.jpg",
    "soft/folder": "../a",
    "soft/nothing.jpg": "2.jpg",
    "soft/outside.jpg": "/etc/passwd",
    "soft/itself.jpg": "itself.jpg",
}


def odd_tar_bytes(tar_format: int = tarfile.GNU_FORMAT) -> bytes:
    """Two archives, one behind the other, with all that an archive can hold beside photos, and names that would lead
    out of any folder."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tar_format) as archive:
        for name in ("a/1.jpg", "/etc/absolute.jpg", "../../up.jpg", "a/1.jpg", "d/" * 90 + "x.jpg"):
            add(archive, name, content(name, 700))
        add(archive, "a", type=tarfile.DIRTYPE)
        add(archive, "a/link.jpg", type=tarfile.SYMTYPE, linkname="/etc/passwd")
        add(archive, "a/hard.jpg", type=tarfile.LNKTYPE, linkname="../../up.jpg")
        add(archive, "a/device", type=tarfile.CHRTYPE)
        add(archive, "a/pipe", type=tarfile.FIFOTYPE)
        add(archive, "a/2.jpg", content("a/2.jpg", 700))
    return buffer.getvalue() + tar_bytes(["a/3.jpg"], tar_format, size=700)


def mutated(good: bytes, dice: random.Random) -> bytes:
    """Cut off, bits flipped, or a stretch replaced by noise of another length."""
    data = bytearray(good)
    kind = dice.choice(["cut", "flip", "splice", "blocks"])
    at = dice.randrange(len(data))
    if kind == "cut":
        del data[at:]
    elif kind == "flip":
        for _ in range(20):
            data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    elif kind == "splice":
        data[at : at + dice.randrange(3000)] = dice.randbytes(dice.randrange(3000))
    else:
        start = at // 512 * 512
        data[start : start + 512 * dice.randrange(8)] = content("noise", 512 * dice.randrange(4))
    return bytes(data)
