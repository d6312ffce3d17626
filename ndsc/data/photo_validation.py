"""Validation of the drawn photos: their bytes are read, identified by content, and decoded once to see if they can be.

The result for each content is cached, so that a photo is decoded for this purpose only once. Its bytes are read and
hashed in every run, as the hash is its identity everywhere.
"""

import logging
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow as pa

from ndsc.caching.digests import content_hash
from ndsc.data.catalogue import Catalogue
from ndsc.data.photo_lists import count_reasons, validate_classes, warn_missing_test_photos
from ndsc.data.sampling import Queue, SamplePlan
from ndsc.data.user_tables import names_beside
from ndsc.data.validation_cache import SCHEMA, ValidationCache, ValidationResult, result_table
from ndsc.errors import UserError
from ndsc.process import usable_cores
from ndsc.storage.archive import ShortRead, is_archive
from ndsc.storage.image_header import MAX_BYTES
from ndsc.storage.photo_reader import PhotoReader, reads_at_once
from ndsc.terminal import progress

log = logging.getLogger(__name__)

CHUNK = 256
REPLACEMENTS = 8
# Columns added here and by the manifest; a column of the data with such a name gets the prefix `data_`.
OWN_COLUMNS = (*SCHEMA.names, "role", "difficulty", "split", "group")


@dataclass(frozen=True)
class ValidatedPhotos:
    """The photos of a run before they are split, and the rejected ones.

    `photos` has the catalogue's columns, those of a ValidationResult, `role` and `difficulty`; `rejected` has
    image_path, label and reason.
    """

    photos: pd.DataFrame
    rejected: pd.DataFrame

    @property
    def learnable(self) -> pd.DataFrame:
        """The photos that may be learned from: no test photos, no candidates for the test, and no duplicates of these
        by content."""
        tested = self.photos["role"].isin(["test", "pool"])
        return self.photos[~self.photos["content"].isin(self.photos.loc[tested, "content"])]


def validate_photos(
    catalogue: Catalogue, plan: SamplePlan, reader: PhotoReader, cache_root: Path, max_rejected: float
) -> ValidatedPhotos:
    """Take photos from the front of each queue until its quotas are filled with photos that decode, or it ends.

    Raises:
        UserError: more than the share `max_rejected` of the photos cannot be used, or all of one class, or two columns
            would have one name.
    """
    rows = catalogue.rows.rename_columns(names_beside(OWN_COLUMNS, catalogue.rows.column_names, "data"))
    cache = ValidationCache(cache_root)
    wanted = sum(min(queue.wanted, len(queue.order)) for queue in plan.queues)
    results = _Results(wanted, max_rejected)
    # All photos of a catalogue are on one disk or server.
    at_once = reads_at_once(rows.column("archive").slice(0, 1).to_pylist())
    try:
        with progress("reading", total=wanted) as advance, ThreadPoolExecutor(at_once) as threads:
            validator = _Validator(rows, reader, cache, threads)
            for queue in plan.queues:
                _fill(queue, validator, results, advance)
    finally:
        cache.save()
    results.check_rejected(results.count)
    photos, rejected = _table(rows, results.accepted), _table(rows, results.rejected)
    photos["difficulty"] = pd.Series(
        [plan.difficulty.get(position) for position, _, _ in results.accepted], dtype=object
    )
    _log_results(photos, rejected, results.count - wanted)
    classes = {queue.label for queue in plan.queues if queue.wanted}
    validate_classes(classes, photos["label"], rejected, "Fix these photos, or remove the classes from the data.")
    return ValidatedPhotos(photos, rejected[["image_path", "label", "reason"]])


