"""Measure a sweep of 20 runs over the head with a cold cache, against one run with a cold cache.

The sweep combines learning rates, weight decays and dropout rates. The frozen part runs once for all of them.

    python -m experiments.benchmarks.sweep [--per-class 1150] [--backbone resnet50]

The runs use random weights and no early stopping. Duration with n photos a class, at 15 photos a second: 1.4 n
seconds and about two minutes.
"""

import argparse
import tempfile
from pathlib import Path

from experiments.benchmarks.command_line import baseline, data_name, training_parser
from experiments.benchmarks.processes import Trainings
from experiments.benchmarks.report import Report, at_most

PER_CLASS = 1150
RATES = ("1e-4", "3e-4", "1e-3", "3e-3", "1e-2")
FURTHER = ("optimizer.weight_decay=null,1e-4", "head.dropout=0.0,0.2")
COMBINATIONS = 4  # of FURTHER, for each learning rate


def main() -> None:
    """Run the benchmark and print its report."""
    parser = training_parser(__doc__)
    parser.add_argument("--per-class", type=int, default=PER_CLASS)
    parser.add_argument("--backbone", default="resnet50")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--rates", nargs="+", default=RATES, help="learning rates")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ndsc-sweep-") as folder:
        report = run(given, Path(folder))
    report.show()
    report.save(given.json)


def run(given: argparse.Namespace, folder: Path) -> Report:
    """Start one run and one sweep, each with its own empty cache."""
    settings = [f"backbone={given.backbone}", "backbone.weights=random", "callbacks=none"]
    overrides = baseline(given, given.per_class, [*settings, f"training.epochs={given.epochs}"])
    one, many = Trainings(folder / "one"), Trainings(folder / "many")
    single = one.train(overrides)
    sweep = many.sweep([*overrides, f"optimizer.learning_rate={','.join(given.rates)}", *FURTHER])
    runs = many.logged()
    expected = COMBINATIONS * len(given.rates)
    if len(runs) != expected:
        raise SystemExit(f"The sweep must log {expected} runs. Received: {len(runs)}.")
    report = Report("sweep", f"{expected} runs, {given.backbone}, {given.per_class} a class of {data_name(given)}")
    report.ratios["sweep, cold cache / one run, cold cache"] = ratio = sweep.seconds / single.seconds
    report.figures = {
        "one run": f"{single.seconds:.1f} s",
        f"{expected} runs": f"{sweep.seconds:.1f} s",
        "each further run": f"{(sweep.seconds - single.seconds) / (expected - 1):.1f} s",
        "views computed by one run": f"{one.logged()[0].metrics['cache/misses']:,.0f}",
        "views computed by the sweep": f"{sum(run.metrics['cache/misses'] for run in runs):,.0f}",
    }
    full = given.per_class >= PER_CLASS and len(given.rates) >= len(RATES)
    size = "" if full else f"{given.per_class} a class"
    report.rows = [at_most("20-run sweep over the head, cold, against one cold run", ratio, 2.0, note=size)]
    return report


if __name__ == "__main__":
    main()
