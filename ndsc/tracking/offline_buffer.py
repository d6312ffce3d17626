"""A folder for what a tracking store did not take: an outage of the store costs nothing of a run.

It is ours because MLflow has no offline mode: measured, a server that dies costs one time-out instead of the run.
`<root>/unsent/<run id>/` holds `params.jsonl`, `metrics.jsonl`, `tags.jsonl` and `datasets.jsonl`, one JSON object a
line in the order in which they were logged, and below `artifacts/` the files at their artifact paths.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from ndsc.tracking.store_address import create_folder


def create_buffer(root: Path, run_id: str) -> Path:
    """Create the folder of a run, below a root that git ignores."""
    create_folder(root)
    folder = root / "unsent" / run_id
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def buffer_line(folder: Path, kind: str, values: Mapping[str, object]) -> None:
    """Append one JSON object to `<kind>.jsonl`."""
    with open(folder / f"{kind}.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps(values) + "\n")


def buffer_file(folder: Path, source: Path, artifact_folder: str) -> None:
    """Copy a file or a folder, under its own name, to its artifact path."""
    target = folder / "artifacts" / artifact_folder / source.name
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copy2(source, target)