class _Validator:
    """Reads and validates listings in parallel, a chunk at a time, in order."""

    def __init__(
        self, rows: pa.Table, reader: PhotoReader, cache: ValidationCache, threads: ThreadPoolExecutor
    ) -> None:
        self._reader, self._cache, self._threads = reader, cache, threads
        self._locations = rows.select(["archive", "offset", "size"])
        # Any number of photos may be read at once; each one decoded takes up to 500 MB.
        self._decoding = threading.BoundedSemaphore(usable_cores())

    def __call__(self, positions: Sequence[int]) -> list[ValidationResult]:
        locations = self._locations.take(pa.array(positions, pa.int64()))
        with warnings.catch_warnings():
            # Pillow warns about metadata that does not matter here; set once for all threads, as filters are global.
            warnings.simplefilter("ignore")
            return list(self._threads.map(self._validate, *(column.to_pylist() for column in locations.columns)))

    def _validate(self, archive: str, offset: int | None, size: int | None) -> ValidationResult:
        if offset is None or size is None:
            where = "not in the archive" if is_archive(archive) else "the file is not there"
            return ValidationResult("", f"listed, but {where}")
        if size > MAX_BYTES:
            return ValidationResult("", "file over the limit")
        try:
            data = self._reader.read(archive, offset, size)
        except ShortRead as error:
            return ValidationResult("", str(error))
        content = content_hash(data)
        with self._decoding:
            return self._cache.validate(content, data)


@dataclass
class _Results:
    """The photos validated so far: position in the catalogue, the role the photo is wanted for, and the result."""

    wanted: int
    max_rejected: float
    accepted: list[tuple[int, str, ValidationResult]] = field(default_factory=list)
    rejected: list[tuple[int, str, ValidationResult]] = field(default_factory=list)

    @property
    def count(self) -> int:
        return len(self.accepted) + len(self.rejected)

    def reject(self, position: int, role: str, result: ValidationResult) -> None:
        """Reject one photo; stop as soon as it is certain that too many will be rejected in the end."""
        self.rejected.append((position, role, result))
        self.check_rejected(self.wanted + len(self.rejected))

    def check_rejected(self, of: int) -> None:
        if len(self.rejected) <= self.max_rejected * of:
            return
        counted = count_reasons(pd.Series([result.reason for _, _, result in self.rejected]))
        raise UserError(
            f"At most {self.max_rejected:.1%} of the photos may be unusable. Received: {len(self.rejected)} of the "
            f"first {self.count} ({counted}). Fix the data, or raise sampling.max_rejected, which is "
            f"{self.max_rejected}."
        )


def _fill(queue: Queue, validator: _Validator, results: _Results, advance: Callable[[int], None]) -> None:
    """Fill the queue's quotas in turn from its front."""
    roles = deque(role for quota in queue.quotas for role in [quota.role] * quota.wanted)
    validated = _validated(queue, validator)
    while roles and (found := next(validated, None)):
        position, result = found
        if result.reason:
            results.reject(position, roles[0], result)
        else:
            results.accepted.append((position, roles.popleft(), result))
            advance(1)


def _validated(queue: Queue, validator: _Validator) -> Iterator[tuple[int, ValidationResult]]:
    """Listings of a queue with their results, validated no further ahead than a chunk."""
    start = 0
    while start < len(queue.order):
        # The first chunks end where the quotas would be filled; after that only replacements are read.
        stop = min(start + CHUNK, max(queue.wanted, start + REPLACEMENTS), len(queue.order))
        chunk = [int(position) for position in queue.order[start:stop]]
        yield from zip(chunk, validator(chunk), strict=True)
        start = stop


def _table(rows: pa.Table, results: list[tuple[int, str, ValidationResult]]) -> pd.DataFrame:
    listings = rows.take(pa.array([position for position, _, _ in results], pa.int64())).to_pandas()
    listings["archive"] = listings["archive"].astype(str)
    headers = result_table([result for _, _, result in results]).to_pandas()
    return pd.concat([listings, headers], axis=1).assign(role=[role for _, role, _ in results])


def _log_results(photos: pd.DataFrame, rejected: pd.DataFrame, replaced: int) -> None:
    if len(rejected):
        log.info(
            "%d photos cannot be used (%s); of these, %s are replaced by the next ones drawn",
            len(rejected),
            count_reasons(rejected["reason"]),
            {len(rejected): "all", 0: "none"}.get(replaced, f"{replaced:,}"),
        )
    warn_missing_test_photos(rejected[rejected["role"] == "test"])
    if photos["animated"].any():
        log.info("%d photos are animated; their first frames are used", photos["animated"].sum())
