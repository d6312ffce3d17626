"""Packages that only some settings need: the extras of pyproject.toml."""

import importlib.util
from collections.abc import Mapping


def missing(packages: Mapping[str, str]) -> list[str]:
    """Which of these packages, by the module that each is imported as, are not installed."""
    return [package for module, package in packages.items() if importlib.util.find_spec(module) is None]


def installing(extra: str) -> str:
    """The command that installs an extra."""
    return f"python -m pip install --no-deps --require-hashes -r requirements/{extra}.txt"
