"""What is asked of a catalogue: which listings to try, in which order, and how many of each kind are wanted.

Drawing knows listings, not photos: it reads nothing but the catalogue. Each (side, label) is a queue of listings in a
random order of its own, and a list of quotas filled from its front: the test pool first, then what is trained and
validated on. A photo that turns out to be unusable is replaced by the next in its queue.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from ndsc.config import SamplingConfig, SplitConfig
from ndsc.data.catalogue import Catalogue
from ndsc.data.tables import read_table, require_columns
from ndsc.errors import UserError
from ndsc.seeds import derive

SIDES = ("train", "validation", "test")


@dataclass(frozen=True)
class Quota:
    """So many photos wanted for one role: `test`, `pool` (to choose test photos from), `sample` (split later), `train`, `validation`."""

    role: str
    wanted: int


@dataclass(frozen=True)
class Queue:
    """Listings of one label on one side, best first, and what is to be taken from the front."""

    label: str
    order: np.ndarray  # positions in the catalogue's rows
    quotas: tuple[Quota, ...]


@dataclass(frozen=True)
class Draw:
    """All queues of a run, and the difficulties that a test list states, by position in the catalogue."""

    queues: tuple[Queue, ...]
    difficulty: dict[int, str]


def draw(catalogue: Catalogue, sampling: SamplingConfig, split: SplitConfig, seed: int) -> Draw:
    """Decide which listings to try, in which order.

    A listing's rank depends on the seed, its path and its position alone: a larger sample contains the smaller one, and
    rows added to the catalogue do not reshuffle the others.

    Raises:
        UserError: a column or a test photo is missing, or fewer than two classes are left.
    """
    labels = column(catalogue.rows, "label")
    rank = _random_rank(catalogue.rows, derive(seed, "sampling"))
    side = _side(catalogue.rows, split, derive(seed, "split"))
    listed = _listed_test(catalogue.rows, sampling.test.list)
    free = ~np.isin(np.arange(len(labels)), list(listed))
    queues = [Queue(str(labels[at]), np.array([at]), (Quota("test", 1),)) for at in listed]
    for label in catalogue.classes:
        mine = np.flatnonzero((labels == label) & free)
        mine = mine[np.argsort(rank[mine], kind="stable")]
        queues += _queues(label, mine, side[mine], sampling, split, test_wanted=not listed)
    return Draw(tuple(queues), listed)


def column(rows: pa.Table, name: str) -> np.ndarray:
    """One column of the catalogue as a numpy array of objects (text) or numbers.

    Raises:
        UserError: the column does not exist.
    """
    if name not in rows.column_names:
        raise UserError(
            f"The data has no column {name!r}, which split.by asks for. Expected one of {', '.join(rows.column_names)} "
            f"(data.extra=<csv> joins more columns on image_path). Received: split.by={name}."
        )
    return rows.column(name).to_numpy()


def _random_rank(rows: pa.Table, seed: int) -> np.ndarray:
    """A keyed hash (SipHash) of each path; listings that repeat a path are told apart by how often it came before."""
    paths = pd.Series(column(rows, "image_path"), dtype=object)
    repeats = paths.groupby(paths, sort=False).cumcount().to_numpy()
    hashed = pd.util.hash_array(paths.to_numpy(), hash_key=f"{seed:016x}", categorize=False)
    return hashed + repeats.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)


def _side(rows: pa.Table, split: SplitConfig, seed: int) -> np.ndarray:
    """For each listing the side that the configuration fixes beforehand, or `sample` where the split is made later."""
    if split.kind == "random":
        return np.full(rows.num_rows, "sample", dtype=object)
    values = column(rows, str(split.by))
    if split.kind == "group":
        groups = pd.Series(values, dtype=object).astype(str).to_numpy()
        return _assign_groups(groups, column(rows, "label"), split.validation, seed)
    stated = pd.Series(values, dtype=object)
    unknown = sorted({str(value) for value in stated.dropna().unique()} - set(SIDES))
    if unknown or not {"train", "validation"} <= set(stated.dropna()):
        raise UserError(
            f"The column {split.by!r} decides the split, so it must say train, validation or test, and the first two must "
            f"occur. Received: {', '.join(sorted({str(value) for value in stated.unique()})[:8])}."
        )
    return stated.where(stated.notna(), "").to_numpy()


def _assign_groups(groups: np.ndarray, labels: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Whole groups to validation, in random order, as long as they bring every class nearer to its share."""
    validation = choose_groups(groups, labels, share, seed)
    return np.where(validation, "validation", "train").astype(object)


