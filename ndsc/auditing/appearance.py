"""Photos that show next to nothing: dark, nearly blank (by CleanVision's measures), blurred (by `sharpness`).

CleanVision's usual entry point reads folders of photos. The class behind it measures Pillow images, so photos are read
out of archives and judged in memory, by its measures and thresholds, and nothing is written.
"""

import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
from cleanvision.issue_managers.image_property_issue_manager import ImagePropertyIssueManager
from PIL import Image

from ndsc.auditing.sharpness import BLURRED, sharpness
from ndsc.data.decoding import read_pixels
from ndsc.process import usable_cores
from ndsc.storage.photo_reader import PhotoReader
from ndsc.terminal import progress

# Light and information hardly depend on size; full photos take many times as long.
SIDE = 128
# What we call it, and what CleanVision does. Its `light` finds every slim thing on a white ground: it is not used.
ISSUES = {"dark": "dark", "nearly blank": "low_information"}


def judge_appearance(photos: pd.DataFrame, reader: PhotoReader) -> pd.DataFrame:
    """One row a photo, in order; the columns dark, blurred and nearly blank hold a score from 0 (certain) to 1, or NaN
    where the photo is not so.

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
            measured = measure(photo(reader.read(str(archive), int(offset), int(size))))
            advance(1)
            return measured

        measures = pd.DataFrame(list(threads.map(one, places)), index=photos.index)
    return score(measures)


def photo(data: bytes) -> Image.Image:
    """The photo as training sees it: RGB, upright, transparency over white, of an animation the first frame.

    Raises:
        ndsc.data.decoding.Unusable: with the reason.
    """
    return Image.fromarray(read_pixels(data).astype(np.uint8))


def measure(image: Image.Image) -> dict[str, float]:
    """CleanVision's raw measures of one photo, and its sharpness."""
    judges = ImagePropertyIssueManager().image_properties
    small = image.copy()
    small.thumbnail((SIDE, SIDE), Image.Resampling.BOX)
    measured = {"sharpness": sharpness(image)}
    for kind in ISSUES.values():
        measured |= judges[kind].calculate(small)
    return measured


def score(measures: pd.DataFrame) -> pd.DataFrame:
    """The scores of photos with these measures, by CleanVision's defaults; NaN where its threshold is not passed."""
    manager = ImagePropertyIssueManager()
    manager.issues = pd.DataFrame(index=measures.index)
    manager.update_issues(measures, list(ISSUES.values()))
    found = manager.issues
    passed = {name: found[f"{kind}_score"].where(found[f"is_{kind}_issue"]) for name, kind in ISSUES.items()}
    blurred = measures["sharpness"].where((measures["sharpness"] < BLURRED) & passed["nearly blank"].isna())
    return pd.DataFrame({"dark": passed["dark"], "blurred": blurred, "nearly blank": passed["nearly blank"]})
