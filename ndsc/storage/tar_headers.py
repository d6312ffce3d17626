"""The headers of a tar file: pure functions from blocks of 512 bytes to values, which trust no input."""

import re
import zlib
from typing import NamedTuple

import numpy as np

from ndsc.storage.byte_sources import ByteSource

BLOCK = 512
# The largest number of bytes that a member may claim. Sums of two such numbers still fit into 64 bits.
LARGEST = 1 << 62
SEARCH_WINDOW = 128 * BLOCK

GNU_EXTENSIONS = (b"L", b"K", b"S")
_CHECKSUM = slice(148, 156)
# Mode, owner, time and devices are not used, but where one is invalid `tarfile` rejects the whole header. One regular
# expression accepts what nearly all writers write.
_UNUSED = (slice(100, 108), slice(108, 116), slice(116, 124), slice(136, 148), slice(329, 337), slice(337, 345))
_USUAL_UNUSED = re.compile(rb"(?:[0-7]{7}[\0 ]){3}[0-7]{11}[\0 ](?:\0{8}|[0-7]{7}[\0 ]){2}")
_PAX_RECORD = re.compile(rb"(\d{1,20}) ([^=]+)=")


class DamagedHeader(Exception):
    """The block is no header: its checksum is wrong, or a number in it is invalid."""


class TarHeader(NamedTuple):
    """A member's name, its size in bytes, and its kind, one byte."""

    name: str
    size: int
    kind: bytes


def parse_header(block: bytes) -> TarHeader:
    """Parse a block of 512 bytes.

    Raises:
        DamagedHeader: it is no header.
    """
    if not _checksum_matches(block):
        raise DamagedHeader
    if not _USUAL_UNUSED.fullmatch(block[100:124] + block[136:148] + block[329:345]):
        for field in _UNUSED:
            _check_number(block[field])
    name, kind = parse_text(block[:100]), block[156:157]
    # The prefix is a POSIX field, but `tarfile` and others use it whatever the header's magic is.
    if block[345] and kind not in GNU_EXTENSIONS:
        name = f"{parse_text(block[345:500])}/{name}"
    if kind == b"\0":
        # In the oldest format a folder is a file whose name ends in a slash.
        kind = b"5" if name.endswith("/") else b"0"
    return TarHeader(name, parse_number(block[124:136]), kind)


def parse_text(field: bytes) -> str:
    """Return the text before the first zero byte. Bytes that are not UTF-8 become escapes such as \\xff."""
    return field.partition(b"\0")[0].decode("utf-8", "backslashreplace")


def parse_number(field: bytes) -> int:
    """Parse a number in octal digits, or in base 256 after a byte of 0x80, from 0 to LARGEST.

    Raises:
        DamagedHeader: it is neither, or out of range.
    """
    try:
        number = int(field.rstrip(b" \0"), 8)
    except ValueError:
        number = _unusual_number(field)
    if not 0 <= number <= LARGEST:
        raise DamagedHeader
    return number


def parse_pax(records: bytes) -> dict[str, str]:
    """Parse the records `length key=value` of a PAX header, up to the first malformed one."""
    values = {}
    position = 0
    while match := _PAX_RECORD.match(records, position):
        end = position + int(match[1])
        if end <= match.end() or end > len(records):
            break
        values[match[2].decode("utf-8", "backslashreplace")] = records[match.end() : end - 1].decode(
            "utf-8", "backslashreplace"
        )
        position = end
    return values


def padded(size: int) -> int:
    """Return the space that `size` bytes take in the archive: full blocks."""
    return size + -size % BLOCK


def find_header(source: ByteSource, offset: int) -> int | None:
    """Return the offset of the first header at or a number of blocks after `offset`; None when there is none."""
    while window := source.read_at(offset, SEARCH_WINDOW):
        blocks = np.frombuffer(window, np.uint8, len(window) // BLOCK * BLOCK).reshape(-1, BLOCK)
        for row in _plausible(blocks):
            try:
                parse_header(window[row * BLOCK : (row + 1) * BLOCK])
            except DamagedHeader:
                continue
            return offset + int(row) * BLOCK
        offset += SEARCH_WINDOW
    return None


def _check_number(field: bytes) -> None:
    if field[0] != 0xFF:  # a negative number in base 256: a time before 1970
        _unusual_number(field)


def _unusual_number(field: bytes) -> int:
    if field[0] == 0x80:
        return int.from_bytes(field[1:])
    try:
        return int(field.partition(b"\0")[0].decode("ascii").strip() or "0", 8)
    except ValueError as error:
        raise DamagedHeader from error


def _plausible(blocks: np.ndarray) -> np.ndarray:
    """Return the rows whose checksum field begins with octal digits or blanks; after a zero byte it may hold anything.

    This skips gigabytes of zeros or photos, which would take minutes block by block in Python.
    """
    field = blocks[:, _CHECKSUM]
    ended = np.logical_or.accumulate(field == 0, axis=1)
    allowed = ((field >= ord("0")) & (field <= ord("7"))) | (field == ord(" ")) | ended
    return np.flatnonzero(allowed.all(axis=1) & ~ended[:, 0])


def _checksum_matches(block: bytes) -> bool:
    """Whether the sum of all bytes, with blanks instead of the checksum itself, is the one stated."""
    blanked = block[:148] + b" " * 8 + block[156:]
    stated = parse_number(block[_CHECKSUM])
    if not stated:
        return False  # the blanks alone make 256; as signed bytes, noise can add up to nothing
    if blanked.isascii():
        # The low half of Adler-32 is 1 + the sum modulo 65,521, which 512 bytes of ASCII cannot reach. `sum` takes
        # ten times as long, and indexing spends its time on checksums.
        return (zlib.adler32(blanked) & 0xFFFF) == stated + 1
    # Some old writers summed signed bytes.
    return stated in (sum(blanked), sum(memoryview(blanked).cast("b")))
