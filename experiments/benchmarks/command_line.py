"""What the benchmarks have in common on their command lines, and how these become settings of ours."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from hydra import compose, initialize_config_dir

from ndsc.config.schema import CONFIG_FOLDER, Config, register, typed
from ndsc.sample import render_sample

SAMPLE_FOLDER = Path("cache", "sample")  # where `python -m ndsc.train` renders it, too
SAMPLE_PER_CLASS = 200
SPARE = 50  # photos a class beside those that are trained on: test photos are chosen from 30


def parser(description: str | None) -> argparse.ArgumentParser:
    """A parser that knows `--json` and prints the description as it stands."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--json", help="where to write the results")
    return made


def training_parser(description: str | None) -> argparse.ArgumentParser:
    """A parser that also knows `--root` and, at its end, overrides as `python -m ndsc.train` takes them."""
    made = parser(description)
    add_root(made)
    made.add_argument("overrides", nargs="*", help="more settings, as for python -m ndsc.train")
    return made


def add_root(made: argparse.ArgumentParser) -> None:
    """`--root`: by default `$NDSC_ROOT`, and the rendered sample where that is not set."""
    made.add_argument("--root", default=os.environ.get("NDSC_ROOT"), help="a folder in NDSC's layout ($NDSC_ROOT)")


def baseline(given: argparse.Namespace, per_class: int, more: Sequence[str]) -> list[str]:
    """Overrides for the baseline on so many photos a class. The sample is rendered now, before any clock starts."""
    root = given.root or render_sample(SAMPLE_FOLDER, max(SAMPLE_PER_CLASS, per_class + SPARE))
    data = ["data=ndsc", f"data.root={Path(root).absolute()}", f"sampling.per_class={per_class}"]
    return ["+experiment=baseline", *data, *more, *given.overrides]


def data_name(given: argparse.Namespace) -> str:
    """Which photos, for the report."""
    return "the rendered sample" if given.root is None else "photos in data.root"


def configured(overrides: Sequence[str]) -> Config:
    """These overrides as a checked configuration."""
    register()
    with initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
        return typed(compose("train", overrides=list(overrides)))
