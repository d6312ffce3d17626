"""The built-in sample data: rendered once, then found again."""

import hashlib
import logging
import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from ndsc.errors import UserError
from ndsc.sample.layout import write_layout
from ndsc.sample.plan import PHOTOS_PER_CATEGORY, plan_listings
from ndsc.terminal import progress

# To be raised with every change of what is drawn: samples of older versions are then not found any more.
RENDERER_VERSION = 3
WORKSHOP = ".rendering-"
ABANDONED_SECONDS = 24 * 3600


def render_sample(folder: Path, photos_per_class: int = 200, seed: int = 0) -> Path:
    """The folder, inside of `folder`, of a rendered sample in NDSC's layout; rendered now if it is not there yet.

    A class has `photos_per_class` listings, three of them test photos. The same arguments give the same bytes (with the
    same versions of Pillow and numpy, on the same kind of machine). Several processes may call this at once, and die at
    any instant: a sample gets its name only when it is complete. Raises UserError for fewer than 10 photos a class or
    a negative seed.
    """
    if photos_per_class < PHOTOS_PER_CATEGORY or seed < 0:
        raise UserError(
            f"The rendered sample needs at least {PHOTOS_PER_CATEGORY} photos a class and a seed of 0 or more. "
            f"Received: {photos_per_class} photos a class and seed {seed}. Choose larger numbers."
        )
    finished = folder / _folder_name(photos_per_class, seed)
    if finished.is_dir():
        return finished
    folder.mkdir(parents=True, exist_ok=True)
    _clear_abandoned(folder)
    with tempfile.TemporaryDirectory(prefix=WORKSHOP, dir=folder) as workshop:
        unfinished = Path(workshop, "sample")
        unfinished.mkdir()
        _render(unfinished, photos_per_class, seed)
        _publish(unfinished, finished)
    return finished


def _clear_abandoned(folder: Path) -> None:
    """Remove what renderers left that were killed more than a day ago; younger ones may still be at work."""
    for workshop in folder.glob(f"{WORKSHOP}*"):
        # Another process may clear at the same time; what is left now is cleared next time.
        with suppress(FileNotFoundError):
            if time.time() - workshop.stat().st_mtime > ABANDONED_SECONDS:
                shutil.rmtree(workshop)


def _folder_name(photos_per_class: int, seed: int) -> str:
    arguments = f"photos_per_class={photos_per_class} seed={seed} version={RENDERER_VERSION}"
    return f"sample-{hashlib.blake2b(arguments.encode(), digest_size=6).hexdigest()}"


def _render(folder: Path, photos_per_class: int, seed: int) -> None:
    listings = plan_listings(photos_per_class, seed)
    with progress("rendering", total=len(listings)) as advance:
        write_layout(folder, listings, seed, advance)
    logging.getLogger(__name__).info("Rendered %d sample photos.", len(listings))


def _publish(unfinished: Path, finished: Path) -> None:
    """Give a complete sample its name, unless another process was faster: then that one's is as good."""
    try:
        os.rename(unfinished, finished)
    except OSError:
        if not finished.is_dir():
            raise
