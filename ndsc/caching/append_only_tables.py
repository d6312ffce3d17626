"""What is remembered from run to run, row by row: small tables in a folder, added and never changed.

Several processes may add the same rows at once: they are equal, and whichever is found will do.
"""

import hashlib
import logging
import secrets
from pathlib import Path

import pyarrow as pa

from ndsc.caching.tables import load_table, save_table
from ndsc.errors import UserError

log = logging.getLogger(__name__)


class AppendOnlyTables:
    """All tables below `folder` that were made by the same rules, in words."""

    def __init__(self, folder: Path, rules: str) -> None:
        self._folder = folder / hashlib.blake2b(rules.encode(), digest_size=8).hexdigest()

    def load(self) -> list[pa.Table]:
        """Those that are there and whole."""
        loaded = [load_table(path) for path in sorted(self._folder.glob("[!.]*.arrow"))]
        return [found[0] for found in loaded if found is not None]

    def add(self, table: pa.Table, what: str) -> None:
        """Add one; `what` names it in the warning that a cache which cannot be written is worth: the run needs it
        not."""
        try:
            save_table(self._folder / f"{secrets.token_hex(16)}.arrow", table, {})
        except UserError as error:
            log.warning("%s could not be kept. %s", what, error)
