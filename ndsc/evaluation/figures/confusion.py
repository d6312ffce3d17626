"""The confusion matrix."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ndsc.evaluation.figures.style import FAINT, INK, MUTED, counted, new_chart, percent, shorten
from ndsc.evaluation.metrics import confusion_counts
from ndsc.evaluation.predictions import Predictions

MAX_NAME = 26  # letters
MAX_CLASSES_WITH_SHARES = 12  # with more classes, a cell has no room for a second line


def confusion_matrix(predictions: Predictions) -> Figure:
    """Draw the number of photos by true class (row) and predicted class (column).

    Blue is right and orange wrong; a darker colour is a larger share of the row.
    """
    matrix = confusion_counts(predictions)
    names = [shorten(name, MAX_NAME) for name in predictions.classes]
    cell = float(np.clip(7 / len(names), 0.25, 1.3))  # inches
    longest = 0.08 * max(len(name) for name in names)  # inches
    upright = sum(len(name) for name in names) * 0.09 > cell * len(names)
    width, height = cell * len(names) + longest + 1.4, cell * len(names) + (longest if upright else 0) + 0.8
    figure = new_chart(_title(matrix), _subtitle(matrix, names), width=max(width, 6.0), body=height)
    axes = figure.add_subplot()
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    right = shares * np.eye(len(names))
    wrong = shares - right
    axes.imshow(np.ma.masked_equal(right, 0), cmap="Blues", vmin=0, vmax=1.15)
    # At least 10 %, or a single photo of a thousand would have the darkest colour.
    axes.imshow(np.ma.masked_equal(wrong, 0), cmap="Oranges", vmin=0, vmax=max(0.1, 1.4 * wrong.max()))
    axes.set_anchor("W")
    _write_counts(axes, matrix, shares, cell)
    _write_names(axes, names, matrix.sum(axis=1), upright)
    return figure


def _title(matrix: NDArray[np.integer]) -> str:
    photos, right = int(matrix.sum()), int(np.trace(matrix))
    if right == photos:
        return f"All {counted(photos, 'photo')} right"
    return f"{right:,} of {counted(photos, 'photo')} right, {percent(right / photos)}"


def _subtitle(matrix: NDArray[np.integer], names: Sequence[str]) -> str:
    mistakes = matrix * (1 - np.eye(len(names), dtype=int))
    order = np.argsort(-mistakes, axis=None, kind="stable")[:3]
    pairs = [np.unravel_index(position, matrix.shape) for position in order if mistakes.flat[position]]
    if not pairs:
        return "No class is confused with another."
    confused = [f"{names[true]} as {names[predicted]} ({mistakes[true, predicted]:,})" for true, predicted in pairs]
    return f"Most frequent mistakes: {', '.join(confused)}. The colour shows the share of the row."


def _write_counts(axes: Axes, matrix: NDArray[np.integer], shares: NDArray[np.floating], cell: float) -> None:
    with_share = len(matrix) <= MAX_CLASSES_WITH_SHARES
    widest = max(7 if with_share else 3, len(f"{matrix.max():,}"))  # characters, of 0.7 font sizes when bold
    size = min(13.0, 0.36 * cell * 72, 1.3 * cell * 72 / widest)  # points
    for (true, predicted), count in np.ndenumerate(matrix):
        if not count and not with_share:
            continue  # thousands of zeros would hide the other counts
        right = true == predicted
        colour = "white" if right and shares[true, predicted] > 0.7 else INK if count else MUTED
        share = f"\n{percent(float(shares[true, predicted]))}" if with_share and count else ""
        axes.text(
            predicted,
            true,
            f"{count:,}{share}",
            ha="center",
            va="center",
            color=colour,
            size=size,
            weight="bold" if right else "normal",
            linespacing=1.3,
        )


def _write_names(axes: Axes, names: Sequence[str], photos: NDArray[np.integer], upright: bool) -> None:
    positions = np.arange(len(names))
    axes.set_xticks(
        positions, names, rotation=90 if upright else 0, ha="center", va="top", color=INK, size=9, parse_math=False
    )
    rows = [f"{name}  ({count:,})" for name, count in zip(names, photos, strict=True)]
    axes.set_yticks(positions, rows, color=INK, size=9, parse_math=False)
    axes.set_xlabel("predicted", color=MUTED, size=9)
    axes.set_ylabel("true (photos)", color=MUTED, size=9, labelpad=8)
    axes.set_xticks(positions[1:] - 0.5, minor=True)
    axes.set_yticks(positions[1:] - 0.5, minor=True)
    axes.grid(which="minor", color=FAINT, linewidth=0.6)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_color(FAINT)
