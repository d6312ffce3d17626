"""The cache of what a frozen backbone makes of photos: computed once, found again by every run.

A feature is found by the content hash of the photo, the number of the view, and a fingerprint of everything else that
shapes its numbers. A fingerprint has a folder of its own, in which nothing depends on where it is, so that it may be
copied or shared. Several processes may read and write it at once.
"""

import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol, Self

import numpy as np

from ndsc.caching.atomic import is_write_refused
from ndsc.caching.locks import claim, exclusive_lock
from ndsc.errors import UserError
from ndsc.features.store import fingerprint as fingerprints
from ndsc.features.store.index import Entries
from ndsc.features.store.layout import Layout, checksums, keys_of, records_of
from ndsc.features.store.overflow import Overflow
from ndsc.features.store.rows import FeatureRows
from ndsc.features.store.segments import INDEX, SegmentReader, SegmentWriter, open_writer

logger = logging.getLogger(__name__)

FOLDER, FILLING = "features", "filling"
CHECKED_AT_ONCE = 64 * 2**20  # Bytes of rows, between two calls of `advance`.


class Source(Protocol):
    """Where rows are read from: a segment on disk, or the overflow."""

    @property
    def rows(self) -> np.ndarray: ...
    def new_records(self) -> tuple[int, np.ndarray]: ...


