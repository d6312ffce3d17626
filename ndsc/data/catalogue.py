"""What exists: a table of all listings, with the place where each photo's bytes lie and the label it shall have."""

import hashlib
import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ndsc.caching.tables import load_or_make
from ndsc.config.schema import DataConfig, SamplingConfig, SplitConfig
from ndsc.data.folder_source import check_photo_table, class_folders, read_folder, read_photo_table
from ndsc.data.ndsc_source import check_archives, files_of, listing_columns, read_listings
from ndsc.data.user_tables import column_names, join_extra, names_beside, read_table, require_columns
from ndsc.errors import UserError
from ndsc.sample import render_sample
from ndsc.storage.locations import Location, location_of, location_signature

log = logging.getLogger(__name__)

# Part of the key of every cached catalogue: one made by other rules must not be found.
RULES = 1
COLUMNS = ("image_path", "label", "category", "archive", "offset", "size")
# Those of them that say something of the photo, and not only where it lies.
OF_THE_DATA = ("label", "category")
MOST_CLASSES_SHOWN = 5


@dataclass(frozen=True)
class Catalogue:
    """All listings of a data set.

    `rows` has the columns image_path (text), label (text), category (text or null), archive (dictionary-encoded text:
    the path of the tar file, or of the photo itself), offset and size (bytes, null for a photo that is listed but
    absent), and all further columns of the data. A row's position is its identity. `facts` counts what is worth
    reporting; `classes` are the labels that occur, sorted.
    """

    rows: pa.Table
    facts: dict[str, int | str]
    classes: tuple[str, ...]


def load_catalogue(data: DataConfig, cache_root: Path) -> Catalogue:
    """The catalogue of the configured data. Archives are indexed at the first time, which can take minutes.

    Raises:
        UserError: a file, a folder or a column is missing or not what it should be.
    """
    extra = _extra(data)
    if data.source == "folder":
        catalogue = _complete(read_folder(_folder(data)), {}, extra)
    elif data.source == "table":
        catalogue = _complete(read_photo_table(photo_table_of(data), data.image_column, data.label_column), {}, extra)
    elif data.source == "ndsc":
        catalogue = _load_ndsc(_root(data), data.labels, extra, cache_root)
    else:
        sample = render_sample(cache_root / "sample")
        catalogue = _load_ndsc(sample, data.labels, extra or sample / "sources.csv", cache_root)
    log.info("%s", _summary(catalogue))
    return catalogue


def check_data(data: DataConfig, sampling: SamplingConfig, split: SplitConfig, cache_root: Path) -> None:
    """Check that the configured data exists, in a second and without indexing anything.

    Raises:
        UserError: a file, a folder or a column is missing, or split.by names a column that is not the data's.
    """
    extra = _extra(data)
    names: list[str] = [*COLUMNS]
    given: dict[str, str] = {}
    if data.source == "folder":
        class_folders(_folder(data))
    elif data.source == "table":
        further = check_photo_table(photo_table_of(data), data.image_column, data.label_column)
        given = names_beside(names, further, "table")
    elif data.source == "ndsc":
        root = _root(data)
        further = listing_columns(root, data.labels, cache_root)
        given = names_beside(names, further, "train")
        if not _kept(root, data.labels, extra, cache_root).exists():
            check_archives(root, cache_root)
    names.extend(given.values())
    if extra is not None:
        further = column_names(extra, "data.metadata")
        require_columns(further, ["image_path"], "data.metadata")
        joined = names_beside(names, [name for name in further if name != "image_path"], "extra")
        names.extend(joined.values())
        given = joined | given
    if sampling.test.list is not None:
        further = column_names(Path(sampling.test.list), "sampling.test.list")
        require_columns(further, ["image_path", "difficulty"], "sampling.test.list")
    if sampling.exclude is not None:
        further = column_names(Path(sampling.exclude).expanduser(), "sampling.exclude")
        require_columns(further, ["image_path", "exclude"], "sampling.exclude")
    if split.by is not None:
        _validate_own_column(split.by, given)
        # The sample's columns are not known before it is rendered, which takes longer than a check may.
        if data.source != "sample":
            require_columns(names, [split.by], "For split.by the data")


