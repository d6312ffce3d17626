"""The cache of the backbone's outputs for photos: computed once, and found by every later run.

A feature is found by the content hash of the photo, the number of the view, and a fingerprint of everything else that
shapes its numbers. Each fingerprint has its own folder, which can be copied and shared, as nothing in it depends on its
location. Several processes can read and write it at the same time.
"""

import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

import numpy as np

from ndsc.caching.atomic import is_write_refused
from ndsc.caching.digests import content_hash
from ndsc.caching.locks import claim, exclusive_lock
from ndsc.errors import UserError
from ndsc.features.store import fingerprint as fingerprints
from ndsc.features.store.index import FeatureRows, Index
from ndsc.features.store.segments import (
    INDEX,
    Overflow,
    SegmentReader,
    SegmentWriter,
    checksums,
    keys_of,
    open_writer,
    records_of,
)

log = logging.getLogger(__name__)

FOLDER, FILLING = "features", "filling"
VERIFIED_AT_ONCE = 64 * 2**20  # Bytes of rows between two calls of `advance`.


class FeatureStore:
    """The rows of one fingerprint. Use it in a `with` statement, in one thread, and not across a fork."""

    def __init__(self, folder: Path, description: str, row_type: np.dtype) -> None:
        self._folder, self._description, self._row_type = folder, description, row_type
        self._resources = ExitStack()
        self._claim: int | None = None
        self._writer: SegmentWriter | None = None
        self._overflow: Overflow | None = None
        self._segments: dict[str, SegmentReader | Overflow] = {}
        self._index = Index()
        self._is_current = False

    @classmethod
    def open(cls, cache_root: Path, fingerprint: Mapping[str, object], shape: Sequence[int], dtype: str) -> Self:
        """Open the store of `fingerprint`, plain JSON, whose rows have `shape` and `dtype`, or create it.

        A full or read-only disk is no error: the rows on it can be read, and `append` warns.

        Raises:
            UserError: the folder has other content, or a file is in its place.
        """
        description = fingerprints.describe(fingerprint, shape, dtype)
        folder = cache_root / FOLDER / content_hash(description)
        fingerprints.check(folder, description)
        store = cls(folder, description, fingerprints.row_dtype(shape, dtype))
        try:
            store._create()
        except (FileExistsError, NotADirectoryError) as error:
            raise UserError(
                f"cache.root should be a folder that features can be stored in. Received: {cache_root}, where "
                f"{error.filename} is not a folder. Choose another folder, or move that file."
            ) from error
        except OSError as error:
            if not is_write_refused(error):
                raise
        return store

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the files for other processes. Rows from `rows` stay valid."""
        self._resources.close()

    def find(
        self, contents: np.ndarray, views: np.ndarray, advance: Callable[[int], None] = lambda _count: None
    ) -> np.ndarray:
        """Return whether each photo of `contents` (n, 16) uint8 in `views` (n,) has an undamaged row, as (n,) bool.

        The checksum of a row is verified once, when it is first looked up. `advance` receives the number of rows.
        """
        return self._search(contents, views, advance) >= 0

    def rows(self, contents: np.ndarray, views: np.ndarray) -> FeatureRows:
        """Return the rows of the photos `contents` (n, 16) uint8 in `views` (n,). LookupError if one is missing."""
        positions = self._search(contents, views, lambda _count: None)
        if missing := np.count_nonzero(positions < 0):
            raise LookupError(f"{missing} of {len(positions)} rows are not in the store; append what `find` misses.")
        found = self._index.entries[positions]
        return FeatureRows(self._blocks(), found["segment"], found["row"], self._row_type)

    def append(self, contents: np.ndarray, views: np.ndarray, rows: np.ndarray) -> None:
        """Store `rows` (n, *shape), of the store's dtype, of the photos `contents` (n, 16) uint8 in `views` (n,).

        If the disk is full or read-only, a warning is logged once, and rows stay in this process from then on.

        Raises:
            UserError: there is no space for them either.
            ValueError: the shapes or the dtype are wrong.
        """
        if rows.shape[1:] != self._row_type.shape or rows.dtype.newbyteorder("<") != self._row_type.base:
            expected = f"(n, *{self._row_type.shape}) {self._row_type.base}"
            raise ValueError(f"Expected rows {expected}. Received: {rows.shape} {rows.dtype}")
        rows = np.ascontiguousarray(rows, self._row_type.base)
        records = records_of(keys_of(contents, views), rows)
        self._is_current = False
        if self._overflow is None:
            try:
                self._open_writer().append(records, rows)
                return
            except OSError as error:
                if not is_write_refused(error):
                    raise
                self._log_overflow(error, rows.nbytes)
                self._overflow = self._segments["overflow"] = Overflow(self._row_type)
                self._resources.callback(self._overflow.close)
        self._overflow.append(records, rows)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Wait until no other process fills this store, and load its rows, so that only missing ones are computed."""
        with ExitStack() as stack:
            try:
                self._create()
                stack.enter_context(exclusive_lock(self._folder / FILLING))
            except OSError as error:
                if not is_write_refused(error):  # Nobody can fill a store that cannot be written.
                    raise
            self.refresh()
            yield

    def refresh(self) -> None:
        """Load the index of rows that other processes have appended since the last call."""
        for index in sorted(self._folder.glob(f"*{INDEX}")):
            if index.name not in self._segments:
                self._segments[index.name] = SegmentReader(index, self._row_type)
        added = []
        for number, (name, segment) in enumerate(self._segments.items()):
            try:
                added.append((number, *segment.new_records()))
            except OSError as error:
                log.warning("%s in %s cannot be read (%s): its rows are missing.", name, self._folder, error.strerror)
        self._index.add(added)
        self._is_current = True

    def _create(self) -> None:
        if self._claim is None:
            self._claim = claim(self._folder)
            self._resources.callback(os.close, self._claim)
        fingerprints.write(self._folder, self._description)

    def _open_writer(self) -> SegmentWriter:
        if self._writer is None:
            self._create()
            self._writer = open_writer(self._folder, self._row_type.itemsize)
            self._resources.callback(self._writer.close)
        return self._writer

    def _search(self, contents: np.ndarray, views: np.ndarray, advance: Callable[[int], None]) -> np.ndarray:
        if not self._is_current:
            self.refresh()
        keys = keys_of(contents, views)
        while True:
            positions = self._index.search(keys)
            damaged = self._verify(positions[positions >= 0], advance)
            if not len(damaged):
                return positions
            log.warning("%d cached features in %s are damaged, computed again.", len(damaged), self._folder)
            # If another process has computed a damaged row again, the next search finds that one.
            self._index.discard(damaged)

    def _verify(self, positions: np.ndarray, advance: Callable[[int], None]) -> np.ndarray:
        """Verify the checksums of entries where that is still to be done; return the positions of damaged ones."""
        entries, keys, blocks = self._index.entries, self._index.keys, self._blocks()
        new = np.unique(positions[~entries["verified"][positions]])
        on_disk = new[np.lexsort((entries["row"][new], entries["segment"][new]))]
        step = max(1, VERIFIED_AT_ONCE // self._row_type.itemsize)
        for part in (on_disk[start : start + step] for start in range(0, len(on_disk), step)):
            locations = zip(entries["segment"][part].tolist(), entries["row"][part].tolist(), strict=True)
            rows = (blocks[segment][row : row + 1] for segment, row in locations)  # Empty if the file was truncated.
            entries["verified"][part] = checksums(keys[part], rows) == entries["checksum"][part]
            advance(len(part))
        return new[~entries["verified"][new]]

    def _blocks(self) -> list[np.ndarray]:
        return [segment.rows for segment in self._segments.values()]

    def _log_overflow(self, error: OSError, size: int) -> None:
        existing = next(folder for folder in (self._folder, *self._folder.parents) if folder.exists())
        log.warning(
            "Features cannot be stored in %s: %s (%.1f MB needed, %.1f MB free). This run continues with the same "
            "result and stores them outside the cache; the next run computes them again. Free some space there "
            "(python -m ndsc.cache prune), or choose another folder: cache.root=<folder>.",
            self._folder,
            error.strerror,
            size / 1e6,
            shutil.disk_usage(existing).free / 1e6,
        )