class FeatureStore:
    """The rows of one fingerprint. To be used in `with`, by one thread, and not across a fork."""

    def __init__(self, folder: Path, description: str, layout: Layout) -> None:
        self._folder, self._description, self._layout = folder, description, layout
        self._resources = ExitStack()
        self._claim: int | None = None
        self._writer: SegmentWriter | None = None
        self._overflow: Overflow | None = None
        self._sources: dict[str, Source] = {}
        self._entries = Entries()
        self._is_current = False

    @classmethod
    def open(cls, cache_root: Path, fingerprint: Mapping[str, object], shape: Sequence[int], dtype: str) -> Self:
        """The store of `fingerprint`, plain JSON, whose rows have `shape` and `dtype`; a new one if there is none yet.

        Raises UserError where its folder holds something else or cannot be one. A full or read-only disk is no error.
        """
        description = fingerprints.describe(fingerprint, shape, dtype)
        folder = cache_root / FOLDER / fingerprints.digest(description)
        fingerprints.check(folder, description)
        store = cls(folder, description, Layout.of(shape, dtype))
        try:
            store._establish()
        except (FileExistsError, NotADirectoryError) as error:
            raise UserError(
                f"cache.root should be a folder that features can be kept in. Received: {cache_root}, where "
                f"{error.filename} is no folder. Name another one, or move that file away."
            ) from error
        except OSError as error:
            if not is_write_refused(error):
                raise
            # What is there can be read all the same, and the first `append` says what is wrong.
        return store

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Let other processes go on with the files. Rows that were asked for stay valid."""
        self._resources.close()

    def find(
        self, contents: np.ndarray, views: np.ndarray, advance: Callable[[int], None] = lambda _count: None
    ) -> np.ndarray:
        """Which of the photos `contents` (n, 16) uint8 in `views` (n,) are there and undamaged, as (n,) bool.

        A row's checksum is read once, when it is first looked up; `advance` is told how many were.
        """
        return self._search(contents, views, advance) >= 0

    def rows(self, contents: np.ndarray, views: np.ndarray) -> FeatureRows:
        """The rows of the photos `contents` (n, 16) uint8 in `views` (n,). Raises LookupError where one is missing."""
        entries = self._search(contents, views, lambda _count: None)
        if missing := np.count_nonzero(entries < 0):
            raise LookupError(
                f"{missing} of {len(entries)} rows are not in the store; append what `find` denies first."
            )
        found = self._entries.table[entries]
        return FeatureRows(self._blocks(), found["segment"], found["row"], self._layout)

    def append(self, contents: np.ndarray, views: np.ndarray, rows: np.ndarray) -> None:
        """Keep `rows` (n, *shape), of the store's dtype, for the photos `contents` (n, 16) uint8 in `views` (n,).

        Where the disk is full or read-only, one warning is logged, and from then on rows stay with this process.
        Raises UserError where there is no room there either, ValueError for other shapes or dtypes.
        """
        data = self._layout.as_bytes(rows)
        records = records_of(keys_of(contents, views), data)
        self._is_current = False
        if self._overflow is None:
            try:
                self._open_writer().append(records, data)
                return
            except OSError as error:
                if not is_write_refused(error):
                    raise
                self._warn(error, len(records))
                self._overflow = self._sources["memory"] = Overflow(self._layout)
                self._resources.callback(self._overflow.close)
        self._overflow.append(records, data)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Wait until no other process fills this store, and see what it left: only the rest is to be computed."""
        with ExitStack() as held:
            try:
                self._establish()
                held.enter_context(exclusive_lock(self._folder / FILLING))
            except OSError as error:
                if not is_write_refused(error):  # Where nothing can be written, there is nothing to wait for.
                    raise
            self.refresh()
            yield

    def refresh(self) -> None:
        """See the rows that other processes have appended since."""
        for index in sorted(self._folder.glob(f"*{INDEX}")):
            if index.name not in self._sources:
                self._sources[index.name] = SegmentReader(index, self._layout)
        added = []
        for number, (name, source) in enumerate(self._sources.items()):
            try:
                added.append((number, *source.new_records()))
            except OSError as error:
                logger.warning(
                    "%s in %s cannot be read (%s): what it adds is missing.", name, self._folder, error.strerror
                )
        self._entries.add(added)
        self._is_current = True

    def _establish(self) -> None:
        if self._claim is None:
            self._claim = claim(self._folder)
            self._resources.callback(os.close, self._claim)
        fingerprints.establish(self._folder, self._description)

    def _open_writer(self) -> SegmentWriter:
        if self._writer is None:
            self._establish()
            self._writer = open_writer(self._folder, self._layout)
            self._resources.callback(self._writer.close)
        return self._writer

    def _search(self, contents: np.ndarray, views: np.ndarray, advance: Callable[[int], None]) -> np.ndarray:
        if not self._is_current:
            self.refresh()
        keys = keys_of(contents, views)
        while True:
            entries = self._entries.search(keys)
            damaged = self._damaged(entries[entries >= 0], advance)
            if not len(damaged):
                return entries
            # Another process may have computed a damaged row again: then the next round finds that one.
            self._entries.drop(damaged)

    def _damaged(self, entries: np.ndarray, advance: Callable[[int], None]) -> np.ndarray:
        table, blocks = self._entries.table, self._blocks()
        unsure = np.unique(entries[~table["trusted"][entries]])  # In the order on disk.
        step = max(1, CHECKED_AT_ONCE // self._layout.row_bytes)
        for part in (unsure[start : start + step] for start in range(0, len(unsure), step)):
            chosen = table[part]
            places = zip(chosen["segment"].tolist(), chosen["row"].tolist(), strict=True)
            rows = (blocks[segment][row : row + 1] for segment, row in places)  # Empty where the file was cut off.
            table["trusted"][part] = checksums(chosen["key"], rows) == chosen["checksum"]
            advance(len(part))
        damaged = unsure[~table["trusted"][unsure]]
        if len(damaged):
            logger.warning("%d cached features in %s are damaged, computed again.", len(damaged), self._folder)
        return damaged

    def _blocks(self) -> list[np.ndarray]:
        return [source.rows for source in self._sources.values()]

    def _warn(self, error: OSError, count: int) -> None:
        there = next(folder for folder in (self._folder, *self._folder.parents) if folder.exists())
        logger.warning(
            "Features cannot be kept in %s: %s (%.1f MB more wanted, %.1f MB left). This run goes on with the same "
            "result and keeps them to itself; the next one computes them again. Free space there (python -m ndsc.cache "
            "prune), or name a folder with room that may be written to by cache.root.",
            self._folder,
            error.strerror,
            count * self._layout.row_bytes / 1e6,
            shutil.disk_usage(there).free / 1e6,
        )
