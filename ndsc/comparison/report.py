"""The comparison of stored runs: printed, and written as Markdown, CSV and PNG."""

import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from ndsc.comparison.comparison_table import compare_runs
from ndsc.comparison.comparison_text import appendix, data_table, summary
from ndsc.comparison.figures import comparison_figure
from ndsc.comparison.significance import compare_top_two
from ndsc.config.schema import TrackingStoreConfig
from ndsc.errors import UserError
from ndsc.evaluation.figures.style import as_png
from ndsc.tracking.history import RUN_ID, History

PREDICTIONS = "predictions/validation.csv"


def report_comparison(names: Sequence[str], tracking: TrackingStoreConfig, folder: Path | None) -> None:
    """Print the comparison of these runs and experiments, write its three files, and print their paths.

    Args:
        folder: of the files; None for one below outputs/ named after what is compared.

    Raises:
        UserError: the store cannot be read, has nothing with one of these names, or no run that can be compared; or
            the folder cannot be written.
    """
    history = History(tracking)
    comparison = compare_runs(history.find(names))
    if not comparison.configurations:
        reasons = ", ".join(f"{len(runs)} {reason}" for reason, runs in comparison.excluded.items()) or "no runs"
        raise UserError(
            f"At least one finished run with accuracies was expected. Received: {reasons} in {', '.join(names)}. Name "
            "another experiment or other runs."
        )
    best_two = None
    if len(comparison.configurations) > 1:
        best, second = comparison.configurations[:2]
        best_two = compare_top_two(best, second, lambda run: _predictions(history, run.id))
    title = _title(names)
    text = summary(title, comparison, best_two)
    print(text)
    files = {
        "comparison.md": f"{text}\n{appendix(comparison)}".encode(),
        "comparison.csv": data_table(comparison).to_csv(index=False).encode(),
        "comparison.png": as_png(comparison_figure(title, comparison)),
    }
    folder = folder or _folder(names[0])
    _write(folder, files)
    print(*(folder / name for name in files), sep="\n")


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (folder / name).write_bytes(data)
    except OSError as error:
        raise UserError(
            f"--output must name a folder that can be written. Received: {folder} ({error.strerror or error}). Name "
            "another folder."
        ) from error


def _predictions(history: History, run_id: str) -> pd.DataFrame | None:
    text = history.text(run_id, PREDICTIONS)
    if text is None:
        return None
    # A class may be called "None", and a content hash may consist of digits.
    return pd.read_csv(io.StringIO(text), dtype={"content": str, "true": str}, keep_default_na=False)


def _title(names: Sequence[str]) -> str:
    first = f"run {names[0][:8]}" if RUN_ID.fullmatch(names[0]) else names[0]
    return first if len(names) == 1 else f"{first} and {len(names) - 1} more"


def _folder(name: str) -> Path:
    return Path("outputs", "comparisons", re.sub(r"[^\w.-]+", "_", name).lstrip(".") or "_")
