"""A folder that takes what a tracking store did not: nothing of a run is lost because a server is.

`<root>/unsent/<run id>/` holds `params.jsonl`, `metrics.jsonl`, `tags.jsonl` and `datasets.jsonl`, one JSON object a
line in the order in which they were logged, and below `artifacts/` the files at their artefact paths.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from ndsc.tracking.store import create_folder


def unsent_folder(root: Path, run_id: str) -> Path:
    """Make the folder of a run, below a root that git ignores."""
    create_folder(root)
    folder = root / "unsent" / run_id
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def keep_line(folder: Path, kind: str, values: Mapping[str, object]) -> None:
    """Append one JSON object to `<kind>.jsonl`."""
    with open(folder / f"{kind}.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps(values) + "\n")


def keep_bytes(folder: Path, content: bytes, path: str) -> None:
    """Write an artefact at its artefact path."""
    _place(folder, path).write_bytes(content)


def keep_file(folder: Path, source: Path, artefact_folder: str) -> None:
    """Copy a file or a folder, under its own name, to where it would have been among the artefacts."""
    target = _place(folder, f"{artefact_folder}/{source.name}")
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copy2(source, target)


def _place(folder: Path, path: str) -> Path:
    target = folder / "artifacts" / path.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    return target
