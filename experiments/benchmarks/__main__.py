"""Run all benchmarks, and end with one table of all targets.

    python -m experiments.benchmarks [--full] [--minutes 20] [--json results.json]

The frozen pass runs first: its speed decides the sizes of the other benchmarks, so that all of them end in time.
`--full` uses the sizes of the targets instead, which takes hours on a machine that processes 15 photos a second.
Photos come from --root or $NDSC_ROOT; otherwise the sample is rendered. Record results in experiments/LEADERBOARD.md
with machine and commit.
"""

import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from experiments.benchmarks.command_line import add_root, parser
from experiments.benchmarks.plan import FEW_PHOTOS, FULL, OURS, PREDICT, sized
from experiments.benchmarks.report import Row, save_json, show_rows


def main() -> None:
    """Run all benchmarks and print the table. Exit with status 1 if one failed."""
    known = parser(__doc__)
    add_root(known)
    known.add_argument("--full", action="store_true", help="use the sizes of the targets (takes hours)")
    known.add_argument("--minutes", type=float, default=20.0)
    given = known.parse_args()
    data = [] if given.root is None else ["--root", given.root]
    started = time.perf_counter()
    first = reported("frozen_pass", ["--photos", str(FULL.photos if given.full else FEW_PHOTOS), *data])
    if first is None:
        raise SystemExit("The frozen pass failed. The sizes of the other benchmarks depend on its speed.")
    plan = FULL if given.full else sized(*(float(first["figures"][name]) for name in (OURS, PREDICT)), given.minutes)
    print(f"\nsizes: {plan}", flush=True)
    reports, failed = [first], []
    for name, arguments in plan.commands(int8=importlib.util.find_spec("nncf") is not None):
        report = reported(name, arguments if name == "archive" else [*arguments, *data])
        if report is None:
            failed.append(name)
        else:
            reports.append(report)
    rows = [Row(**row) for report in reports for row in report["rows"]]
    minutes = (time.perf_counter() - started) / 60
    print(f"\ntargets; all benchmarks took {minutes:.1f} minutes")
    show_rows(rows)
    if given.json is not None:
        save_json(given.json, {"minutes": minutes, "plan": vars(plan), "reports": reports})
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


def reported(name: str, arguments: Sequence[str]) -> dict | None:
    """Run one benchmark in its own process, which prints its tables. Return its report, or None if it failed."""
    with tempfile.TemporaryDirectory(prefix="ndsc-benchmarks-") as folder:
        written = Path(folder, "report.json")
        command = [sys.executable, "-m", f"experiments.benchmarks.{name}", *arguments, "--json", str(written)]
        if subprocess.run(command, check=False).returncode:
            return None
        return json.loads(written.read_text())


if __name__ == "__main__":
    main()
