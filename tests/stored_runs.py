"""Runs that version 0.1 stored, unpacked from `tests/fixtures/` (its README says how they were recorded)."""

import re
import sqlite3
import tarfile
from dataclasses import dataclass
from pathlib import Path

from ndsc.config.schema import TrackingConfig

ARCHIVE = Path(__file__).parent / "fixtures" / "runs-0.1.tar.xz"
RECORDED_AT = "/data/ndsc"
TEXTS = (".csv", ".json", ".sql", ".txt", ".yaml", "")


@dataclass(frozen=True)
class StoredRuns:
    """A store with a single run, fine-tuned, and a sweep over `backbone.float32` with two children."""

    folder: Path
    single: str = "40467a4b2fde4832bc719e654a1cb6b6"
    sweep: str = "fa871aa069d347b2a396f74ab2783b77"
    children: tuple[str, str] = ("4a4d47f63905408c9a580f82012d6f26", "529eba9db92949799366eeb621e848c8")

    @property
    def tracking(self) -> TrackingConfig:
        """The settings of the store."""
        return TrackingConfig(kind="local", root=str(self.folder / "mlruns"))

    @property
    def photos(self) -> Path:
        """The photos that the runs were trained on: `mug/` and `plate/`."""
        return self.folder / "photos"

    def locations(self, cache: str = "cache") -> tuple[str, str]:
        """Overrides that name the store and a cache."""
        return f"tracking.root={self.tracking.root}", f"cache.root={self.folder / cache}"


def unpack_stored_runs(folder: Path) -> StoredRuns:
    """Unpack the store and the photos into an empty folder, as if the runs had been recorded there.

    Only the manifests still name the photos where they were.
    """
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    for file in folder.rglob("*"):
        if file.is_file() and file.suffix in TEXTS:
            text = file.read_text(encoding="utf-8")
            file.write_text(re.sub(rf"{RECORDED_AT}(?=/|\b)", str(folder), text), encoding="utf-8")
    with sqlite3.connect(folder / "mlruns" / "mlflow.db") as database:
        database.executescript((folder / "mlruns" / "mlflow.sql").read_text(encoding="utf-8"))
    database.close()
    return StoredRuns(folder)
