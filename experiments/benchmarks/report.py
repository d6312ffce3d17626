"""How a benchmark shows what it measured: ratios first, then figures, then what was asked; and the same as JSON."""

import json
import os
import platform
import statistics
import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """A line of the table of what is asked. `reached` is None where it is asked of another size or another machine."""

    what: str
    measured: str
    asked: str
    reached: bool | None


def at_least(what: str, figure: float, asked: float, unit: str = " x", but: str = "", digits: int = 2) -> Row:
    """A row for a figure that should be large. `but` says in words what was not as asked: the size, or the machine."""
    verdict = None if but else figure >= asked
    return Row(what, _noted(f"{figure:.{digits}f}{unit}", but), f"at least {asked:g}{unit}", verdict)


def at_most(what: str, figure: float, asked: float, unit: str = " x", but: str = "") -> Row:
    """A row for a figure that should be small."""
    return Row(what, _noted(f"{figure:.2f}{unit}", but), f"at most {asked:g}{unit}", None if but else figure <= asked)


@dataclass
class Report:
    """One benchmark's results: ratios (each name says what is divided by what), figures with their units, and rows."""

    name: str
    setting: str
    ratios: dict[str, float] = field(default_factory=dict)
    figures: dict[str, str] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)

    def show(self) -> None:
        """Print the tables."""
        print(f"\n{self.name}: {self.setting}\n{machine()}, load {load()}, commit {commit()}")
        for name, ratio in self.ratios.items():
            print(f"{ratio:>12.2f} x  {name}")
        for name, figure in self.figures.items():
            print(f"{figure:>14}  {name}")
        show_rows(self.rows)

    def save(self, path: str | None) -> None:
        """Write the results, the machine, its load and the commit as JSON, if a path is given."""
        if path is not None:
            save_json(path, asdict(self))


def show_rows(rows: Iterable[Row]) -> None:
    """Print what was asked beside what was measured."""
    for row in rows:
        verdict = {True: "reached", False: "NOT reached", None: "not comparable"}[row.reached]
        print(f"{verdict:>14}  {row.what}: {row.measured}, asked {row.asked}", flush=True)


def save_json(path: str, results: Mapping[str, object]) -> None:
    """Write results together with the machine, its load and the commit."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    stated = {**results, "machine": machine(), "load": load(), "commit": commit()}
    Path(path).write_text(json.dumps(stated, indent=2))


def machine() -> str:
    """The processor, what it can do that matters here, and how many cores may be used."""
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    model = next((line.partition(":")[2].strip() for line in flags.splitlines() if "model name" in line), "")
    capable = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16") if flag in flags.split()]
    return f"{model or platform.processor()}, {os.cpu_count()} cores, {' '.join(capable)}"


def load() -> str:
    """How many processes wanted a core in the last 1, 5 and 15 minutes: what was measured beside others counts less."""
    return " ".join(f"{average:.1f}" for average in os.getloadavg())


def commit() -> str:
    """The commit of the checkout, with a + where it has changes."""
    asked = subprocess.run(["git", "describe", "--always", "--dirty=+"], capture_output=True, text=True, check=False)
    return asked.stdout.strip() or "unknown"


def in_turn(rounds: int, contenders: Mapping[str, Callable[[], float]]) -> dict[str, float]:
    """The median of each contender's figure over so many rounds.

    They take turns (A B C A B C …), so that a machine that gets slower is slower for all.
    """
    figures: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, measure in contenders.items():
            figures[name].append(measure())
    return {name: statistics.median(values) for name, values in figures.items()}


def _noted(measured: str, but: str) -> str:
    return f"{measured} ({but})" if but else measured
