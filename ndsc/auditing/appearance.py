"""Photos that show next to nothing: dark, blurred, nearly blank; by CleanVision's measures.

CleanVision's usual entry point reads folders of photos. The class behind it measures Pillow images, so photos are read
out of archives and judged in memory, by its measures and thresholds, and nothing is written.
"""

import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
from cleanvision.issue_managers.image_property_issue_manager import ImagePropertyIssueManager
from PIL import Image

from ndsc.data.catalogue import PhotoReader
from ndsc.data.images import read_pixels
from ndsc.process import usable_cores
from ndsc.terminal import progress

# CleanVision looks for blur on 64 pixels, and light and information hardly depend on size; full photos take many times
# as long.
SIDE = 128
# What we call it, and what CleanVision does. Its `light` finds every slim thing on a white ground: it is not used.
ISSUES = {"dark": "dark", "blurred": "blurry", "nearly blank": "low_information"}


def judge_appearance(photos: pd.DataFrame, reader: PhotoReader) -> pd.DataFrame:
    """One row a photo, in order: a column for each of ISSUES with its score, 0 (certain) to 1, or NaN where it has not
    this issue.

    Args:
        photos: rows with archive, offset and size of photos that decode.
    """
    places = photos[["archive", "offset", "size"]].itertuples(index=False, name=None)
    with (
        progress("looking", total=len(photos)) as advance,
        ThreadPoolExecutor(usable_cores()) as threads,
        warnings.catch_warnings(),
    ):
        # Pillow warns of odd metadata that does not matter here.
        warnings.simplefilter("ignore")

        def one(place: tuple[str, int, int]) -> dict[str, float]:
            archive, offset, size = place
            measured = measure(small_copy(reader.read(str(archive), int(offset), int(size)), SIDE))
            advance(1)
            return measured

        measures = pd.DataFrame(list(threads.map(one, places)), index=photos.index)
    return score(measures)


def small_copy(data: bytes, side: int) -> Image.Image:
    """The photo in RGB, upright, no side longer than this.

    Raises:
        ndsc.data.images.Unusable: with the reason.
    """
    image = Image.fromarray(read_pixels(data).astype(np.uint8))
    image.thumbnail((side, side), Image.Resampling.BOX)
    return image


def measure(image: Image.Image) -> dict[str, float]:
    """CleanVision's raw measures of one photo."""
    judges = ImagePropertyIssueManager().image_properties
    measured: dict[str, float] = {}
    for kind in ISSUES.values():
        measured |= judges[kind].calculate(image)
    return measured


def score(measures: pd.DataFrame) -> pd.DataFrame:
    """The scores of photos with these measures, by CleanVision's defaults; NaN where its threshold is not passed."""
    manager = ImagePropertyIssueManager()
    manager.issues = pd.DataFrame(index=measures.index)
    manager.update_issues(measures, list(ISSUES.values()))
    found = manager.issues
    return pd.DataFrame(
        {name: found[f"{kind}_score"].where(found[f"is_{kind}_issue"]) for name, kind in ISSUES.items()}
    )
