"""Image signatures: a perceptual hash, local features and a small copy of a photo, by which it is compared."""

from dataclasses import dataclass

import cv2
import imagehash
import numpy as np
from PIL import Image

SIDE = 320  # pixels, the longer side of the copy in which local features are detected
SMALL_SIDE = 80
MOST_FEATURES = 300  # the time of a comparison grows with its square; 500 find no more reposts
# OpenCV's default of 20 finds hardly any corners on a white bottle before a white ground.
CORNER_THRESHOLD = 7
# To be raised with every change here: signatures by other rules must not be compared with these.
RULES = 1
VERSIONS = f"opencv-{cv2.__version__} imagehash-{imagehash.__version__}"


@dataclass(frozen=True, slots=True)
class ImageSignature:
    """The signature of one photo.

    `hash`: imagehash's pHash, 64 bits. `points`: (n, 2) float32, positions of the local features, in pixels of the copy
    with SIDE pixels. `descriptors`: (n, 32) uint8, ORB's. `small`: (height, width) uint8, grey levels of the copy with
    SMALL_SIDE pixels.
    """

    hash: int
    points: np.ndarray
    descriptors: np.ndarray
    small: np.ndarray


def compute_signature(pixels: np.ndarray) -> ImageSignature:
    """Compute the signature of a decoded photo, (height, width, 3) uint8. Safe to call from several threads."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    copy = _with_longer_side(grey, SIDE)
    # A detector for each photo: one object must not serve several threads.
    detector = cv2.ORB_create(nfeatures=MOST_FEATURES, fastThreshold=CORNER_THRESHOLD)
    found, descriptors = detector.detectAndCompute(copy, None)
    points = np.array([feature.pt for feature in found], np.float32).reshape(-1, 2)
    if descriptors is None:  # a photo without a single corner
        descriptors = np.zeros((0, 32), np.uint8)
    bits = imagehash.phash(Image.fromarray(copy)).hash.ravel()
    number = int.from_bytes(np.packbits(bits).tobytes(), "big")
    return ImageSignature(number, points, descriptors, _with_longer_side(copy, SMALL_SIDE))


def _with_longer_side(grey: np.ndarray, side: int) -> np.ndarray:
    """Scale up or down, so that the longer side has this many pixels."""
    height, width = grey.shape
    scale = side / max(height, width)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    return cv2.resize(grey, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
