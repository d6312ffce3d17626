"""One job of a sweep: what it overrides, what it shall be called, and which run it would be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ndsc.config.schema import Config


@dataclass(frozen=True)
class Job:
    """`overrides` as Hydra takes them, `differs` what is swept of them (`optimizer.learning_rate`: `0.001`), and the
    key that all runs of this configuration share. `once` are overrides that only the run of the sweep itself gets."""

    overrides: Sequence[str]
    differs: Mapping[str, str]
    config: Config
    key: str
    once: Sequence[str] = ()

    @property
    def name(self) -> str:
        """By what differs, each with the last part of its key: `augmentation=strong learning_rate=0.001`."""
        short = [key.rpartition(".")[2] for key in self.differs]
        return " ".join(
            f"{name if short.count(name) == 1 else key}={value}"
            for (key, value), name in zip(self.differs.items(), short, strict=True)
        )