def _validate_own_column(by: str, given: dict[str, str]) -> None:
    """`given` is what the data's columns are called here. A column of the data that lost its name to one of ours is not
    what split.by would find under that name."""
    if by not in COLUMNS:
        return
    renamed = given.get(by)
    if renamed is not None:
        raise UserError(
            f"split.by must name a column of the data. Received: split.by={by}, which the catalogue uses itself; the "
            f"data's own column of this name is called {renamed} here. Ask for split.by={renamed}, or rename it."
        )
    if by not in OF_THE_DATA:
        raise UserError(
            f"split.by must name a column of the data. Received: split.by={by}, which only says where a photo lies. "
            "Name another column."
        )


def _root(data: DataConfig) -> Location:
    return location_of(os.path.expanduser(data.root or "."))


def _folder(data: DataConfig) -> Path:
    """The root where it must be on a disk, as the configuration was checked for."""
    return Path(os.path.abspath(os.path.expanduser(data.root or ".")))


def photo_table_of(data: DataConfig) -> Path:
    """Where the table of photos lies: `data.table`, seen from `data.root`."""
    return _folder(data) / Path(data.table or "").expanduser()


def _extra(data: DataConfig) -> Path | None:
    if data.metadata is None:
        return None
    path = Path(os.path.abspath(Path(data.metadata).expanduser()))
    if not path.is_file():
        raise UserError(
            f"data.metadata must be a CSV or Parquet file. Received: {path}, which does not exist. Mend the path."
        )
    return path


def _kept(root: Location, labels: str, extra: Path | None, cache_root: Path) -> Path:
    """Where the joined table is kept: a name that changes with every file that it depends on."""
    files = [*files_of(root, cache_root), *([] if extra is None else [extra])]
    key = json.dumps([RULES, labels, *((str(path), location_signature(path)) for path in files)])
    return cache_root / "catalogues" / f"{hashlib.blake2b(key.encode(), digest_size=16).hexdigest()}.arrow"


def _load_ndsc(root: Location, labels: str, extra: Path | None, cache_root: Path) -> Catalogue:
    """The joined table is kept: a tenth of a second later the same 666,615 listings are there again."""

    def make() -> tuple[pa.Table, dict[str, Any]]:
        catalogue = _complete(*read_listings(root, labels, cache_root), extra)
        return catalogue.rows, {"facts": catalogue.facts, "classes": catalogue.classes}

    rows, kept = load_or_make(_kept(root, labels, extra, cache_root), make)
    return Catalogue(rows, kept["facts"], tuple(kept["classes"]))


def _complete(rows: pa.Table, facts: dict[str, int], extra: Path | None) -> Catalogue:
    """Leave out rows without a label, join what the user brings, count."""
    # A filter copies, even where it lets everything pass.
    labelled = rows.filter(pc.is_valid(rows.column("label"))) if rows.column("label").null_count else rows
    facts = {"listings": rows.num_rows, "unlabelled": rows.num_rows - labelled.num_rows, **facts}
    if labelled.num_rows == 0:
        raise UserError(
            f"At least one listing with a label was expected. Received: {rows.num_rows} listings, none of which has "
            "one. Mend the data."
        )
    if extra is not None:
        labelled, joined = join_extra(labelled, read_table(extra, "data.metadata", text_columns=("image_path",)))
        facts |= joined
    facts["absent"] = labelled.column("offset").null_count
    classes = tuple(sorted(pc.unique(labelled.column("label")).to_pylist()))
    return Catalogue(labelled.unify_dictionaries(), facts, classes)


def _summary(catalogue: Catalogue) -> str:
    """One line for the log: `catalogue: 4,806 listings in 3 classes (beauty 1,351, …), 240 repaired paths`."""
    counts = {row["values"]: row["counts"] for row in pc.value_counts(catalogue.rows.column("label")).to_pylist()}
    if len(counts) <= MOST_CLASSES_SHOWN:
        shown = ", ".join(f"{name} {counts[name]:,}" for name in catalogue.classes)
    else:
        shown = f"{min(counts.values()):,} to {max(counts.values()):,} each"
    counted = {name: count for name, count in catalogue.facts.items() if count and name != "listings"}
    facts = "".join(f", {count:,} {name.replace('_', ' ')}" for name, count in counted.items())
    return f"catalogue: {catalogue.rows.num_rows:,} listings in {len(counts)} classes ({shown}){facts}"
