import io

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from PIL import Image

from ndsc.evaluation.predictions import Predictions


@pytest.fixture
def figure_text():
    """Return a function that renders a figure as PNG (a warning is an error) and returns the text in it."""

    def render(figure):
        file = io.BytesIO()
        figure.savefig(file, format="png")
        np.testing.assert_allclose(Image.open(file).size, figure.get_size_inches() * figure.dpi, atol=1)
        texts = [text.get_text() for text in figure.findobj(Text) if text.get_visible()]
        return "\n".join(" ".join(text.split()) for text in texts if text)

    return render


@pytest.fixture
def predictions():
    """Return a function that makes predictions from probabilities and labels; other keywords are manifest columns."""

    def make(probabilities, labels, classes=("beauty", "fashion", "mobile"), split="validation", **columns):
        labels = np.asarray(labels)
        rows = pd.DataFrame({"image_path": [f"{n}.jpg" for n in range(len(labels))], "split": split, **columns})
        return Predictions(np.asarray(probabilities, dtype=np.float32), labels, classes, rows)

    return make


@pytest.fixture
def six(predictions):
    """Return predictions: two of three beauty photos, one of one fashion and none of two mobile photos are right."""
    return predictions(np.eye(3)[[0, 0, 1, 1, 1, 0]], [0, 0, 0, 1, 2, 2])


@pytest.fixture
def photo():
    """Return a function that makes a photo of random grey levels, (height, width, 3) uint8."""
    random = np.random.default_rng(0)
    return lambda height=40, width=30: random.integers(0, 256, (height, width, 3), dtype=np.uint8)
