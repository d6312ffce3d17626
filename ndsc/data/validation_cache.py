"""ValidationCache on photos, remembered in the cache: whether a content can be used, and what its header says."""

from dataclasses import asdict, dataclass
from operator import attrgetter
from pathlib import Path

import pyarrow as pa

from ndsc.caching.append_only_tables import AppendOnlyTables
from ndsc.data.decoding import DECODER, Unusable, validate_photo


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """What is known of one content: its header, or the reason why it cannot be used (empty when it can)."""

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
    """ValidationCache by content."""

    def __init__(self, cache_root: Path) -> None:
        self._kept = AppendOnlyTables(cache_root / "verdicts", DECODER)
        self._known: dict[str, ValidationResult] = {}
        self._new: list[ValidationResult] = []
        for table in self._kept.load():
            columns = [table.column(name).to_pylist() for name in SCHEMA.names]
            self._known.update(zip(columns[0], map(ValidationResult, *columns), strict=True))

    def of(self, content: str, data: bytes) -> ValidationResult:
        """The verdict on these bytes, remembered or made now. Safe to call from several threads."""
        known = self._known.get(content)
        if known is None:
            known = _judge(content, data)
            self._known[content] = known
            self._new.append(known)
        return known

    def save(self) -> None:
        """Add what is new to the cache. A cache that cannot be written is worth a warning: the run needs it not."""
        if self._new:
            self._kept.add(verdict_table(self._new), f"The verdicts on {len(self._new)} photos")
            self._new = []


def verdict_table(verdicts: list[ValidationResult]) -> pa.Table:
    """One row a verdict, with the columns of SCHEMA."""
    return pa.table({name: list(map(attrgetter(name), verdicts)) for name in SCHEMA.names}, schema=SCHEMA)


def _judge(content: str, data: bytes) -> ValidationResult:
    try:
        return ValidationResult(content, "", **asdict(validate_photo(data)))
    except Unusable as unusable:
        return ValidationResult(content, str(unusable))
