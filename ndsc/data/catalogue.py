"""The catalogue: a table of all listings with their labels, and where the bytes of each photo are."""

import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ndsc.caching.digests import content_hash
from ndsc.caching.tables import load_or_make
from ndsc.config.schema import DataConfig, SamplingConfig, SplitConfig
from ndsc.data.ndsc_source import NdscSource
from ndsc.data.sources import SAMPLE, find_source, render_if_sample
from ndsc.data.user_tables import (
    UserTable,
    exclusion_table,
    last_position,
    matching_paths,
    require_columns,
    test_list_table,
)
from ndsc.errors import UserError
from ndsc.storage.locations import location_signature

log = logging.getLogger(__name__)

# Part of the key of every cached catalogue: one made by other rules must not be found.
RULES = 4
COLUMNS = ("image_path", "label", "category", "archive", "offset", "size")
# Those that describe the photo, and not where it is stored.
DESCRIBING_COLUMNS = ("label", "category")
MOST_CLASSES_SHOWN = 5


@dataclass(frozen=True)
class Catalogue:
    """All listings of a data set.

    `rows` has the columns image_path (text), label (text), category (text or null), archive (dictionary-encoded text:
    the path of the tar file, or of the photo itself), offset and size (bytes, null for a photo that is listed but
    absent), and all further columns of the data. A row's position is its identity. `facts` are counts worth reporting;
    `classes` are the labels that occur, sorted.
    """

    rows: pa.Table
    facts: dict[str, int | str]
    classes: tuple[str, ...]


def load_catalogue(data: DataConfig, cache_root: Path) -> Catalogue:
    """Return the catalogue of the configured data. Archives are indexed the first time, which can take minutes.

    Raises:
        UserError: a file, a folder or a column is missing or wrong.
    """
    data = render_if_sample(data, cache_root)
    source, metadata = find_source(data, cache_root), _metadata(data)

    def make() -> tuple[pa.Table, dict[str, Any]]:
        rows, facts = _complete(*source.read(), metadata)
        return rows, {"facts": facts, "classes": sorted(pc.unique(rows.column("label")).to_pylist())}

    # From the cache, NDSC's 666,615 listings are there in a tenth of a second.
    in_archives = isinstance(source, NdscSource)
    rows, described = load_or_make(_cache_path(source, metadata, cache_root), make) if in_archives else make()
    catalogue = Catalogue(rows, described["facts"], tuple(described["classes"]))
    log.info("%s", _summary(catalogue))
    return catalogue


def check_data(data: DataConfig, sampling: SamplingConfig, split: SplitConfig, cache_root: Path) -> None:
    """Check that the configured data exists, in a second and without indexing anything.

    Raises:
        UserError: a file, a folder or a column is missing, or split.by names a column that is not the data's.
    """
    metadata = _metadata(data)
    names, given = [*COLUMNS], {}
    if data.source != SAMPLE:
        source = find_source(data, cache_root)
        given = source.columns_beside(names)
        names += given.values()
        if isinstance(source, NdscSource) and not _cache_path(source, metadata, cache_root).exists():
            source.check_archives()
    if metadata is not None:
        joined = metadata.columns_beside(names)
        names += joined.values()
        given = joined | given
    if sampling.test.list is not None:
        test_list_table(sampling.test.list).check()
    if sampling.exclude is not None:
        exclusion_table(sampling.exclude).check()
    if split.by is not None:
        _validate_split_column(split.by, given)
        # The sample's columns are known once it is rendered, which takes longer than a check may.
        if data.source != SAMPLE:
            require_columns(names, [split.by], "For split.by the data")


def _validate_split_column(by: str, given: dict[str, str]) -> None:
    """Check that `by` is not a column of the catalogue's own. `given` are the data's columns, by their own names, and
    their names in the catalogue."""
    received = f"split.by must name a column of the data. Received: split.by={by}, which"
    if by in COLUMNS and by in given:
        raise UserError(
            f"{received} the catalogue uses itself; the data's own column of this name is called {given[by]} here. Set "
            f"split.by={given[by]}, or rename the column."
        )
    if by in COLUMNS and by not in DESCRIBING_COLUMNS:
        raise UserError(f"{received} only says where a photo is stored. Name another column.")


def _metadata(data: DataConfig) -> UserTable | None:
    if data.metadata is None:
        return None
    path = Path(os.path.abspath(Path(data.metadata).expanduser()))
    table = UserTable(path, "data.metadata", ("image_path",), prefix="metadata")
    table.check()
    return table


def _cache_path(source: NdscSource, metadata: UserTable | None, cache_root: Path) -> Path:
    """Return the path of the joined table in the cache: its name changes with every file that it depends on."""
    files = [*source.files(), *([] if metadata is None else [metadata.path])]
    key = json.dumps([RULES, source.labels, *((str(path), location_signature(path)) for path in files)])
    return cache_root / "catalogues" / f"{content_hash(key)}.arrow"


def _complete(rows: pa.Table, facts: dict[str, int], metadata: UserTable | None) -> tuple[pa.Table, dict[str, int]]:
    """Discard rows without a label, join the metadata, count."""
    # A filter copies, even where it discards nothing.
    labelled = rows.filter(pc.is_valid(rows.column("label"))) if rows.column("label").null_count else rows
    facts = {"listings": rows.num_rows, "unlabelled": rows.num_rows - labelled.num_rows, **facts}
    if labelled.num_rows == 0:
        raise UserError(
            f"At least one listing with a label was expected. Received: {rows.num_rows} listings, none of which has "
            "one. Fix the data."
        )
    if metadata is not None:
        labelled, joined = join_metadata(labelled, metadata)
        facts |= joined
    facts["absent"] = labelled.column("offset").null_count
    return labelled.unify_dictionaries(), facts


def join_metadata(rows: pa.Table, metadata: UserTable) -> tuple[pa.Table, dict[str, int]]:
    """Return `rows` with the columns of the metadata where the image_path is the same, null elsewhere, and counts of
    what did not match.

    Raises:
        UserError: nothing matches.
    """
    table = metadata.read()
    known = rows.column("image_path")
    paths = matching_paths(table.column("image_path"), known)
    positions = last_position(known, paths)
    if positions.null_count == len(positions):
        raise UserError(
            f"data.metadata must name the same photos as the data, for instance {known[0]}. Received: "
            f"{paths[0] if len(paths) else 'an empty table'}, and no row that matches. Fix its image_path column."
        )
    unmatched = pc.invert(pc.is_in(paths, value_set=known))
    facts = {"metadata_unmatched": pc.sum(unmatched).as_py(), "listings_without_metadata": positions.null_count}
    return metadata.add_further(rows, metadata.further_columns(table).take(positions)), facts


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
