"""NDSC's categories.json: what the numbers of the categories mean."""

import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ndsc.errors import UserError


def read_category_names(path: Path) -> dict[str, str]:
    """Names by id, both text; empty when there is no such file.

    Where two domains use one name, the domain is added: `Others (Fashion)`.

    Raises:
        UserError: the file is of another shape.
    """
    if not path.is_file():
        return {}
    try:
        domains = json.loads(path.read_text(encoding="utf-8"))
        named = [(str(number), name, domain) for domain, ids in domains.items() for name, number in ids.items()]
    except (ValueError, AttributeError) as error:
        raise UserError(
            f'{path} must be JSON like {{"Beauty": {{"Powder": 3}}}}: domain, name, id. Received: {error}. Mend it.'
        ) from error
    uses = Counter(name for _, name, _ in named)
    return {number: name if uses[name] == 1 else f"{name} ({domain})" for number, name, domain in named}


def name_categories(ids: pa.ChunkedArray | pa.Array, names: dict[str, str]) -> tuple[pa.Array, int]:
    """The name of each id, the id itself where it has none, null where there is no id; and, if there are names at all,
    how many listings have an id without one."""
    encoded = (ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids).dictionary_encode()
    known = encoded.dictionary.to_pylist()
    unnamed = [number for number, category in enumerate(known) if names and category and category not in names]
    named = pa.array([names.get(category, category) or None for category in known], pa.string())
    count = pc.sum(pc.is_in(encoded.indices, value_set=pa.array(unnamed, pa.int32()))).as_py()
    return named.take(encoded.indices), count or 0
