"""The finished table of a run, one row a photo: what trains and evaluates reads nothing else."""

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ndsc.config import SplitConfig, TestConfig
from ndsc.data.sampling import choose_groups
from ndsc.errors import UserError
from ndsc.seeds import derive

log = logging.getLogger(__name__)

DIFFICULTIES = ("easy", "medium", "hard")
# What decides the numbers of a run; where the bytes happen to lie does not.
IDENTITY = ["content", "label", "split", "difficulty"]


@dataclass(frozen=True)
class Manifest:
    """One row a photo (content, image_path, label, split, difficulty, group, where its bytes lie, its header, and all
    further columns of the data), and the classes in the order of the model's outputs."""

    rows: pd.DataFrame
    classes: tuple[str, ...]

    def of(self, split: str) -> pd.DataFrame:
        """The rows of `train`, `validation` or `test`, in the manifest's order."""
        return self.rows[self.rows["split"] == split]

    def labels(self, rows: pd.DataFrame) -> np.ndarray:
        """(n,) int32 class numbers of these rows."""
        return pd.Categorical(rows["label"], categories=list(self.classes)).codes.astype(np.int32)

    def digest(self) -> str:
        """16 hex digits that two runs share when they trained and judged on the same photos."""
        text = self.rows[IDENTITY].astype(str).sort_values(IDENTITY).to_csv(index=False)
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    def save(self, path: Path) -> None:
        """Write the table as Parquet."""
        self.rows.to_parquet(path, index=False)


def load_manifest(path: Path, classes: tuple[str, ...]) -> Manifest:
    """A manifest as `save` wrote it."""
    return Manifest(pd.read_parquet(path), classes)


@dataclass(frozen=True)
class Finished:
    """The manifest, the photos that were set aside with the reason, and what is worth counting."""

    manifest: Manifest
    set_aside: pd.DataFrame
    duplicate_groups: int


def finish(photos: pd.DataFrame, vectors: np.ndarray, split: SplitConfig, test: TestConfig, seed: int) -> Finished:
    """Group duplicates, choose the test photos, and put every photo on one side.

    Args:
        photos: usable photos with `role` and `difficulty` (see `ndsc.data.photos.Usable`).
        vectors: (n, d) pooled features of their plain views, from the backbone as it was loaded.

    Raises:
        UserError: fewer than two classes, or a class without photos to train on.
    """
    photos = photos.assign(group=_groups(photos, split.duplicates))
    aside = pd.Series("", index=photos.index, dtype=object)
    aside[_contradicting(photos, split.duplicates)] = "same photo under two labels"
    chosen = _choose_test(photos[aside == ""], vectors[(aside == "").to_numpy()], test.per_class)
    difficulty = photos["difficulty"].astype(object).where(photos["difficulty"].notna(), chosen)
    side = _sides(photos, difficulty, split)
    aside[(side == "") & (aside == "")] = "held out to choose test photos from"
    _keep_groups_together(photos["group"], side, aside)
    random = (side == "sample") & (aside == "")
    drawn = photos[random]
    validation = choose_groups(
        drawn["group"].to_numpy(dtype=object),
        drawn["label"].to_numpy(dtype=object),
        split.validation,
        derive(seed, "split"),
    )
    side[random] = np.where(validation, "validation", "train")
    rows = photos.assign(split=side, difficulty=difficulty)[aside == ""].drop(columns=["role", "reason"])
    rows = rows.reset_index(drop=True)
    manifest = Manifest(rows, _classes(rows))
    sizes = photos["group"].value_counts()
    left_out = photos.loc[aside != "", ["image_path", "label"]].assign(reason=aside[aside != ""])
    return Finished(manifest, left_out.reset_index(drop=True), int((sizes > 1).sum()))


def _groups(photos: pd.DataFrame, duplicates: str) -> pd.Series:
    """The name of each photo's duplicate group: its content, or a name of its own."""
    if duplicates == "off":
        return photos["content"] + "/" + photos.groupby("content").cumcount().astype(str)
    return photos["content"]


def _contradicting(photos: pd.DataFrame, duplicates: str) -> pd.Series:
    """Photos of a group that has more than one label: nobody can say which is right."""
    if duplicates == "off":
        return pd.Series(False, index=photos.index)
    return photos.groupby("group")["label"].transform("nunique") > 1


def _choose_test(photos: pd.DataFrame, vectors: np.ndarray, per_class: int) -> pd.Series:
    """Difficulties of the test photos chosen from the pool, by distance to the centre of their class.

    Three a class are those at the 10th, 50th and 90th percentile of distance; other numbers are spaced evenly between
    the outer two and named by thirds.
    """
    chosen = pd.Series(None, index=photos.index, dtype=object)
    for label in sorted(photos["label"].unique()):
        mine = (photos["label"] == label).to_numpy()
        pool = np.flatnonzero(mine & (photos["role"] == "pool").to_numpy())
        # A photo listed twice would stand in the test twice.
        pool = pool[~photos.iloc[pool].duplicated("group").to_numpy()]
        others = mine & ~photos["role"].isin(["pool", "test"]).to_numpy()
        if len(pool) == 0 or not others.any():
            continue
        centre = vectors[others].mean(axis=0, dtype=np.float64)
        distance = np.linalg.norm(vectors[pool] - centre, axis=1)
        order = pool[np.argsort(distance, kind="stable")]
        count = min(per_class, len(pool))
        percentiles = np.linspace(10, 90, count) if count > 1 else np.array([50.0])
        at = np.unique(np.round(percentiles / 100 * (len(order) - 1)).astype(int))
        for rank, position in enumerate(order[at]):
            chosen.iloc[position] = DIFFICULTIES[min(3 * rank // len(at), 2)]
    return chosen


def _sides(photos: pd.DataFrame, difficulty: pd.Series, split: SplitConfig) -> pd.Series:
    """`test` for what was chosen; what is left of a pool goes back to validation where a column fixes the sides, and
    is held out (an empty side) where they are drawn at random."""
    left_of_pool = "" if split.kind == "random" else "validation"
    side = photos["role"].astype(object).replace("pool", left_of_pool)
    return side.where(difficulty.isna(), "test")


def _keep_groups_together(groups: pd.Series, side: pd.Series, aside: pd.Series) -> None:
    """Copies of test photos leave training and validation; copies of validation photos leave training."""
    used = aside == ""
    for kept, robbed in (("test", ["sample", "train", "validation"]), ("validation", ["train"])):
        copies = used & side.isin(robbed) & groups.isin(groups[used & (side == kept)])
        aside[copies] = f"copy of a {kept} photo"


def _classes(rows: pd.DataFrame) -> tuple[str, ...]:
    classes = tuple(sorted(rows["label"].unique()))
    trained = set(rows.loc[rows["split"] == "train", "label"])
    if len(classes) < 2 or trained != set(classes) or not (rows["split"] == "validation").any():
        counts = rows.groupby(["label", "split"]).size().to_dict()
        raise UserError(
            "At least two classes with photos to train on in each, and photos to validate on, are needed. "
            f"Received: {counts}. Draw more photos (sampling.per_class), or look at data.labels and the split."
        )
    return classes
