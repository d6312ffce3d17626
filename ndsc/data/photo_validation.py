"""Which of the drawn listings have a photo that can be used: bytes read, identified by content, decoded once to see.

The verdict on a content is remembered in the cache, so that a photo is decoded for this purpose once and for all; its
bytes are read and hashed in every run, since the hash is its identity everywhere.
"""

import logging
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow as pa

from ndsc.data.catalogue import Catalogue
from ndsc.data.data_digest import content_hash
from ndsc.data.photo_lists import warn_missing_test_photos
from ndsc.data.sampling import Queue, SamplePlan
from ndsc.data.user_tables import names_beside
from ndsc.data.validation_cache import SCHEMA, ValidationCache, ValidationResult, verdict_table
from ndsc.errors import UserError
from ndsc.process import usable_cores
from ndsc.storage.archive import ShortRead, is_archive
from ndsc.storage.image_header import MAX_BYTES
from ndsc.storage.photo_reader import PhotoReader, reads_at_once
from ndsc.terminal import progress

log = logging.getLogger(__name__)

CHUNK = 256
REPLACEMENTS = 8
MOST_CLASSES_SHOWN = 5
# What a photo is called by here and in the manifest; a column of the data with such a name gets the prefix `data_`.
OWN_COLUMNS = (*SCHEMA.names, "role", "difficulty", "split", "group")


@dataclass(frozen=True)
class ValidatedPhotos:
    """The photos of a run before they are split, and the ones that were passed over.

    `photos` has the catalogue's columns, those of a ValidationResult, `role` and `difficulty`; `rejected` has
    image_path, label and reason.
    """

    photos: pd.DataFrame
    rejected: pd.DataFrame

    @property
    def learnable(self) -> pd.DataFrame:
        """The photos that may be learned from: those that neither are test photos nor can be chosen as such, nor are
        copies of these."""
        tested = self.photos["role"].isin(["test", "pool"])
        return self.photos[~self.photos["content"].isin(self.photos.loc[tested, "content"])]


def validate_photos(
    catalogue: Catalogue, drawn: SamplePlan, reader: PhotoReader, cache_root: Path, max_rejected: float
) -> ValidatedPhotos:
    """Walk the queues until every quota is filled with photos that decode, or the queue ends.

    Raises:
        UserError: more than `max_rejected` of the photos looked at cannot be used, or all of one class, or two columns
            would have one name.
    """
    rows = catalogue.rows.rename_columns(names_beside(OWN_COLUMNS, catalogue.rows.column_names, "data"))
    verdicts = ValidationCache(cache_root)
    wanted = sum(min(queue.wanted, len(queue.order)) for queue in drawn.queues)
    found = _Found(wanted, max_rejected)
    at_once = reads_at_once(_archives(rows, drawn))
    try:
        with progress("reading", total=wanted) as advance, ThreadPoolExecutor(at_once) as threads:
            judge = _Judge(rows, reader, verdicts, threads)
            for queue in drawn.queues:
                _fill(queue, judge, found, advance)
    finally:
        verdicts.save()
    found.refuse_if_too_many(found.looked_at)
    positions = [at for at, _, _ in found.taken]
    photos = _frame(rows, positions, [verdict for _, _, verdict in found.taken])
    photos["role"] = [role for _, role, _ in found.taken]
    photos["difficulty"] = pd.Series([drawn.difficulty.get(at) for at in positions], dtype=object)
    left_out = _frame(rows, [at for at, _, _ in found.rejected], [verdict for _, _, verdict in found.rejected])
    left_out["role"] = [role for _, role, _ in found.rejected]
    _tell(photos, left_out, len(photos) + len(left_out) - wanted)
    _validate_empty_classes(drawn, photos, left_out)
    return ValidatedPhotos(photos, left_out[["image_path", "label", "reason"]])


class _Judge:
    """Reads and judges listings in parallel, a chunk at a time, in order."""

    def __init__(
        self, rows: pa.Table, reader: PhotoReader, verdicts: ValidationCache, threads: ThreadPoolExecutor
    ) -> None:
        self._reader, self._verdicts, self._threads = reader, verdicts, threads
        self._places = rows.select(["archive", "offset", "size"])
        # Bytes may come from as many places at once as they like; pixels take up to 500 MB a photo.
        self._decoding = threading.BoundedSemaphore(usable_cores())

    def __call__(self, positions: Sequence[int]) -> list[ValidationResult]:
        places = self._places.take(pa.array(positions, pa.int64()))
        with warnings.catch_warnings():
            # Pillow warns of odd metadata that does not matter here; set once for all threads, as filters are global.
            warnings.simplefilter("ignore")
            return list(self._threads.map(self._one, *(column.to_pylist() for column in places.columns)))

    def _one(self, archive: str, offset: int | None, size: int | None) -> ValidationResult:
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
            return self._verdicts.of(content, data)


