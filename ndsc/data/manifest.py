"""The manifest of a run: one row for each photo. Training and evaluation read nothing else."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from ndsc.config.schema import SplitConfig, TestConfig
from ndsc.data.photo_lists import validate_classes, warn_missing_test_photos
from ndsc.data.splitting import choose_groups
from ndsc.errors import UserError
from ndsc.evaluation.predictions import DIFFICULTIES
from ndsc.seeds import derive

# These columns decide the numbers of a run; paths and offsets do not.
IDENTITY = ["content", "label", "split", "difficulty"]


@dataclass(frozen=True)
class Manifest:
    """One row for each photo (content, image_path, label, split, difficulty, group, the location of its bytes, its
    header, and all further columns of the data), and the classes in the order of the model's outputs."""

    rows: pd.DataFrame
    classes: tuple[str, ...]

    def of(self, split: str) -> pd.DataFrame:
        """Return the rows of `train`, `validation` or `test`, in the manifest's order."""
        return self.rows[self.rows["split"] == split]

    def labels(self, rows: pd.DataFrame) -> np.ndarray:
        """Return (n,) int32 class numbers of these rows."""
        return pd.Categorical(rows["label"], categories=list(self.classes)).codes.astype(np.int32)

    def digest(self) -> str:
        """Return 16 hex digits, equal for runs that trained and evaluated on the same photos."""
        identity = self.rows[IDENTITY].astype(object)
        text = identity.where(identity.notna(), "").sort_values(IDENTITY).to_csv(index=False, lineterminator="\n")
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    def save(self, path: Path) -> None:
        """Write the table as Parquet."""
        self.rows.to_parquet(path, index=False)


def load_manifest(path: Path) -> Manifest:
    """Load a manifest that `save` wrote."""
    rows = pd.read_parquet(path)
    return Manifest(rows, _class_names(rows))


@dataclass(frozen=True)
class ManifestResult:
    """The manifest, the photos that were set aside with the reason, and counts."""

    manifest: Manifest
    set_aside: pd.DataFrame
    duplicate_groups: int
    leaks_prevented: int  # the groups among these that a split unaware of them would have divided


def build_manifest(
    photos: pd.DataFrame, vectors: np.ndarray, groups: pd.Series, split: SplitConfig, test: TestConfig, seed: int
) -> ManifestResult:
    """Choose the test photos, and assign every photo to one side and its duplicates to the same one.

    The order of the manifest's rows follows from the photos alone, so that equal manifests train equally.

    Args:
        photos: validated photos with `role` and `difficulty` (see `ndsc.data.photo_validation.ValidatedPhotos`).
        vectors: (n, d) pooled features of their plain views, from the backbone as it was loaded.
        groups: (n,) names of their duplicate groups (see `ndsc.duplicates.duplicate_groups.find_duplicates`).

    Raises:
        UserError: fewer than two classes, a class all of whose photos were set aside or without photos to train on, or
            none to validate on at all.
    """
    photos = photos.reset_index(drop=True).assign(group=groups.to_numpy(dtype=object))
    aside = pd.Series("", index=photos.index, dtype=object)
    aside[photos.groupby("group")["label"].transform("nunique") > 1] = "same photo under two labels"
    sound = aside == ""
    chosen = _choose_test(photos[sound], vectors[sound.to_numpy()], test.per_class).reindex(photos.index)
    difficulty = _stated_or(photos, chosen)
    side = _sides(photos["role"], difficulty, split.kind)
    aside[sound & (side == "")] = "held out to choose test photos from"
    _set_duplicates_aside(photos, side, aside)
    _split_at_random(photos, side, aside == "", split.validation, derive(seed, "split"))
    left_out = photos.assign(reason=aside)[aside != ""]
    advice = "Give these classes photos of their own, fix the labels, or remove the classes from the data."
    validate_classes(photos["label"], photos.loc[aside == "", "label"], left_out, advice)
    warn_missing_test_photos(left_out[left_out["role"] == "test"])
    rows = photos.assign(split=side, difficulty=difficulty)[aside == ""].drop(columns=["role", "reason"])
    manifest = _manifest(rows.sort_values(["content", "image_path"], kind="stable"))
    duplicate_groups = int((photos["group"].value_counts() > 1).sum())
    blind = _blind_sides(photos, vectors, split, test, seed)
    leaks_prevented = int((blind[blind != ""].groupby(photos["group"]).nunique() > 1).sum())
    set_aside = left_out[["image_path", "label", "reason"]].reset_index(drop=True)
    return ManifestResult(manifest, set_aside, duplicate_groups, leaks_prevented)


