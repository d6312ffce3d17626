"""Figures that a finished run logs: learning curves, confusion matrix, reliability diagram and sheets of photos."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator, PercentFormatter, StrMethodFormatter
from numpy.typing import NDArray

from ndsc.evaluation.calibration import at_temperature, expected_calibration_error, fit_temperature, reliability
from ndsc.evaluation.figures.photo_sheets import (
    ReadPhoto,
    confident_mistakes,
    duplicate_sheet,
    photo_probabilities,
    view_sheet,
)
from ndsc.evaluation.figures.style import BLUE, FAINT, INK, MUTED, ORANGE, counted, new_chart, percent, shorten, tidy
from ndsc.evaluation.predictions import Predictions

VIEW_SHEET_PHOTOS = 2  # of each class
VIEW_SHEET_ROWS = 12
MAX_NAME = 26  # letters
MAX_CLASSES_WITH_SHARES = 12  # with more classes, a cell has no room for a second line


def figures(
    predictions: Mapping[str, Predictions],
    history: Mapping[str, Sequence[float]],
    best_epoch: int,
    second_phase: int | None,
    photo: ReadPhoto,
    views: Callable[[pd.DataFrame], NDArray],
    duplicates: tuple[pd.DataFrame, pd.DataFrame] | None,
) -> Iterator[tuple[str, Figure]]:
    """Yield artifact paths and figures, one at a time: a sweep must not hold all of them in memory.

    Args:
        history, best_epoch, second_phase: see `learning_curves`.
        photo: returns the pixels (height, width, 3) of a row of the manifest.
        views: returns the pixels (photos, views, height, width, 3) of all views of some rows of the manifest.
        duplicates: the members of duplicate groups and the near pairs, see `duplicate_sheet`; None: not searched for.
    """
    validation = predictions["validation"]
    yield "figures/learning_curves.png", learning_curves(history, best_epoch, second_phase)
    yield "figures/confusion_matrix.png", confusion_matrix(validation)
    yield "figures/calibration.png", reliability_diagram(validation)
    yield "figures/confident_mistakes.png", confident_mistakes(validation, photo)
    if "test" in predictions:
        yield "figures/test_photos.png", photo_probabilities(predictions["test"], photo)
    shown = predictions["train"].rows.groupby("label").head(VIEW_SHEET_PHOTOS)
    shown = shown.sort_values("label", kind="stable").head(VIEW_SHEET_ROWS)
    yield "figures/augmented_views.png", view_sheet(views(shown), shown["label"].tolist())
    if duplicates is not None and len(duplicates[0]):
        yield "figures/duplicates.png", duplicate_sheet(*duplicates, photo)


def learning_curves(history: Mapping[str, Sequence[float]], best_epoch: int, second_phase: int | None = None) -> Figure:
    """Draw accuracy and loss by epoch, with the best epoch marked.

    Args:
        history: one value per epoch for train/loss, train/accuracy, val/loss and val/accuracy.
        best_epoch, second_phase: positions in the history, from 0; `second_phase` is the first epoch of fine-tuning.
            The figure counts epochs from 1, as Keras does.
    """
    best, lowest = history["val/accuracy"][best_epoch], history["val/loss"][best_epoch]
    figure = new_chart(
        f"Validation accuracy {percent(best)} at epoch {best_epoch + 1}",
        f"{counted(len(history['val/accuracy']), 'epoch')}. Training values are means over an epoch, while the weights "
        "change; validation is measured at its end, without augmentation. So training accuracy can be lower.",
        width=10,
        body=3.6,
    )
    accuracy, loss = figure.subplots(1, 2)
    for axes, quantity in ((accuracy, "accuracy"), (loss, "loss")):
        tidy(axes, quantity.capitalize())
        axes.axvline(best_epoch + 1, color=MUTED, linewidth=0.8, linestyle=(0, (1, 2)))
        _draw_quantity(axes, history[f"train/{quantity}"], history[f"val/{quantity}"])
        if second_phase is not None:
            _mark_second_phase(axes, second_phase + 1)
    accuracy.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    _name_best(accuracy, best_epoch + 1, best, percent(best), below=True)
    _name_best(loss, best_epoch + 1, lowest, f"{lowest:.3g}", below=False)
    accuracy.legend(loc="lower right", frameon=False, labelcolor=INK, fontsize=9)
    return figure


def _draw_quantity(axes: Axes, train: Sequence[float], validation: Sequence[float]) -> None:
    epochs = np.arange(1, len(validation) + 1)
    axes.plot(epochs, train, color=ORANGE, linewidth=1.4, marker="o", markersize=2.5, linestyle="--", label="training")
    axes.plot(epochs, validation, color=BLUE, linewidth=2.2, marker="o", markersize=3.5, label="validation")
    axes.set_xlim(0.5, len(validation) + 0.5)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.margins(y=0.12)


def _name_best(axes: Axes, epoch: int, value: float, text: str, below: bool) -> None:
    axes.plot(epoch, value, "o", color="white", markeredgecolor=BLUE, markeredgewidth=2, markersize=7)
    axes.annotate(
        text,
        (epoch, value),
        xytext=(0, -10 if below else 10),
        textcoords="offset points",
        ha="center",
        va="top" if below else "bottom",
        size=10,
        weight="bold",
        color=BLUE,
        path_effects=[withStroke(linewidth=3, foreground="white")],
    )


def _mark_second_phase(axes: Axes, first_epoch: int) -> None:
    axes.axvspan(first_epoch - 0.5, axes.get_xlim()[1], color=FAINT, alpha=0.5, linewidth=0, zorder=0)
    axes.annotate(
        "fine-tuning",
        (first_epoch - 0.5, 1),
        xycoords=("data", "axes fraction"),
        xytext=(4, -3),
        textcoords="offset points",
        va="top",
        size=8.5,
        color=MUTED,
    )


def reliability_diagram(validation: Predictions) -> Figure:
    """Draw accuracy by confidence, before and after temperature scaling."""
    temperature = fit_temperature(validation)
    scaled = at_temperature(validation, temperature)
    before, after = expected_calibration_error(validation), expected_calibration_error(scaled)
    figure = new_chart(
        f"Confidence is wrong by {100 * before:.1f} points on average, {100 * after:.1f} after temperature scaling",
        f"{counted(len(validation.labels), 'validation photo')}, temperature {temperature:.2f}. On the diagonal, "
        "confidence equals accuracy; below it the classifier is overconfident, above it underconfident. Error bars are "
        "95 % intervals.",
        width=6.5,
        body=6.2,
    )
    accuracy, photos = figure.subplots(2, 1, sharex=True, height_ratios=[3.2, 1])
    tidy(accuracy, "Accuracy at each confidence")
    tidy(photos, "Photos at each confidence")
    accuracy.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (1, 2)))
    _draw_reliability(accuracy, photos, reliability(validation), -1, BLUE, "o", "as trained")
    _draw_reliability(accuracy, photos, reliability(scaled), 1, ORANGE, "s", "after scaling")
    for axis in (accuracy.xaxis, accuracy.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    accuracy.set(xlim=(-0.01, 1.02), ylim=(-0.03, 1.03))
    accuracy.legend(loc="upper left", frameon=False, labelcolor=INK, fontsize=9)
    photos.set_yscale("symlog", linthresh=1)  # the last bin has far more photos than all others
    photos.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    photos.margins(y=0.15)
    photos.set_xlabel("confidence")
    return figure


def _draw_reliability(
    accuracy: Axes, photos: Axes, bins: pd.DataFrame, side: int, colour: str, marker: str, label: str
) -> None:
    """Draw points with intervals, and bars of half the width of a bin: on the left for side -1, on the right for 1."""
    reach = np.abs(bins[["low", "high"]].to_numpy().T - bins["accuracy"].to_numpy())
    accuracy.errorbar(
        bins["confidence"],
        bins["accuracy"],
        yerr=reach,
        color=colour,
        fmt=marker,
        markersize=6,
        linewidth=1.3,
        markeredgecolor="white",
        label=label,
    )
    width = 0.42 * (bins["to"] - bins["from"])
    photos.bar((bins["from"] + bins["to"]) / 2 + side * width / 2, bins["photos"], width, color=colour)


def confusion_matrix(predictions: Predictions) -> Figure:
    """Draw the number of photos by true class (row) and predicted class (column).

    Blue is right and orange wrong; a darker colour is a larger share of the row.
    """
    matrix = predictions.confusion_counts()
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
