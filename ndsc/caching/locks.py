"""Advisory locks on files. The kernel releases the locks of a process when it ends, even if it is killed.

No result depends on them: on a file system without locks, work may be done twice, with the same result.
"""

import errno
import fcntl
import logging
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum, auto
from pathlib import Path

from filelock import FileLock, Timeout

from ndsc.caching.atomic import is_write_refused

log = logging.getLogger(__name__)

CLAIM = "used"
NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})


class LockState(Enum):
    """The result of an attempt to lock a file."""

    HELD = auto()
    BUSY = auto()
    UNSUPPORTED = auto()


def file_lock(path: Path) -> FileLock:
    """Return an exclusive lock on `path`, not yet acquired. The file is created, but its content never changes."""
    return FileLock(path, fallback_to_soft=False)


def acquire(lock: FileLock, *, wait: bool = False) -> LockState:
    """Acquire an exclusive lock; the state is `BUSY` only if `wait` is false.

    Raises:
        OSError: the file cannot be opened.
    """
    try:
        lock.acquire(blocking=wait)
    except Timeout:
        return LockState.BUSY
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        return LockState.UNSUPPORTED
    return LockState.HELD


@contextmanager
def exclusive_lock(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on the file `path`. If another process holds it, its name is logged, and it is waited for.

    Raises:
        OSError: the file cannot be created or opened.
    """
    lock = file_lock(path)
    state = acquire(lock)
    if state is LockState.BUSY:
        owner = path.read_text(errors="replace") or "another process"
        log.info("Waiting for %s, which writes to the same folder (%s).", owner, path.parent)
        state = acquire(lock, wait=True)
    if state is LockState.UNSUPPORTED:
        log.info("%s has no locks: processes that write to it at once may do the same work twice.", path.parent)
    try:
        _write_owner(path)
        yield
    finally:
        lock.release()


def claim(folder: Path) -> int:
    """Create `folder`, record that it is used now, and protect it from being pruned.

    Returns:
        An open file. Closing it ends the protection.

    Raises:
        OSError: the folder does not exist and cannot be created.
    """
    path = folder / CLAIM
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            file = _open_claim(path)
        except FileNotFoundError:
            continue  # The folder was pruned between the two lines.
        try:
            # The only shared lock, which filelock does not have for plain files.
            fcntl.flock(file, fcntl.LOCK_SH)
        except OSError as error:
            if error.errno not in NO_LOCKS:
                os.close(file)
                raise
        with suppress(FileNotFoundError):
            if os.path.samestat(path.stat(), os.fstat(file)):
                return file
        os.close(file)  # The folder was pruned while this process waited for the lock.


@contextmanager
def unclaimed(folder: Path) -> Iterator[bool]:
    """Tell whether no process has claimed `folder`, and prevent claims until the end of the block.

    The value is false on a file system without locks.

    Raises:
        OSError: the file cannot be created or opened.
    """
    lock = file_lock(folder / CLAIM)
    try:
        yield acquire(lock) is LockState.HELD
    finally:
        lock.release()


def _open_claim(path: Path) -> int:
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        if not is_write_refused(error) or not path.exists():
            raise
        return os.open(path, os.O_RDONLY)  # This is enough for a shared lock.
    os.utime(file)
    return file


def _write_owner(path: Path) -> None:
    try:
        path.write_text(f"process {os.getpid()} on {platform.node()}")
    except OSError as error:
        if not is_write_refused(error):  # On a full disk the lock works without a name.
            raise
