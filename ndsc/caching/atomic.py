"""Atomic writes: a reader finds a whole file or folder, or none, even after a crash or a power cut."""

import errno
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ndsc.errors import UserError

WRITE_REFUSALS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM})

TEMPORARY = re.compile(r"\..+\.[0-9a-f]{12}\.tmp")
ABANDONED_SECONDS = 24 * 3600


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Give a temporary path in the same folder, which replaces `path` at the end of the block.

    It is deleted if the block raises. Missing parent folders are created.

    Raises:
        OSError: the disk is full or cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary_path(path)
    try:
        yield temporary
        _flush_to_disk(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_cache_write(path: Path) -> Iterator[Path]:
    """Like `atomic_write`, for a file in the cache.

    Raises:
        UserError: the disk is full or cannot be written.
    """
    with cache_errors(path.parent), atomic_write(path) as temporary:
        yield temporary


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder, which is renamed to `path` at the end of the block.

    If another process has created `path` in the meantime, that one stays and the temporary folder is deleted. Temporary
    folders that killed processes have left beside it are deleted after a day.

    Raises:
        OSError: the disk is full or cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(path.parent)
    temporary = _temporary_path(path)
    temporary.mkdir()
    try:
        yield temporary
        publish_folder(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def publish_folder(finished: Path, path: Path) -> None:
    """Rename a folder to `path` on the same disk, unless another process has created `path` in the meantime.

    Raises:
        OSError: it cannot be renamed.
    """
    try:
        os.rename(finished, path)
    except OSError:
        if not path.is_dir():
            raise


@contextmanager
def cache_errors(folder: Path) -> Iterator[None]:
    """Turn an OSError that occurs while `folder` of the cache is written into a UserError."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"The cache must be writable. Received: {error.strerror or error} at {folder}. Free some space there "
            "or choose another folder: cache.root=<folder>."
        ) from error


def is_write_refused(error: OSError) -> bool:
    """Return whether the disk is full or cannot be written, which a run can work around."""
    return error.errno in WRITE_REFUSALS


def write_at(file: int, data: memoryview, offset: int) -> None:
    """Write all of `data`, a view of bytes, at `offset`.

    Raises:
        OSError: a part may have been written.
    """
    while data:
        written = os.pwrite(file, data, offset)
        data, offset = data[written:], offset + written


def _temporary_path(path: Path) -> Path:
    # The tempfile module creates files that only their owner can read, and a cache is shared.
    return path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")


def _remove_abandoned(parent: Path) -> None:
    for folder in parent.iterdir():
        if TEMPORARY.fullmatch(folder.name) and folder.is_dir():
            # Another process can delete it at the same time.
            with suppress(FileNotFoundError):
                if time.time() - folder.stat().st_mtime > ABANDONED_SECONDS:
                    shutil.rmtree(folder)


def _flush_to_disk(path: Path) -> None:
    """Make sure that a power cut cannot leave the new name on an empty file."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
