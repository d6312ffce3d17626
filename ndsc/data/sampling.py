"""Sampling from a catalogue: the listings to try, their order, and the number wanted of each kind.

Sampling reads nothing but the catalogue, and no photos. Each (side, label) is a queue of listings in a random order of
its own, with quotas that are filled from its front: the test pool first, then the photos for training and validation.
A photo that turns out to be unusable is replaced by the next in its queue, if there is one. Test photos that the data
or a list names are not replaced.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ndsc.config.schema import SamplingConfig, SplitConfig
from ndsc.data.catalogue import Catalogue
from ndsc.data.folder_source import SPLIT_BY_FOLDER
from ndsc.data.photo_lists import Excluded, find_excluded, find_test_list, join_first
from ndsc.data.splitting import choose_groups, keyed_hash
from ndsc.data.user_tables import as_text, clean_text, require_columns
from ndsc.errors import UserError
from ndsc.seeds import derive

log = logging.getLogger(__name__)

SIDES = ("train", "validation", "test")


@dataclass(frozen=True)
class Quota:
    """The number of photos wanted for one role: `test`, `pool` (to choose test photos from), `sample` (split later),
    `train` or `validation`."""

    role: str
    wanted: int


@dataclass(frozen=True)
class Queue:
    """Listings of one label on one side, in the order to try them, and the quotas to fill from the front."""

    label: str
    order: np.ndarray  # positions in the catalogue's rows
    quotas: tuple[Quota, ...]

    @property
    def wanted(self) -> int:
        """The sum of all quotas."""
        return sum(quota.wanted for quota in self.quotas)


@dataclass(frozen=True)
class SamplePlan:
    """All queues of a run, the difficulties in the test list by position in the catalogue, and the listings that
    `sampling.exclude` leaves out of the queues (None: it is not set)."""

    queues: tuple[Queue, ...]
    difficulty: dict[int, str]
    excluded: Excluded | None = None


def split_in_effect(catalogue: Catalogue, split: SplitConfig) -> SplitConfig:
    """Return the configured split, or the one that the folders of the data state where none is configured."""
    if split.kind != "random" or SPLIT_BY_FOLDER not in catalogue.facts:
        return split
    sides = sorted(pc.unique(catalogue.rows.column("split")).to_pylist())
    log.info("the top folders of data.root are taken as the split: %s", ", ".join(sides))
    return replace(split, kind="column", by="split") if "validation" in sides else split


def draw(catalogue: Catalogue, sampling: SamplingConfig, split: SplitConfig, seed: int) -> SamplePlan:
    """Plan which listings to try, in which order.

    A listing's rank depends on the seed and its path alone (and, for a repeated path, on the number of repetitions
    before it): a larger sample contains the smaller one, and rows added to the catalogue do not reshuffle the others.

    Raises:
        UserError: a column or a test photo is missing, or fewer than two classes, or one without listings to train on.
    """
    rows = catalogue.rows
    listed, free = find_test_list(rows, sampling.test.list)
    excluded = None if sampling.exclude is None else find_excluded(rows, sampling.exclude)
    if excluded is not None:
        _validate_excluded_test(rows, listed, excluded.mask)
        free &= ~excluded.mask
    side = _side(rows, split, derive(seed, "split"))
    if split.kind == "random" and SPLIT_BY_FOLDER in catalogue.facts:
        side[_values(rows, "split") == "test"] = "test"
    if listed:
        # The list alone is the test; other test photos by a column are not for training either.
        side = np.where(side == "test", "", side)
    pool_wanted = not listed and not (side == "test").any()
    queues = [Queue(rows.column("label")[at].as_py(), np.array([at]), (Quota("test", 1),)) for at in listed]
    for label, mine in _in_random_order(catalogue, free, derive(seed, "sampling")):
        queues += _queues(label, mine, side[mine], sampling, split, pool_wanted)
    _check_classes(catalogue.classes, queues)
    return SamplePlan(tuple(queues), listed, excluded)


def _validate_excluded_test(rows: pa.Table, listed: dict[int, str], mask: np.ndarray) -> None:
    """Check that no test photo is excluded: a test without its hard photos is too easy."""
    both = [at for at in listed if mask[at]]
    if both:
        raise UserError(
            "No photo may be both in sampling.test.list and excluded by sampling.exclude. Received: "
            f"{len(both)} that are, first {rows.column('image_path')[both[0]]}. Set it to no in the column exclude, or "
            "remove it from the test list."
        )


def _in_random_order(catalogue: Catalogue, free: np.ndarray, seed: int) -> Iterator[tuple[str, np.ndarray]]:
    """For each class, the positions of its free listings."""
    labels = pd.Categorical(_values(catalogue.rows, "label"), categories=list(catalogue.classes)).codes
    order = np.lexsort((_random_rank(_values(catalogue.rows, "image_path"), seed), labels))
    order = order[free[order]]
    bounds = np.searchsorted(labels[order], np.arange(1, len(catalogue.classes)))
    return zip(catalogue.classes, np.split(order, bounds), strict=True)


def _random_rank(paths: np.ndarray, seed: int) -> np.ndarray:
    """A keyed hash of each path; listings that repeat a path differ by the number of repetitions before them."""
    hashed = pd.Series(keyed_hash(paths, seed))
    repeats = hashed.groupby(hashed, sort=False).cumcount().to_numpy(np.uint64)
    return hashed.to_numpy() + repeats * np.uint64(0x9E3779B97F4A7C15)


def _values(rows: pa.Table, name: str) -> np.ndarray:
    return rows.column(name).to_numpy()


def _side(rows: pa.Table, split: SplitConfig, seed: int) -> np.ndarray:
    """For each listing, the side that the configuration fixes, or `sample` where the split is made later."""
    if split.kind == "random":
        return np.full(rows.num_rows, "sample", dtype=object)
    require_columns(rows.column_names, [str(split.by)], "For split.by the data")
    stated = clean_text(as_text(rows.column(str(split.by)), f"split.by={split.by}: the column"))
    if split.kind == "group":
        # A listing without a value is a group of its own.
        named = pc.binary_join_element_wise("group", stated, "/")
        groups = pc.coalesce(named, rows.column("image_path"))
        labels = _values(rows, "label")
        validation = choose_groups(groups.to_numpy(), labels, split.validation, seed)
        _validate_groups(pc.unique(pc.fill_null(stated, "none")).to_pylist(), labels, validation, str(split.by))
        return np.where(validation, "validation", "train").astype(object)
    found = set(pc.unique(stated).to_pylist())
    if not {"train", "validation"} <= found <= {*SIDES, None}:
        shown = join_first(sorted("nothing" if value is None else value for value in found))
        raise UserError(
            f"The column {split.by!r} decides the split, so its values must be train, validation, test or nothing, "
            f"and the first two must occur. Received: {shown}. Fix the column, or name another: split.by=<column>."
        )
    return pc.fill_null(stated, "").to_numpy()


def _validate_groups(names: list[str], labels: np.ndarray, validation: np.ndarray, by: str) -> None:
    """Check that the groups leave photos to train on in every class, and some to validate on."""
    without = sorted(set(labels) - set(labels[~validation]))
    if without or not validation.any():
        raise UserError(
            f"A split by groups needs several groups in every class. Received: split.by={by}, a column with "
            f"{len(names)} value{'s' * (len(names) > 1)} ({join_first(sorted(names))}), which leaves nothing to "
            f"{f'train on in {join_first(without)}' if without else 'validate on'}. Name a column with more values, or "
            "set split=random."
        )


def _queues(
    label: str, mine: np.ndarray, side: np.ndarray, sampling: SamplingConfig, split: SplitConfig, pool_wanted: bool
) -> list[Queue]:
    """The queues of one class. `mine` are positions in random order, `side` their sides."""
    if split.kind == "random":
        mine, test = mine[side == "sample"], mine[side == "test"]
        pool = _pool(sampling, len(mine)) if pool_wanted else 0
        sample = Queue(label, mine, (Quota("pool", pool), Quota("sample", _limited(sampling, len(mine)))))
        return [sample, Queue(label, test, (Quota("test", len(test)),))] if len(test) else [sample]
    train, validation, test = (mine[side == name] for name in SIDES)
    pool = _pool(sampling, len(validation)) if pool_wanted else 0
    if split.kind == "column":
        train_count, validation_count = _limited(sampling, len(train)), len(validation)
    else:
        train_count = _limited(sampling, len(train), 1 - split.validation)
        validation_count = _limited(sampling, len(validation), split.validation)
    return [
        Queue(label, train, (Quota("train", train_count),)),
        Queue(label, validation, (Quota("pool", pool), Quota("validation", validation_count))),
        Queue(label, test, (Quota("test", len(test)),)),
    ]


def _limited(sampling: SamplingConfig, available: int, share: float = 1.0) -> int:
    """The number to sample of those available. `share`: the part of `sampling.per_class` for this side."""
    fraction = max(round(sampling.fraction * available), min(available, 1))
    return fraction if sampling.per_class is None else min(fraction, round(sampling.per_class * share))


def _pool(sampling: SamplingConfig, available: int) -> int:
    """The number of photos held out to choose test photos from: a tenth of a small class, or as many as are chosen; but
    never more than half."""
    if sampling.test.per_class == 0:
        return 0
    return min(sampling.test.pool, max(sampling.test.per_class, available // 10), available // 2)


def _check_classes(classes: tuple[str, ...], queues: list[Queue]) -> None:
    trained = {
        queue.label
        for queue in queues
        if len(queue.order) and any(quota.wanted and quota.role in ("sample", "train") for quota in queue.quotas)
    }
    without = sorted(set(classes) - trained)
    if len(classes) < 2 or without:
        raise UserError(
            "At least two classes, and listings to train on in each, are needed. "
            f"Received: {len(classes)} classes, and nothing to train on in {join_first(without) or 'none'}. Check "
            "data.labels, sampling and split."
        )
