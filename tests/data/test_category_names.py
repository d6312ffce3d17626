"""Category numbers and their names."""

import json
from pathlib import Path

import pyarrow as pa
import pytest

from ndsc.data.category_names import name_categories, read_category_names
from ndsc.errors import UserError


def test_names_are_found_by_id_and_told_apart_by_domain_where_they_repeat(tmp_path: Path):
    path = tmp_path / "categories.json"
    path.write_text(json.dumps({"Fashion": {"Others": 17, "Shirt": 20}, "Beauty": {"Others": 16}}))
    assert read_category_names(path) == {"17": "Others (Fashion)", "20": "Shirt", "16": "Others (Beauty)"}
    assert read_category_names(tmp_path / "missing.json") == {}


@pytest.mark.parametrize("text", ["[1, 2]", "no json", '{"Beauty": 3}', "\xff"])
def test_a_file_of_another_shape_is_an_error(tmp_path: Path, text: str):
    path = tmp_path / "categories.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=r"categories\.json must be JSON like .* Received: "):
        read_category_names(path)


def test_ids_without_a_name_are_counted_and_missing_ids_have_none():
    ids = pa.chunked_array([["3", "99", ""], [None, "99", "3"]])
    named, unnamed = name_categories(ids, {"3": "Powder"})
    assert named.to_pylist() == ["Powder", "99", None, None, "99", "Powder"]
    assert unnamed == 2


def test_without_names_an_id_is_its_own_name():
    named, unnamed = name_categories(pa.array(["3", None]), {})
    assert (named.to_pylist(), unnamed) == (["3", None], 0)