def choose_groups(groups: np.ndarray, labels: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Which rows fall on the validation side, when rows of one group must not be separated.

    Groups are visited in a random order that depends on their names alone; a group is taken when at least half of its
    rows belong to classes that still want them. With groups of one row each this is the plain stratified split.

    Args:
        groups: (n,) names.
        labels: (n,) labels.
        share: the part of each class that is wanted, 0 to 1.

    Returns:
        (n,) booleans.
    """
    table = pd.crosstab(pd.Series(groups, name="group"), pd.Series(labels, name="label"))
    names = table.index.to_numpy(dtype=object)
    order = np.argsort(pd.util.hash_array(names, hash_key=f"{seed:016x}", categorize=False), kind="stable")
    counts = table.to_numpy()
    wanted = np.round(counts.sum(axis=0) * share).astype(int)
    taken = np.zeros(len(names), dtype=bool)
    for at in order:
        useful = np.minimum(counts[at], np.maximum(wanted, 0)).sum()
        if 2 * useful >= counts[at].sum():
            taken[at] = True
            wanted = wanted - counts[at]
    return np.isin(groups, names[taken])


def _listed_test(rows: pa.Table, path: str | None) -> dict[int, str]:
    """Positions and difficulties of the photos that `sampling.test.list` names."""
    if path is None:
        return {}
    table = read_table(Path(path), "sampling.test.list")
    require_columns(table.column_names, ["image_path", "difficulty"], "sampling.test.list")
    listed = table.to_pandas()
    position = {path: at for at, path in enumerate(column(rows, "image_path"))}
    absent = [path for path in listed["image_path"] if path not in position]
    if absent:
        raise UserError(
            f"{len(absent)} of the {len(listed)} photos in sampling.test.list are not in the data, for instance "
            f"{absent[0]}. Expected paths as in the data's image_path column. Received: sampling.test.list={path}."
        )
    return {position[path]: str(level) for path, level in zip(listed["image_path"], listed["difficulty"], strict=True)}


def _queues(
    label: str, mine: np.ndarray, side: np.ndarray, sampling: SamplingConfig, split: SplitConfig, test_wanted: bool
) -> list[Queue]:
    """The queues of one class. `mine` are positions in random order, `side` what is fixed of each."""
    count = round(sampling.fraction * len(mine)) if sampling.per_class is None else _limited(sampling, len(mine))
    pool = _test_pool(sampling, len(mine)) if test_wanted else 0
    if split.kind == "random":
        return [Queue(label, mine, (Quota("pool", pool), Quota("sample", count)))]
    held_out, validation, train = (mine[side == name] for name in ("test", "validation", "train"))
    if split.kind == "group":
        validation_count = round(count * split.validation)
        train_count = count - validation_count
    else:
        validation_count, train_count = len(validation), min(count, len(train))
    queues = [Queue(label, train, (Quota("train", train_count),))]
    if len(held_out):
        return [
            *queues,
            Queue(label, held_out, (Quota("test", len(held_out)),)),
            _only(label, validation, validation_count),
        ]
    return [*queues, Queue(label, validation, (Quota("pool", pool), Quota("validation", validation_count)))]


def _only(label: str, order: np.ndarray, count: int) -> Queue:
    return Queue(label, order, (Quota("validation", count),))


def _limited(sampling: SamplingConfig, available: int) -> int:
    assert sampling.per_class is not None
    return min(sampling.per_class, round(sampling.fraction * available))


def _test_pool(sampling: SamplingConfig, available: int) -> int:
    """How many photos a class holds out to choose test photos from: never more than a tenth of a small class."""
    if sampling.test.per_class == 0:
        return 0
    return min(sampling.test.pool, max(sampling.test.per_class, available // 10))
