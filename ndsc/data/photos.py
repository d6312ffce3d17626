"""Which of the drawn listings have a photo that can be used: bytes read, identified by content, decoded once to see.

The verdict on a content is remembered in the cache, so that a photo is decoded for this purpose once and for all; its
bytes are read and hashed in every run, since the hash is its identity everywhere.
"""

import hashlib
import logging
import os
import uuid
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import tensorflow as tf

from ndsc.data.archive import ShortRead
from ndsc.data.catalogue import Catalogue, PhotoReader
from ndsc.data.images import Header, Unusable, inspect, read_pixels
from ndsc.data.sampling import Draw, Queue
from ndsc.errors import UserError
from ndsc.terminal import progress

log = logging.getLogger(__name__)

CHUNK = 256
# Part of the key of every verdict: another decoder may decide otherwise.
DECODER = f"tensorflow-{tf.__version__} limits-1"


@dataclass(frozen=True)
class Verdict:
    """What is known of one content: its header, or the reason why it cannot be used (empty when it can)."""

    content: str
    reason: str
    format: str = ""
    width: int = 0
    height: int = 0
    orientation: int = 1
    alpha: bool = False
    animated: bool = False


@dataclass(frozen=True)
class Usable:
    """The photos of a run before they are split, and the ones that were passed over.

    `photos` has the catalogue's columns, those of a Verdict, `role` and `difficulty`; `rejected` has image_path, label
    and reason.
    """

    photos: pd.DataFrame
    rejected: pd.DataFrame


def find_usable(
    catalogue: Catalogue, drawn: Draw, reader: PhotoReader, cache_root: Path, max_rejected: float
) -> Usable:
    """Walk the queues until every quota is filled with photos that decode, or the queue ends.

    Raises:
        UserError: more than `max_rejected` of the photos looked at cannot be used.
    """
    verdicts = Verdicts(cache_root)
    wanted = sum(min(sum(quota.wanted for quota in queue.quotas), len(queue.order)) for queue in drawn.queues)
    rows = catalogue.rows
    taken: list[tuple[int, str, Verdict]] = []
    rejected: list[tuple[int, Verdict]] = []
    with progress("reading", total=wanted) as advance, ThreadPoolExecutor(os.cpu_count()) as threads:
        judge = _Judge(rows, reader, verdicts, threads)
        for queue in drawn.queues:
            _fill(queue, judge, taken, rejected, advance)
    verdicts.save()
    _refuse_if_too_many(rejected, len(taken) + len(rejected), max_rejected)
    photos = _frame(rows, [at for at, _, _ in taken], [verdict for _, _, verdict in taken])
    photos["role"] = [role for _, role, _ in taken]
    photos["difficulty"] = [drawn.difficulty.get(at) for at, _, _ in taken]
    left_out = _frame(rows, [at for at, _ in rejected], [verdict for _, verdict in rejected])
    return Usable(photos, left_out[["image_path", "label", "reason"]])


class Verdicts:
    """Verdicts by content, kept as small Parquet files that are added and never changed."""

    def __init__(self, cache_root: Path) -> None:
        self._folder = cache_root / "verdicts" / hashlib.blake2b(DECODER.encode(), digest_size=8).hexdigest()
        self._known: dict[str, Verdict] = {}
        self._new: list[Verdict] = []
        names = [field.name for field in fields(Verdict)]
        for path in sorted(self._folder.glob("*.parquet")):
            for values in pd.read_parquet(path)[names].itertuples(index=False, name=None):
                self._known[values[0]] = Verdict(*values)

    def of(self, content: str, data: bytes) -> Verdict:
        """The verdict on these bytes, remembered or made now. Safe to call from several threads."""
        known = self._known.get(content)
        if known is None:
            known = _judge(content, data)
            self._known[content] = known
            self._new.append(known)
        return known

    def save(self) -> None:
        """Add what is new to the cache. A cache that cannot be written is worth a warning: the run needs it not."""
        if not self._new:
            return
        name = uuid.uuid4().hex
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            pd.DataFrame(map(asdict, self._new)).to_parquet(self._folder / f".{name}")
            os.replace(self._folder / f".{name}", self._folder / f"{name}.parquet")
        except OSError as error:
            log.warning("the verdicts on %d photos could not be kept in %s: %s", len(self._new), self._folder, error)
        self._new = []


