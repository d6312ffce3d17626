"""Tables kept on disk between runs: memory-mapped Arrow behind a digest, so that a damaged file is never believed."""

import hashlib
import json
import logging
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from ndsc.errors import UserError

log = logging.getLogger(__name__)

MAGIC = b"ndsc table 1".ljust(32, b"\0")
# The digest stands before the Arrow file and both together fill 64 bytes, which keeps Arrow's buffers aligned.
START = len(MAGIC) + hashlib.sha256().digest_size
FACTS = b"ndsc"

SAMPLES = 16
SAMPLE_BYTES = 4096


def file_signature(path: Path) -> str:
    """32 hex digits that change with the size, the modification time or any of some sampled blocks of the file.

    Raises:
        UserError: the file cannot be read.
    """
    return _signature(path, lambda status: f"{status.st_size} {status.st_mtime_ns}")


def content_signature(path: Path) -> str:
    """As `file_signature`, but the same for a copy made at another time.

    Raises:
        UserError: the file cannot be read.
    """
    return _signature(path, lambda status: str(status.st_size))


def _signature(path: Path, describe: Callable[[os.stat_result], str]) -> str:
    if not path.is_file():
        raise UserError(f"A file was expected. Received: {path}, which does not exist or is none. Mend the path.")
    try:
        with path.open("rb", buffering=0) as file:
            status = os.fstat(file.fileno())
            blocks = [os.pread(file.fileno(), SAMPLE_BYTES, offset) for offset in sampled_offsets(status.st_size)]
    except OSError as error:
        raise UserError(
            f"A readable file was expected. Received: {path} ({error.strerror}). Mend the path or its permissions."
        ) from error
    return sampled_digest(describe(status), blocks)


def sampled_offsets(size: int) -> list[int]:
    """Where the sampled blocks of a file of so many bytes begin: evenly from its first to its last."""
    return [max(0, size - SAMPLE_BYTES) * sample // (SAMPLES - 1) for sample in range(SAMPLES)]


def sampled_digest(described: str, blocks: Iterable[bytes]) -> str:
    """32 hex digits of what is said of a file and of its sampled blocks."""
    digest = hashlib.blake2b(described.encode(), digest_size=16)
    for block in blocks:
        digest.update(block)
    return digest.hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a whole file, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def save_table(path: Path, table: pa.Table, facts: dict[str, Any]) -> None:
    """Write a table and what is known about it (anything JSON can say), whole or not at all.

    Raises:
        UserError: the disk refuses, for instance because it is full.
    """
    described = table.replace_schema_metadata({FACTS: json.dumps(facts).encode()})
    with written_whole(path) as temporary:
        with temporary.open("wb") as file:
            file.write(bytes(START))
            with pa.ipc.new_file(file, described.schema) as writer:
                writer.write_table(described)
        _put_digest_in_front(temporary)
    # Arrow keeps what it has freed: 150 MB after making NDSC's catalogue, for the rest of the run.
    pa.default_memory_pool().release_unused()


def load_table(path: Path) -> tuple[pa.Table, dict[str, Any]] | None:
    """What `save_table` wrote, memory-mapped without a copy; None when there is no such file or it is damaged."""
    if not path.exists():
        return None
    content = pa.memory_map(str(path)).read_buffer()
    found = memoryview(content).cast("B")
    if found[: len(MAGIC)] != MAGIC or found[len(MAGIC) : START] != hashlib.sha256(found[START:]).digest():
        log.warning("%s is damaged or of another version; it is made anew.", path)
        return None
    table = pa.ipc.open_file(content.slice(START)).read_all()
    return table.replace_schema_metadata(), json.loads(table.schema.metadata[FACTS])


def load_or_make(path: Path, make: Callable[[], tuple[pa.Table, dict[str, Any]]]) -> tuple[pa.Table, dict[str, Any]]:
    """The table kept at `path`; when there is none, the one that `make` returns is kept there first.

    Raises:
        UserError: the disk refuses.
    """
    loaded = load_table(path)
    if loaded is None:
        save_table(path, *make())
        loaded = load_table(path)
    if loaded is None:
        raise UserError(f"A cache on a sound disk was expected. Received: {path}, which cannot be read back.")
    return loaded


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A temporary name in the same folder, which becomes `path` when the block ends well and vanishes when it does not.

    Raises:
        OSError: the disk refuses, for instance because it is full.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """The same for what goes into the cache.

    Raises:
        UserError: the disk refuses, for instance because it is full.
    """
    try:
        with replaced(path) as temporary:
            yield temporary
    except OSError as error:
        raise UserError(
            f"The cache must be writable. Received: {error.strerror or error} at {path.parent}. Free some space there "
            "or choose another folder: cache.root=<folder>."
        ) from error


def _put_digest_in_front(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(START)
        digest = hashlib.file_digest(file, "sha256").digest()
        file.seek(0)
        file.write(MAGIC + digest)
