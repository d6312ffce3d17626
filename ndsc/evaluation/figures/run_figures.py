"""All figures that a finished run logs."""

from collections.abc import Iterator, Mapping, Sequence

from matplotlib.figure import Figure

from ndsc.evaluation.figures.confusion import confusion_matrix
from ndsc.evaluation.figures.curves import learning_curves, reliability_diagram
from ndsc.evaluation.figures.photo_sheets import ReadPhoto, confident_mistakes, photo_probabilities
from ndsc.evaluation.predictions import Predictions


def figures(
    predictions: Mapping[str, Predictions],
    history: Mapping[str, Sequence[float]],
    best_epoch: int,
    second_phase: int | None,
    photo: ReadPhoto,
) -> Iterator[tuple[str, Figure]]:
    """Yield artifact paths and figures, one at a time: a sweep must not hold all of them in memory.

    Args:
        history: see `learning_curves`.
        best_epoch, second_phase: positions in the history, from 0; `second_phase` is the first epoch of fine-tuning.
        photo: returns the pixels (height, width, 3) of a row of the manifest.
    """
    validation = predictions["validation"]
    yield "figures/learning_curves.png", learning_curves(history, best_epoch, second_phase)
    yield "figures/confusion_matrix.png", confusion_matrix(validation)
    yield "figures/calibration.png", reliability_diagram(validation)
    yield "figures/confident_mistakes.png", confident_mistakes(validation, photo)
    if "test" in predictions:
        yield "figures/test_photos.png", photo_probabilities(predictions["test"], photo)
