from pathlib import Path

import numpy as np
import pyarrow as pa

from ndsc.caching.append_only_tables import KEY, AppendOnlyTables, key_column

KEYS = np.random.default_rng(0).integers(0, 256, (40, 6), np.uint8)


def add(tables: AppendOnlyTables, rows: slice) -> None:
    numbers = np.arange(len(KEYS))[rows]
    tables.add(pa.table({KEY: key_column(KEYS[rows]), "number": pa.array(numbers)}), "some numbers")


def test_keys_are_found_in_all_tables_and_in_any_order(tmp_path: Path):
    for rows in (slice(0, 10), slice(5, 30)):
        add(AppendOnlyTables(tmp_path, "rules"), rows)
    order = np.random.default_rng(1).permutation(40)
    table, positions = AppendOnlyTables(tmp_path, "rules").find(KEYS[order])
    np.testing.assert_array_equal(positions < 0, order >= 30)
    found = table.column("number").to_numpy()[positions[positions >= 0]]
    np.testing.assert_array_equal(found, order[order < 30])


def test_nothing_is_found_by_other_rules_or_in_an_empty_folder(tmp_path: Path):
    add(AppendOnlyTables(tmp_path, "rules"), slice(0, 40))
    for tables in (AppendOnlyTables(tmp_path, "other rules"), AppendOnlyTables(tmp_path / "empty", "rules")):
        assert tables.find(KEYS)[1].tolist() == [-1] * 40


def test_no_keys_are_found_for_no_keys(tmp_path: Path):
    add(AppendOnlyTables(tmp_path, "rules"), slice(0, 40))
    assert AppendOnlyTables(tmp_path, "rules").find(KEYS[:0])[1].tolist() == []
