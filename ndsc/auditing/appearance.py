"""Photos that show almost nothing: dark or nearly blank (measured by CleanVision), or blurred (measured here).

CleanVision itself reads folders of photos. The class behind it measures Pillow images, so photos are read from archives
and measured in memory with its thresholds, and no files are written.

CleanVision's own measure of blur is the spread of edges and of grey levels on 64 pixels; it calls any object on a plain
background sharp. An edge of contrast 1 blurred by s pixels has a second derivative of at most 0.24 / s², so the largest
derivatives show how blurred the sharpest edges are, even if they cover a small part of the photo. Autofocus uses the
Laplacian in the same way (Pertuz, Puig and Garcia 2013, "Analysis of focus measure operators").
"""

import warnings
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pandas as pd
from cleanvision.issue_managers.image_property_issue_manager import ImagePropertyIssueManager
from PIL import Image

from ndsc.data.decoding import read_pixels
from ndsc.process import usable_cores
from ndsc.storage.photo_reader import PhotoReader
from ndsc.terminal import progress

# Brightness and information hardly depend on size; full photos take many times as long.
CLEANVISION_SIDE = 128
# Our names and CleanVision's. Its `light` flags every thin object on a white background and is not used.
ISSUES = {"dark": "dark", "nearly blank": "low_information"}
# The shorter side in pixels at which sharpness is measured: what most backbones see.
SHARPNESS_SIDE = 224
# None of 4,806 real photos is below. Blurred by 2 pixels, 90 % of them are; blurred by 4 pixels, 98 %.
BLURRED = 0.12
# In grey levels: a photo with less contrast is blank, and its noise must not count as edges.
MIN_CONTRAST = 8.0
# The percentile of sharpness that stands for the sharpest edges; the values above it are noise.
SHARPEST = 99.5


def examine_appearance(photos: pd.DataFrame, reader: PhotoReader) -> pd.DataFrame:
    """Return one row per photo with the columns dark, blurred and nearly blank: a score from 0 (certain) to 1, or NaN.

    Args:
        photos: rows with archive, offset and size of photos that can be decoded.
    """
    locations = photos[["archive", "offset", "size"]].itertuples(index=False, name=None)
    with (
        progress("appearance", total=len(photos)) as advance,
        ThreadPoolExecutor(usable_cores()) as threads,
        warnings.catch_warnings(),
    ):
        # Pillow warns about unusual metadata that does not matter here.
        warnings.simplefilter("ignore")

        def measure_one(location: tuple[str, int, int]) -> dict[str, float]:
            measured = measure(decode_photo(reader.read(*location)))
            advance(1)
            return measured

        measures = pd.DataFrame(list(threads.map(measure_one, locations)), index=photos.index)
    return score(measures)


def decode_photo(data: bytes) -> Image.Image:
    """Return the photo as training sees it: RGB, upright, transparency over white, the first frame of an animation.

    Raises:
        ndsc.data.decoding.Unusable: with the reason.
    """
    return Image.fromarray(read_pixels(data).astype(np.uint8))


def measure(image: Image.Image) -> dict[str, float]:
    """Return CleanVision's raw measures of a photo, and its sharpness."""
    properties = ImagePropertyIssueManager().image_properties
    small = image.copy()
    small.thumbnail((CLEANVISION_SIDE, CLEANVISION_SIDE), Image.Resampling.BOX)
    measured = {"sharpness": sharpness(image)}
    for kind in ISSUES.values():
        measured |= properties[kind].calculate(small)
    return measured


def score(measures: pd.DataFrame) -> pd.DataFrame:
    """Return the scores for these measures; NaN for photos that pass the threshold."""
    manager = ImagePropertyIssueManager()
    manager.issues = pd.DataFrame(index=measures.index)
    manager.update_issues(measures, list(ISSUES.values()))
    found = manager.issues
    flagged = {name: found[f"{kind}_score"].where(found[f"is_{kind}_issue"]) for name, kind in ISSUES.items()}
    blurred = measures["sharpness"].where((measures["sharpness"] < BLURRED) & flagged["nearly blank"].isna())
    return pd.DataFrame({"dark": flagged["dark"], "blurred": blurred, "nearly blank": flagged["nearly blank"]})


def sharpness(image: Image.Image) -> float:
    """Return the Laplacian of the sharpest edges relative to the contrast: about 1 is sharp, below BLURRED is not.

    A photo with a shorter side of SHARPNESS_SIDE pixels or less is measured at its own size, a larger one at that size.
    """
    grey = image.convert("L")
    scale = SHARPNESS_SIDE / min(grey.size)
    if scale < 1:
        size = (round(grey.width * scale), round(grey.height * scale))
        grey = grey.resize(size, Image.Resampling.BOX)
    levels = np.asarray(grey, np.float32)
    darkest, lightest = np.percentile(levels, [100 - SHARPEST, SHARPEST])
    edges = np.abs(cv2.Laplacian(levels, cv2.CV_32F))
    return float(np.percentile(edges, SHARPEST) / max(lightest - darkest, MIN_CONTRAST))
