"""Learning curves and the reliability diagram."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator, PercentFormatter, StrMethodFormatter

from ndsc.evaluation.calibration import at_temperature, expected_calibration_error, fit_temperature, reliability
from ndsc.evaluation.figures.style import BLUE, FAINT, INK, MUTED, ORANGE, counted, new_chart, percent, tidy
from ndsc.evaluation.predictions import Predictions


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
    for axes, name, quantity in ((accuracy, "Accuracy", "accuracy"), (loss, "Loss", "loss")):
        tidy(axes, name)
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
