"""Digests of bytes and files, by which content is recognized wherever it is stored."""

import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from ndsc.errors import UserError

SAMPLES = 16
SAMPLE_BYTES = 4096


def content_hash(data: bytes | str) -> str:
    """Return the BLAKE2b hash of bytes, or of a text in UTF-8, as 32 hex digits."""
    return combined_hash([data])


def combined_hash(parts: Iterable[bytes | memoryview | str]) -> str:
    """Return the `content_hash` of the concatenated parts, which are consumed one by one."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(part.encode() if isinstance(part, str) else part)
    return digest.hexdigest()


def file_digest(path: Path) -> str:
    """Return the SHA-256 digest of a whole file as 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_signature(path: Path) -> str:
    """Return 32 hex digits that change with the size, the modification time or a sampled block of a file.

    Raises:
        UserError: the file cannot be read.
    """
    return _signature(path, lambda status: f"{status.st_size} {status.st_mtime_ns}")


def content_signature(path: Path) -> str:
    """Like `file_signature`, but equal for copies made at different times.

    Raises:
        UserError: the file cannot be read.
    """
    return _signature(path, lambda status: str(status.st_size))


def sampled_offsets(size: int) -> list[int]:
    """Return the offsets of the sampled blocks of a file of `size` bytes, evenly spaced from its start to its end."""
    return [max(0, size - SAMPLE_BYTES) * sample // (SAMPLES - 1) for sample in range(SAMPLES)]


def sampled_digest(description: str, blocks: Iterable[bytes]) -> str:
    """Return 32 hex digits of a file's description and its sampled blocks."""
    return combined_hash([description, *blocks])


def _signature(path: Path, describe: Callable[[os.stat_result], str]) -> str:
    if not path.is_file():
        raise UserError(f"A file was expected. Received: {path}, which does not exist or is not a file. Fix the path.")
    try:
        with path.open("rb", buffering=0) as file:
            status = os.fstat(file.fileno())
            blocks = [os.pread(file.fileno(), SAMPLE_BYTES, offset) for offset in sampled_offsets(status.st_size)]
    except OSError as error:
        raise UserError(
            f"A readable file was expected. Received: {path} ({error.strerror}). Fix the path or its permissions."
        ) from error
    return sampled_digest(describe(status), blocks)
