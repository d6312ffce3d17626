"""How a benchmark shows what it measured: ratios first, then figures, and the same as JSON."""

import argparse
import json
import os
import platform
import statistics
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass
class Report:
    """One benchmark's results: ratios (each name says what is divided by what), and figures with their units."""

    name: str
    setting: str
    ratios: dict[str, float] = field(default_factory=dict)
    figures: dict[str, str] = field(default_factory=dict)

    def show(self) -> None:
        """Print the table."""
        print(f"\n{self.name}: {self.setting}\n{machine()}, commit {commit()}")
        for name, ratio in self.ratios.items():
            print(f"{ratio:>12.2f} x  {name}")
        for name, figure in self.figures.items():
            print(f"{figure:>14}  {name}")

    def save(self, path: str | None) -> None:
        """Write the results, the machine and the commit as JSON, if a path is given."""
        if path is not None:
            Path(path).write_text(json.dumps({**asdict(self), "machine": machine(), "commit": commit()}, indent=2))


def machine() -> str:
    """The processor, what it can do that matters here, and how many cores may be used."""
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    model = next((line.partition(":")[2].strip() for line in flags.splitlines() if "model name" in line), "")
    capable = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16") if flag in flags.split()]
    return f"{model or platform.processor()}, {os.cpu_count()} cores, {' '.join(capable)}"


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


def arguments(description: str | None, more: Sequence[tuple[str, dict]] = ()) -> argparse.Namespace:
    """`--root` (a folder in NDSC's layout; without it the sample data), `--json`, and the benchmark's own."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default=os.environ.get("NDSC_ROOT"), help="a folder in NDSC's layout")
    parser.add_argument("--json", help="where to write the results")
    for name, options in more:
        parser.add_argument(name, **options)
    return parser.parse_args()


def data_overrides(root: str | None) -> list[str]:
    """The overrides that choose the data."""
    return [] if root is None else ["data=ndsc", f"data.root={root}"]