@dataclass
class _Found:
    """What has been looked at so far: position in the catalogue, the role it was wanted for, the verdict."""

    wanted: int
    max_rejected: float
    taken: list[tuple[int, str, ValidationResult]] = field(default_factory=list)
    rejected: list[tuple[int, str, ValidationResult]] = field(default_factory=list)

    @property
    def looked_at(self) -> int:
        return len(self.taken) + len(self.rejected)

    def reject(self, at: int, role: str, verdict: ValidationResult) -> None:
        """Pass one photo over; stop as soon as it is certain that too many will have been in the end."""
        self.rejected.append((at, role, verdict))
        self.refuse_if_too_many(self.wanted + len(self.rejected))

    def refuse_if_too_many(self, of: int) -> None:
        if len(self.rejected) <= self.max_rejected * of:
            return
        reasons = Counter(verdict.reason for _, _, verdict in self.rejected)
        counted = ", ".join(f"{count} × {reason}" for reason, count in reasons.most_common())
        raise UserError(
            f"Too many photos cannot be used: {len(self.rejected)} of the {self.looked_at} looked at ({counted}). "
            f"Expected at most {self.max_rejected:.1%}. Mend the data, or raise sampling.max_rejected. "
            f"Received: sampling.max_rejected={self.max_rejected}."
        )


def _fill(queue: Queue, judge: _Judge, found: _Found, advance: Callable[[int], None]) -> None:
    """Fill the queue's quotas in turn from its front."""
    judged = _judged(queue, judge)
    for quota in queue.quotas:
        count = 0
        while count < quota.wanted:
            following = next(judged, None)
            if following is None:
                return
            at, verdict = following
            if verdict.reason:
                found.reject(at, quota.role, verdict)
                continue
            found.taken.append((at, quota.role, verdict))
            count += 1
            advance(1)


def _judged(queue: Queue, judge: _Judge) -> Iterator[tuple[int, ValidationResult]]:
    """Listings of a queue with their verdicts, judged no further ahead than a chunk."""
    start = 0
    while start < len(queue.order):
        # The first chunks stop where the quotas would be filled; after that only replacements are looked at.
        stop = min(start + CHUNK, max(queue.wanted, start + REPLACEMENTS), len(queue.order))
        chunk = [int(at) for at in queue.order[start:stop]]
        yield from zip(chunk, judge(chunk), strict=True)
        start = stop


def _frame(rows: pa.Table, positions: list[int], verdicts: list[ValidationResult]) -> pd.DataFrame:
    listings = rows.take(pa.array(positions, pa.int64())).to_pandas()
    listings["archive"] = listings["archive"].astype(str)
    return pd.concat([listings, verdict_table(verdicts).to_pandas()], axis=1)


def _archives(rows: pa.Table, drawn: SamplePlan) -> list[str]:
    """Where the first photo of each queue lies."""
    first = [int(queue.order[0]) for queue in drawn.queues if len(queue.order)]
    return rows.column("archive").take(pa.array(first, pa.int64())).cast(pa.string()).to_pylist()


def _tell(photos: pd.DataFrame, rejected: pd.DataFrame, replaced: int) -> None:
    if len(rejected):
        reasons = ", ".join(f"{count} × {reason}" for reason, count in rejected["reason"].value_counts().items())
        log.info(
            "%d photos could not be used, of which the next ones drawn replace %s: %s",
            len(rejected),
            {len(rejected): "all", 0: "none, for there are no more"}.get(replaced, f"{replaced:,}"),
            reasons,
        )
    warn_missing_test_photos(rejected[rejected["role"] == "test"])
    if photos["animated"].any():
        log.info("%d photos are animated; their first frames are used", photos["animated"].sum())


def _validate_empty_classes(drawn: SamplePlan, photos: pd.DataFrame, rejected: pd.DataFrame) -> None:
    """A class must not vanish from the question because all of its photos are bad."""
    without = sorted({queue.label for queue in drawn.queues if queue.wanted} - set(photos["label"]))
    if without:
        counts = rejected.groupby("label")["reason"].value_counts()
        shown = "; ".join(
            f"{label}: {', '.join(f'{count} × {reason}' for reason, count in counts[label].items())}"
            for label in without[:MOST_CLASSES_SHOWN]
        )
        raise UserError(
            f"Every class must have photos that can be used. Received: {len(without)} without any ({shown}"
            f"{'; …' if len(without) > MOST_CLASSES_SHOWN else ''}). Mend these photos, or take the classes out of the "
            "data."
        )
