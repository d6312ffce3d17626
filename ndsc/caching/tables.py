"""Arrow tables in the cache, memory-mapped and behind a digest, so that a damaged file is never used."""

import hashlib
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from ndsc.caching.atomic import atomic_cache_write
from ndsc.errors import UserError

log = logging.getLogger(__name__)

MAGIC = b"ndsc table 1".ljust(32, b"\0")
# The digest stands before the Arrow file and both together fill 64 bytes, which keeps Arrow's buffers aligned.
START = len(MAGIC) + hashlib.sha256().digest_size
FACTS = b"ndsc"


def save_table(path: Path, table: pa.Table, facts: dict[str, Any]) -> None:
    """Write a table and facts about it, which are plain JSON, atomically.

    Raises:
        UserError: the disk is full or cannot be written.
    """
    described = table.replace_schema_metadata({FACTS: json.dumps(facts).encode()})
    with atomic_cache_write(path) as temporary:
        with temporary.open("wb") as file:
            file.write(bytes(START))
            with pa.ipc.new_file(file, described.schema) as writer:
                writer.write_table(described)
        _write_digest(temporary)
    # Arrow keeps what it has freed: 150 MB after making NDSC's catalogue, for the rest of the run.
    pa.default_memory_pool().release_unused()


def load_table(path: Path) -> tuple[pa.Table, dict[str, Any]] | None:
    """Return what `save_table` wrote, memory-mapped without a copy; None if the file is missing or damaged."""
    if not path.exists():
        return None
    content = pa.memory_map(str(path)).read_buffer()
    found = memoryview(content).cast("B")
    if found[: len(MAGIC)] != MAGIC or found[len(MAGIC) : START] != hashlib.sha256(found[START:]).digest():
        log.warning("%s is damaged or was written by another version; it is computed again.", path)
        return None
    table = pa.ipc.open_file(content.slice(START)).read_all()
    return table.replace_schema_metadata(), json.loads(table.schema.metadata[FACTS])


def load_or_make(path: Path, make: Callable[[], tuple[pa.Table, dict[str, Any]]]) -> tuple[pa.Table, dict[str, Any]]:
    """Return the table at `path` and its facts; if there is none, the one that `make` returns is written first.

    Raises:
        UserError: the disk is full or cannot be written.
    """
    loaded = load_table(path)
    if loaded is None:
        save_table(path, *make())
        loaded = load_table(path)
    if loaded is None:
        raise UserError(
            f"A cache on a working disk was expected. Received: {path}, which cannot be read back. Check the disk."
        )
    return loaded


def _write_digest(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(START)
        digest = hashlib.file_digest(file, "sha256").digest()
        file.seek(0)
        file.write(MAGIC + digest)
