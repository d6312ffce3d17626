"""An earlier run as tracking remembers it, in plain values."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class RecordedRun:
    """`status` is FINISHED, FAILED, KILLED, RUNNING or DELETED; `started` is in milliseconds since 1970. Params are
    written as they are typed on the command line; of each metric there is the last value, which may be NaN."""

    id: str
    name: str
    status: str
    started: int
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]

    @property
    def seed(self) -> str:
        """The seed, or an empty text where none was logged."""
        return self.params.get("seed", "")

    @property
    def manifest(self) -> str:
        """The digest of the run's manifest, or an empty text."""
        return self.tags.get("manifest", "")