def _judge(content: str, data: bytes) -> Verdict:
    try:
        header: Header = inspect(data)
        read_pixels(data)
    except Unusable as unusable:
        return Verdict(content, str(unusable))
    return Verdict(content, "", **asdict(header))


class _Judge:
    """Reads and judges listings in parallel, a chunk at a time, in order."""

    def __init__(self, rows: pa.Table, reader: PhotoReader, verdicts: Verdicts, threads: ThreadPoolExecutor) -> None:
        self._reader, self._verdicts, self._threads = reader, verdicts, threads
        self._archive = rows.column("archive").combine_chunks()
        self._offset = rows.column("offset").to_numpy()
        self._size = rows.column("size").to_numpy()

    def __call__(self, positions: Sequence[int]) -> list[Verdict]:
        with warnings.catch_warnings():
            # Pillow warns of odd metadata that does not matter here; set once for all threads, as filters are global.
            warnings.simplefilter("ignore")
            return list(self._threads.map(self._one, positions))

    def _one(self, at: int) -> Verdict:
        if np.isnan(self._offset[at]):
            return Verdict("", "listed, but not in the archive")
        try:
            data = self._reader.read(self._archive[at].as_py(), int(self._offset[at]), int(self._size[at]))
        except ShortRead as error:
            return Verdict("", str(error))
        return self._verdicts.of(hashlib.blake2b(data, digest_size=16).hexdigest(), data)


def _fill(queue: Queue, judge: _Judge, taken: list, rejected: list, advance) -> None:
    """Fill the queue's quotas in turn from its front."""
    judged = _judged(queue, judge)
    for quota in queue.quotas:
        count = 0
        while count < quota.wanted:
            found = next(judged, None)
            if found is None:
                return
            at, verdict = found
            if verdict.reason:
                rejected.append((at, verdict))
                continue
            taken.append((at, quota.role, verdict))
            count += 1
            advance(1)


def _judged(queue: Queue, judge: _Judge) -> Iterator[tuple[int, Verdict]]:
    """Listings of a queue with their verdicts, judged no further ahead than a chunk."""
    ahead = sum(quota.wanted for quota in queue.quotas)
    start = 0
    while start < len(queue.order):
        # The first chunks stop where the quotas would be filled; after that only replacements are looked at.
        stop = min(start + CHUNK, max(ahead, start + 8), len(queue.order))
        chunk = [int(at) for at in queue.order[start:stop]]
        yield from zip(chunk, judge(chunk), strict=True)
        start = stop


def _refuse_if_too_many(rejected: list[tuple[int, Verdict]], looked_at: int, max_rejected: float) -> None:
    reasons = Counter(verdict.reason for _, verdict in rejected)
    if len(rejected) > max_rejected * looked_at:
        counted = ", ".join(f"{count} × {reason}" for reason, count in reasons.most_common())
        raise UserError(
            f"Too many photos cannot be used: {len(rejected)} of the {looked_at} looked at ({counted}). Expected at most "
            f"{max_rejected:.0%}. Mend the data, or raise sampling.max_rejected. Received: sampling.max_rejected={max_rejected}."
        )
    if rejected:
        log.info("%d photos could not be used and were replaced: %s", len(rejected), dict(reasons))


def _frame(rows: pa.Table, positions: list[int], verdicts: list[Verdict]) -> pd.DataFrame:
    listings = rows.take(pa.array(positions, pa.int64())).to_pandas()
    known = pd.DataFrame([asdict(verdict) for verdict in verdicts], columns=[field.name for field in fields(Verdict)])
    listings["archive"] = listings["archive"].astype(str)
    return pd.concat([listings.reset_index(drop=True), known.reset_index(drop=True)], axis=1)
