"""Results of photo validation, cached by content: whether a photo can be used, and its header."""

from dataclasses import asdict, dataclass
from operator import attrgetter
from pathlib import Path

import pyarrow as pa

from ndsc.caching.append_only_tables import AppendOnlyTables
from ndsc.data.decoding import DECODER, Unusable, validate_photo


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """The header of one content, or the reason why it cannot be used (empty when it can)."""

    content: str
    reason: str
    format: str = ""
    width: int = 0
    height: int = 0
    orientation: int = 1
    alpha: bool = False
    animated: bool = False


SCHEMA = pa.schema(
    {
        **dict.fromkeys(("content", "reason", "format"), pa.string()),
        **dict.fromkeys(("width", "height", "orientation"), pa.int64()),
        **dict.fromkeys(("alpha", "animated"), pa.bool_()),
    }
)


class ValidationCache:
    """Validation results by content."""

    def __init__(self, cache_root: Path) -> None:
        self._tables = AppendOnlyTables(cache_root / "validation", DECODER)
        self._known: dict[str, ValidationResult] = {}
        self._new: list[ValidationResult] = []
        for table in self._tables.load():
            columns = [table.column(name).to_pylist() for name in SCHEMA.names]
            self._known.update(zip(columns[0], map(ValidationResult, *columns), strict=True))

    def validate(self, content: str, data: bytes) -> ValidationResult:
        """Return the cached result for these bytes, or validate them now. Safe to call from several threads."""
        result = self._known.get(content)
        if result is None:
            try:
                result = ValidationResult(content, "", **asdict(validate_photo(data)))
            except Unusable as unusable:
                result = ValidationResult(content, str(unusable))
            self._known[content] = result
            self._new.append(result)
        return result

    def save(self) -> None:
        """Add the new results to the cache. If it cannot be written, a warning is logged: the run does not need it."""
        if self._new:
            self._tables.add(result_table(self._new), f"The validation of {len(self._new)} photos")
            self._new = []


def result_table(results: list[ValidationResult]) -> pa.Table:
    """Return one row for each result, with the columns of SCHEMA."""
    return pa.table({name: list(map(attrgetter(name), results)) for name in SCHEMA.names}, schema=SCHEMA)
