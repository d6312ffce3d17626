"""Writing to a disk that may be full, read-only or about to lose its power."""

import errno
import os
import secrets
from pathlib import Path

REFUSALS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM})


def refused(error: OSError) -> bool:
    """Whether `error` says that the disk is full or may not be written to, which a run can do without."""
    return error.errno in REFUSALS


def write_at(file: int, data: memoryview, offset: int) -> None:
    """Write all of `data`, a view of bytes, at `offset`. Raises OSError; a part may have been written then."""
    while data:
        written = os.pwrite(file, data, offset)
        data, offset = data[written:], offset + written


def write_whole(path: Path, text: str) -> None:
    """Write `text` to `path` so that a reader finds all of it or nothing. Raises OSError."""
    # Not tempfile: its files can be read by their owner only, and a cache is shared.
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("x", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            # Without this a power cut may leave the new name on an empty file.
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
