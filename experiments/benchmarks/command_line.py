"""Command-line arguments that the benchmarks share, and the configuration that they describe."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from hydra import compose, initialize_config_dir

from ndsc.config.checks import typed
from ndsc.config.command_line import VERSION_BASE
from ndsc.config.schema import CONFIG_FOLDER, Config
from ndsc.sample import render_sample

SAMPLE_FOLDER = Path("cache", "sample")  # where `python -m ndsc.train` renders it, too
SAMPLE_PER_CLASS = 200
SPARE = 50  # extra photos per class: test photos are chosen from 30 of them


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser with `--json` that prints the description without wrapping it."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--json", help="where to write the results")
    return made


def training_parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser with `--json`, `--root` and overrides like those of `python -m ndsc.train`."""
    made = parser(description)
    add_root(made)
    made.add_argument("overrides", nargs="*", help="more settings, as for python -m ndsc.train")
    return made


def add_root(made: argparse.ArgumentParser) -> None:
    """Add `--root`. Its default is `$NDSC_ROOT`, or the rendered sample if that is not set."""
    made.add_argument("--root", default=os.environ.get("NDSC_ROOT"), help="a folder in NDSC's layout ($NDSC_ROOT)")


def baseline(given: argparse.Namespace, per_class: int, more: Sequence[str]) -> list[str]:
    """Return overrides for the baseline with `per_class` photos a class. Renders the sample if needed."""
    root = given.root or render_sample(SAMPLE_FOLDER, max(SAMPLE_PER_CLASS, per_class + SPARE))
    data = ["data=ndsc", f"data.root={Path(root).absolute()}", f"sampling.per_class={per_class}"]
    return ["+experiment=baseline", *data, *more, *given.overrides]


def data_name(given: argparse.Namespace) -> str:
    """Return the name of the photos in reports."""
    return "the rendered sample" if given.root is None else "photos in data.root"


def configured(overrides: Sequence[str]) -> Config:
    """Return the configuration that the overrides describe, checked."""
    with initialize_config_dir(str(CONFIG_FOLDER), **VERSION_BASE):
        return typed(compose("train", overrides=list(overrides)))
