"""Vectors to be compared by cosine."""

import numpy as np


def unit_rows(vectors: np.ndarray) -> np.ndarray:
    """(n, d) float32: the rows at length one; one of zeros stays."""
    rows = vectors.astype(np.float32)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.finfo(np.float32).tiny)
