"""What made the difference? `python -m ndsc.compare [experiment or run ids]`: the table that a paper would have."""

import argparse
import io
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ndsc.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from ndsc.comparison.comparison_table import Comparison
    from ndsc.comparison.significance import TopTwoTest
    from ndsc.tracking.history import History

PREDICTIONS = "predictions/validation.csv"
KINDS = ("local", "server")
DESCRIPTION = """\
Compare runs: one row a configuration, mean and standard deviation over its seeds, the params that differ, what it
cost, and McNemar's test of the best two on the same validation photos. Prints the table, and writes comparison.md
(with every run and the commands to repeat), comparison.csv and comparison.png."""
EXAMPLES = """\
examples
  python -m ndsc.compare                            the experiment that runs go to unless told otherwise
  python -m ndsc.compare baseline                   all finished runs of the experiment `baseline`
  python -m ndsc.compare <run id> <run id>          these two; a sweep's id stands for the runs below it
  python -m ndsc.compare baseline tracking=server   of the server that MLFLOW_TRACKING_URI names"""


@dataclass
class StoreConfig:
    """Where runs were recorded."""

    kind: str
    root: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare what the arguments name; returns the exit code: 0, or 1 where it could not be done."""
    # Words may stand on both sides of --output.
    chosen = _parser().parse_intermixed_args(arguments)
    try:
        compare(*_names_and_store(chosen.what), chosen.output)
    except (UserError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def compare(names: Sequence[str], tracking: StoreConfig, output: Path | None) -> None:
    """Print the table and write it into the folder `output` (None: one below outputs/, named by what is compared).

    Raises:
        UserError: the store cannot be read, has nothing of these names, or no run that counts.
    """
    # It takes seconds: --help does without.
    from ndsc.comparison.comparison_table import compare_runs
    from ndsc.comparison.comparison_text import summary
    from ndsc.comparison.significance import compare_top_two
    from ndsc.tracking.history import History

    history = History(tracking)
    comparison = compare_runs(history.find(names))
    check(comparison, names)
    best_two = None
    if len(comparison.configurations) > 1:
        best, second = comparison.configurations[:2]
        best_two = compare_top_two(best, second, lambda run: _predictions(history, run.id))
    title = _title(names)
    print(summary(title, comparison, best_two))
    for path in _write(title, comparison, best_two, output or _folder(names[0])):
        print(path)


def check(comparison: "Comparison", names: Sequence[str]) -> None:
    """Refuse to compare nothing.

    Raises:
        UserError: no run counts.
    """
    if not comparison.configurations:
        reasons = [f"{len(runs)} {reason}" for reason, runs in comparison.left_out.items()]
        raise UserError(
            "At least one finished run with accuracies was expected. Received: "
            f"{', '.join(reasons) or 'no run at all'} in {', '.join(names)}. Name another experiment or other runs."
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ndsc.compare",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "what",
        nargs="*",
        metavar="EXPERIMENT|RUN",
        help="names of experiments and ids of runs; among them tracking=local|server and tracking.root=<folder>, "
        "which mean what they mean to ndsc.train",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FOLDER",
        help="the folder for the three files (default: outputs/comparisons/<the first name>)",
    )
    return parser


def _names_and_store(words: Sequence[str]) -> tuple[list[str], StoreConfig]:
    """Names of experiments or runs, and the store; what is not said is as in conf/train.yaml."""
    from omegaconf import OmegaConf

    from ndsc.config.schema import CONFIG_FOLDER

    default = OmegaConf.load(CONFIG_FOLDER / "train.yaml").tracking
    settings = {"tracking": KINDS[0], "tracking.root": default.root}
    names = []
    for word in words:
        key, _, value = word.partition("=")
        if key in settings and value:
            settings[key] = value
        else:
            names.append(word)
    kind = settings["tracking"]
    if kind not in KINDS:
        raise UserError(f"tracking must be one of {' or '.join(KINDS)}: where the runs are. Received: tracking={kind}.")
    return names or [default.experiment], StoreConfig(kind, settings["tracking.root"])


def _predictions(history: "History", run_id: str) -> "pd.DataFrame | None":
    import pandas as pd

    text = history.text(run_id, PREDICTIONS)
    if text is None:
        return None
    # A class may be called "None", and a content hash may consist of digits.
    return pd.read_csv(io.StringIO(text), dtype={"content": str, "true": str}, keep_default_na=False)


def _title(names: Sequence[str]) -> str:
    first = f"run {names[0][:8]}" if re.fullmatch("[0-9a-f]{32}", names[0]) else names[0]
    return first if len(names) == 1 else f"{first} and {len(names) - 1} more"


def _folder(name: str) -> Path:
    return Path("outputs", "comparisons", re.sub(r"[^\w.-]+", "_", name).lstrip(".") or "_")


def _write(title: str, comparison: "Comparison", best_two: "TopTwoTest | None", folder: Path) -> list[Path]:
    from ndsc.comparison.comparison_figure import comparison_figure
    from ndsc.comparison.comparison_text import appendix, data_table, summary
    from ndsc.evaluation.figures.style import as_png

    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"comparison.{ending}" for ending in ("md", "csv", "png")]
    paths[0].write_text(f"{summary(title, comparison, best_two)}\n{appendix(comparison)}", encoding="utf-8")
    data_table(comparison).to_csv(paths[1], index=False)
    paths[2].write_bytes(as_png(comparison_figure(title, comparison)))
    return paths


if __name__ == "__main__":
    sys.exit(main())
