"""The report of a benchmark, as text and as JSON: ratios first, then figures, then targets."""

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
    """A line of the table of targets. `reached` is None if the target is for another size or another machine."""

    what: str
    measured: str
    target: str
    reached: bool | None


def at_least(what: str, figure: float, target: float, unit: str = " x", note: str = "", digits: int = 2) -> Row:
    """Return a row for a figure that should be large.

    Args:
        note: the difference to the conditions of the target (size or machine), if there is one.
    """
    reached = None if note else figure >= target
    return Row(what, _noted(f"{figure:.{digits}f}{unit}", note), f"at least {target:g}{unit}", reached)


def at_most(what: str, figure: float, target: float, unit: str = " x", note: str = "") -> Row:
    """Return a row for a figure that should be small. See `at_least`."""
    reached = None if note else figure <= target
    return Row(what, _noted(f"{figure:.2f}{unit}", note), f"at most {target:g}{unit}", reached)


@dataclass
class Report:
    """The results of one benchmark: ratios named like `a / b`, figures with their units, and rows of targets."""

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
    """Print each measurement with its target."""
    for row in rows:
        reached = {True: "reached", False: "NOT reached", None: "not comparable"}[row.reached]
        print(f"{reached:>14}  {row.what}: {row.measured}, target {row.target}", flush=True)


def save_json(path: str, results: Mapping[str, object]) -> None:
    """Write results together with the machine, its load and the commit."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    saved = {**results, "machine": machine(), "load": load(), "commit": commit()}
    Path(path).write_text(json.dumps(saved, indent=2))


def machine() -> str:
    """Describe the processor: its name, its cores, and the instruction sets that matter for the benchmarks."""
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    model = next((line.partition(":")[2].strip() for line in flags.splitlines() if "model name" in line), "")
    capable = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16") if flag in flags.split()]
    return f"{model or platform.processor()}, {os.cpu_count()} cores, {' '.join(capable)}"


def load() -> str:
    """Return the load averages of the last 1, 5 and 15 minutes. Measurements at a high load are less reliable."""
    return " ".join(f"{average:.1f}" for average in os.getloadavg())


def commit() -> str:
    """Return the commit of the checkout, with a + if it has uncommitted changes."""
    git = subprocess.run(["git", "describe", "--always", "--dirty=+"], capture_output=True, text=True, check=False)
    return git.stdout.strip() or "unknown"


def in_turn(rounds: int, contenders: Mapping[str, Callable[[], float]]) -> dict[str, float]:
    """Return the median figure of each contender over several rounds.

    The contenders take turns (A B C A B C …), so that a machine that gets slower affects all of them.
    """
    figures: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, measure in contenders.items():
            figures[name].append(measure())
    return {name: statistics.median(values) for name, values in figures.items()}


def _noted(measured: str, note: str) -> str:
    return f"{measured} ({note})" if note else measured