def _blind_sides(
    photos: pd.DataFrame, vectors: np.ndarray, split: SplitConfig, test: TestConfig, seed: int
) -> pd.Series:
    """The sides that the photos would be on without a search for duplicates; empty for photos on none."""
    alone = photos.assign(group=photos.index.astype(str) + "/" + photos["content"])
    chosen = _choose_test(alone.assign(content=alone["group"]), vectors, test.per_class)
    side = _sides(alone["role"], _stated_or(alone, chosen), split.kind)
    _split_at_random(alone, side, side != "", split.validation, derive(seed, "split"))
    return side


def _stated_or(photos: pd.DataFrame, chosen: pd.Series) -> pd.Series:
    """The difficulty of a test photo in the data, or the one by which it was chosen."""
    return photos["difficulty"].astype(object).where(photos["difficulty"].notna(), chosen)


def _choose_test(photos: pd.DataFrame, vectors: np.ndarray, per_class: int) -> pd.Series:
    """Difficulties of the test photos chosen from the pool, by distance to the centre of their class.

    Three a class are those at the 10th, 50th and 90th percentile of distance; other numbers are spaced evenly between
    the outer two (or over the whole pool, where that is too narrow) and named by thirds.
    """
    chosen = pd.Series(None, index=photos.index, dtype=object)
    for label in sorted(photos["label"].unique()):
        mine = (photos["label"] == label).to_numpy()
        pool = np.flatnonzero(mine & (photos["role"] == "pool").to_numpy())
        # A photo that is listed twice would be in the test twice.
        for name in ("content", "group"):
            pool = pool[~photos.iloc[pool].duplicated(name).to_numpy()]
        others = mine & ~photos["role"].isin(["pool", "test"]).to_numpy()
        if len(pool) == 0 or not others.any():
            continue
        centre = vectors[others].mean(axis=0, dtype=np.float64)
        distance = np.linalg.norm(vectors[pool] - centre, axis=1)
        count = min(per_class, len(pool))
        nearest_first = pool[np.argsort(distance, kind="stable")][_spaced(count, len(pool))]
        for rank, position in enumerate(nearest_first):
            chosen.iloc[position] = DIFFICULTIES[3 * (2 * rank + 1) // (2 * count)]
    return chosen


def _spaced(count: int, of: int) -> np.ndarray:
    """Different positions among `of`, evenly from the 10th to the 90th percentile, or from end to end."""
    if count == 1:
        return np.array([(of - 1) // 2])
    inner, whole = (np.round(np.linspace(end, 1 - end, count) * (of - 1)).astype(int) for end in (0.1, 0.0))
    return inner if len(np.unique(inner)) == count else whole


def _sides(role: pd.Series, difficulty: pd.Series, kind: str) -> pd.Series:
    """`test` for chosen photos. Other photos of a pool return to validation where a column decides the split, and are
    held out (an empty side) where they were drawn in addition to the validation photos."""
    side = role.astype(object).replace("pool", "validation" if kind == "column" else "")
    return side.where(difficulty.isna(), "test")


def _set_duplicates_aside(photos: pd.DataFrame, side: pd.Series, aside: pd.Series) -> None:
    """Set duplicates of test photos aside from training and validation, and those of validation photos from training.

    Test photos are protected even where `split.duplicates=off` gives every duplicate a group of its own.
    """
    for protected, by, others in (
        ("test", "content", ("sample", "train", "validation")),
        ("test", "group", ("sample", "train", "validation")),
        ("validation", "group", ("train",)),
    ):
        used = aside == ""
        names = photos.loc[used & (side == protected), by]
        aside[used & side.isin(others) & photos[by].isin(names)] = f"copy of a {protected} photo"


def _split_at_random(photos: pd.DataFrame, side: pd.Series, used: pd.Series, share: float, seed: int) -> None:
    """Divide the photos without a side, stratified by class, groups undivided."""
    drawn = photos[used & (side == "sample")]
    groups, labels = drawn["group"].to_numpy(dtype=object), drawn["label"].to_numpy(dtype=object)
    side[drawn.index] = np.where(choose_groups(groups, labels, share, seed), "validation", "train")


def _manifest(rows: pd.DataFrame) -> Manifest:
    """The rows with the types that Parquet gives back, numbered from 0."""
    rows = pa.Table.from_pandas(rows, preserve_index=False).to_pandas()
    classes = _class_names(rows)
    trained = set(rows.loc[rows["split"] == "train", "label"])
    validated = int((rows["split"] == "validation").sum())
    if len(classes) < 2 or trained != set(classes) or not validated:
        without = ", ".join(sorted(set(classes) - trained)) or "none"
        raise UserError(
            "At least two classes with photos to train on in each, and photos to validate on, are needed. Received: "
            f"{len(classes)} classes, no photos to train on in {without}, and {validated} photos to validate on. Draw "
            "more photos (sampling.per_class), or check data.labels and the split."
        )
    return Manifest(rows, classes)


def _class_names(rows: pd.DataFrame) -> tuple[str, ...]:
    return tuple(sorted(rows["label"].unique()))
