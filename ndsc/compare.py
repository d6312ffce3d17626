"""Command that compares stored runs: `python -m ndsc.compare [experiment or run ids]`."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ndsc.errors import UserError, redacted
from ndsc.startup import PLAIN_FIGURES
from ndsc.terminal import standard_streams

KINDS = ("local", "server")
SETTINGS = ("tracking=", "tracking.root=")
DESCRIPTION = """\
Compare runs: one row per configuration with mean and standard deviation over its seeds, the params that differ, the
costs, and McNemar's test of the best two configurations on the same validation photos. Prints the table, and writes
comparison.md (with every run and the commands to repeat), comparison.csv (with every param) and comparison.png."""
EXAMPLES = """\
examples
  python -m ndsc.compare                            the default experiment
  python -m ndsc.compare baseline                   all finished runs of the experiment `baseline`
  python -m ndsc.compare <run id> <run id>          these two; the id of a sweep stands for its runs
  python -m ndsc.compare baseline tracking=server   on the server that MLFLOW_TRACKING_URI names"""


@standard_streams()
def main(arguments: Sequence[str] | None = None) -> int:
    """Compare the runs that the arguments name; return the exit code: 0, or 1 after an error."""
    os.environ.update(PLAIN_FIGURES)
    # Words may be on both sides of --output.
    parsed = _parser().parse_intermixed_args(arguments)
    try:
        compare(parsed.what, parsed.output)
    except BrokenPipeError:
        raise
    except (UserError, OSError) as error:
        print(redacted(str(error)), file=sys.stderr)
        return 1
    return 0


def compare(words: Sequence[str], output: Path | None) -> None:
    """Print the comparison and write its files.

    Args:
        words: names of experiments and ids of runs, and settings of the store; the default of anything missing is in
            conf/train.yaml.
        output: the folder of the files; None for one below outputs/.

    Raises:
        UserError: the store cannot be read, has nothing with one of these names, or no run that can be compared.
    """
    # MLflow, pandas and Matplotlib take seconds to import, and --help does not need them.
    from omegaconf import OmegaConf

    from ndsc.comparison.report import report_comparison
    from ndsc.config.schema import CONFIG_FOLDER, TrackingStoreConfig

    default = OmegaConf.load(CONFIG_FOLDER / "train.yaml").tracking
    names = [word for word in words if not word.startswith(SETTINGS)]
    settings = dict(word.split("=", 1) for word in words if word.startswith(SETTINGS))
    kind = settings.get("tracking", KINDS[0])
    if kind not in KINDS:
        raise UserError(f"tracking must be one of {' or '.join(KINDS)}: where the runs are. Received: tracking={kind}.")
    store = TrackingStoreConfig(kind, settings.get("tracking.root", default.root))
    report_comparison(names or [default.experiment], store, output)


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
        help="names of experiments and ids of runs; also tracking=local|server and tracking.root=<folder>, as in "
        "ndsc.train",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FOLDER",
        help="the folder for the three files (default: outputs/comparisons/<the first name>)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
