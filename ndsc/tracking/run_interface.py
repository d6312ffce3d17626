"""What a run can be told, whether somebody keeps it or not."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure


class Run(ABC):
    """One run, as the steps see it: they log, and never ask where it goes."""

    # The run's id in MLflow; None where nothing is recorded.
    id: str | None

    # The folder that holds what the store did not take; None as long as nothing went missing.
    unsent: Path | None

    @abstractmethod
    def log_params(self, params: Mapping[str, object]) -> None:
        """Log facts of the run, keyed and written as one would type them on the command line.

        A value of more than 6,000 characters, which MLflow would cut silently, is stored whole as the artefact
        `params/<key>.txt`, and the param says so. A param cannot be changed: logging another value raises
        MLflow's exception.
        """

    @abstractmethod
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log one value a metric, at `step` (0 where none is given)."""

    @abstractmethod
    def log_history(self, history: Mapping[str, Sequence[float]], first_step: int = 1) -> None:
        """Log whole curves at once, after the loop that made them: value k of a metric gets step `first_step` + k.

        So the step of a first phase is the number of epochs done; a second phase goes on where the first one ended.
        """

    @abstractmethod
    def log_bytes(self, content: bytes, path: str) -> None:
        """Store an artefact at `path`, a relative path with slashes."""

    @abstractmethod
    def log_table(self, table: "pandas.DataFrame", path: str) -> None:
        """Store a table as CSV without its index."""

    @abstractmethod
    def log_file(self, file: Path, artefact_folder: str = "") -> None:
        """Store a file, or a folder with what is in it, under its own name. Raises FileNotFoundError."""

    @abstractmethod
    def log_dataset(self, frame: "pandas.DataFrame", name: str, source: str, context: str) -> None:
        """Log what was read as an MLflow dataset: schema, number of rows and a digest over all of them, no rows.

        `source` says where it came from (a folder, an address), `context` what for (`training`, `validation`, `test`).
        """

    @abstractmethod
    def set_tags(self, tags: Mapping[str, object]) -> None:
        """Set facts of the invocation; unlike params, they can be changed."""

    @abstractmethod
    def attempt(self, what: str, send: Callable[[], object], keep: Callable[[Path], object]) -> None:
        """Send something to the store by `send`; where the store fails, keep it in a folder by `keep(folder)`.

        For what the other methods do not cover, a model for example. `what` names it in the warning.
        """

    def log_text(self, text: str, path: str) -> None:
        """Store a text in UTF-8."""
        self.log_bytes(text.encode(), path)

    def log_json(self, value: object, path: str) -> None:
        """Store plain data (dicts, lists, numbers, strings) as indented JSON. Raises TypeError for anything else."""
        self.log_text(json.dumps(value, indent=2) + "\n", path)

    def log_figure(self, figure: "Figure", path: str) -> None:
        """Store a Matplotlib figure as PNG, and close it: a sweep would otherwise keep every figure in memory."""
        from matplotlib import pyplot

        from ndsc.evaluation.figures.style import as_png

        content = as_png(figure)
        pyplot.close(figure)
        self.log_bytes(content, path)


class NoRun(Run):
    """Takes everything and keeps nothing: `tracking=off`."""

    id = None
    unsent = None

    def log_params(self, params: Mapping[str, object]) -> None:
        pass

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        pass

    def log_history(self, history: Mapping[str, Sequence[float]], first_step: int = 1) -> None:
        pass

    def log_bytes(self, content: bytes, path: str) -> None:
        pass

    def log_table(self, table: "pandas.DataFrame", path: str) -> None:
        pass

    def log_file(self, file: Path, artefact_folder: str = "") -> None:
        pass

    def log_dataset(self, frame: "pandas.DataFrame", name: str, source: str, context: str) -> None:
        pass

    def set_tags(self, tags: Mapping[str, object]) -> None:
        pass

    def attempt(self, what: str, send: Callable[[], object], keep: Callable[[Path], object]) -> None:
        pass
