"""Advisory locks on files. The kernel holds them for a process and releases them when it ends, however it ends.

Nothing that is right depends on them: where a file system has none, work may be done twice, with the same result.
"""

import errno
import fcntl
import logging
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, auto
from pathlib import Path

from ndsc.caching.disk import refused, write_at

logger = logging.getLogger(__name__)

CLAIM, FILLING = "used", "filling"
NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})


class Outcome(Enum):
    """What became of the wish for a lock."""

    HELD = auto()
    BUSY = auto()
    UNSUPPORTED = auto()


def lock(file: int, *, shared: bool = False, wait: bool = False) -> Outcome:
    """Lock an open file until it is closed; `BUSY` only where `wait` is false. Raises OSError."""
    operation = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB)
    try:
        fcntl.flock(file, operation)
    except BlockingIOError:
        return Outcome.BUSY
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        return Outcome.UNSUPPORTED
    return Outcome.HELD


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold `path` locked; waits for the process that holds it, and says which one. Raises OSError."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        outcome = lock(file)
        if outcome is Outcome.BUSY:
            logger.info("Waiting for %s, which fills the same cache (%s).", _owner(file), path.parent)
            outcome = lock(file, wait=True)
        if outcome is Outcome.UNSUPPORTED:
            logger.info("%s has no locks: runs that fill it at once may do the same work twice.", path.parent)
        _sign(file)
        try:
            yield
        finally:
            if outcome is Outcome.HELD:
                # Closing is not enough where a forked child still has the file open.
                fcntl.flock(file, fcntl.LOCK_UN)
    finally:
        os.close(file)


def claim(folder: Path) -> int:
    """Make `folder`, note that it is used now, and keep it from being pruned until the returned file is closed.

    Raises OSError where the folder is neither there nor can be made.
    """
    path = folder / CLAIM
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            file = _open_for_lock(path)
        except FileNotFoundError:
            continue  # Pruned between the two lines.
        lock(file, shared=True, wait=True)
        if _is_still(path, file):
            return file
        os.close(file)  # Pruned while this process waited for the lock.


@contextmanager
def unclaimed(folder: Path) -> Iterator[bool]:
    """Whether no process has claimed `folder`; if so, none can before the end. False also where there are no locks.

    Raises OSError.
    """
    file = os.open(folder / CLAIM, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        yield lock(file) is Outcome.HELD
    finally:
        os.close(file)


def _open_for_lock(path: Path) -> int:
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        if not refused(error) or not path.exists():
            raise
        return os.open(path, os.O_RDONLY)  # Enough for a shared lock on what may only be read.
    os.utime(file)
    return file


def _is_still(path: Path, file: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(file))
    except FileNotFoundError:
        return False


def _owner(file: int) -> str:
    return os.pread(file, 200, 0).decode(errors="replace") or "another process"


def _sign(file: int) -> None:
    try:
        os.ftruncate(file, 0)
        write_at(file, memoryview(f"process {os.getpid()} on {platform.node()}".encode()), 0)
    except OSError as error:
        if not refused(error):  # On a full disk the lock holds all the same, without a name.
            raise
