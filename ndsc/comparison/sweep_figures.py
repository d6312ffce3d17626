"""Many runs in one picture: which settings lead where, and how each run learned."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from ndsc.evaluation.figures.style import BLUE, FAINT, INK, MUTED, counted, new_chart, percent, shorten, tidy

# Perceptually even and readable with every kind of colour blindness; its palest third would vanish on white.
COLOURS = colormaps["viridis_r"]
PALEST = 0.15
LONGEST_TICK = 18  # letters
MOST_TICKS = 9


def parallel_coordinates(runs: pd.DataFrame, swept: Sequence[str], metric: str) -> Figure:
    """A line a run through one axis for each setting, to its result on the last axis; the best run is heavy.

    Args:
        runs: one row a run; the columns `swept` hold values as typed, the column `metric` a share from 0 to 1.
    """
    best = runs.loc[runs[metric].idxmax()]
    settings = ", ".join(f"{_short(name)} {best[name]}" for name in swept)
    figure = new_chart(
        f"Best of {counted(len(runs), 'run')}: {percent(best[metric])} with {settings}",
        "Every line is a run: its settings from left to right, validation accuracy on the right. Darker is better.",
        width=max(6.5, 2.2 * (len(swept) + 1)),
        body=4.2,
    )
    axes = figure.subplots()
    heights = np.stack([*(_heights(runs[name]) for name in swept), _scaled(runs[metric].to_numpy(float))])
    shade = Normalize(runs[metric].min(), runs[metric].max() + 1e-9)
    places = np.arange(len(swept) + 1)
    for row in np.argsort(runs[metric].to_numpy(float)):
        value = float(runs[metric].iloc[row])
        heaviest = runs.index[row] == best.name
        axes.plot(
            places,
            heights[:, row],
            color=BLUE if heaviest else COLOURS(PALEST + (1 - PALEST) * shade(value)),
            linewidth=3 if heaviest else 1.2,
            alpha=1 if heaviest else 0.75,
            zorder=3 if heaviest else 2,
        )
    for place, name in enumerate(swept):
        _name_values(axes, place, runs[name])
    low, high = runs[metric].min(), runs[metric].max()
    for height, value in {0.0: low, 1.0: high}.items() if high > low else {0.5: high}.items():
        axes.annotate(
            percent(value),
            (places[-1], height),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            size=9,
            color=INK,
        )
    axes.set_xticks(places, [*(_short(name) for name in swept), "validation accuracy"], color=INK, size=9)
    axes.set_yticks([])
    axes.vlines(places, -0.03, 1.03, color=MUTED, linewidth=1, zorder=1)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_xlim(-0.35, len(swept) + 0.35)
    return figure


def all_curves(curves: Mapping[str, Sequence[float]], results: Mapping[str, float]) -> Figure:
    """Validation accuracy by epoch, a line a run; the best, the median and the worst are named.

    Args:
        curves: one value an epoch, by the run's name.
        results: what each of them came to, which is its accuracy where the loss was lowest.
    """
    ranked = sorted(curves, key=lambda name: results[name], reverse=True)
    figure = new_chart(
        f"Validation accuracy of {counted(len(curves), 'run')}: {percent(results[ranked[0]])} at best, "
        f"{percent(results[ranked[-1]])} at worst",
        f"Best: {ranked[0]}. Each run ends where early stopping ended it.",
        width=8.5,
        body=4.2,
    )
    axes = figure.subplots()
    tidy(axes, "Validation accuracy")
    named = dict.fromkeys([ranked[0], ranked[len(ranked) // 2], ranked[-1]])
    for rank, name in reversed(list(enumerate(ranked))):
        values = curves[name]
        axes.plot(
            np.arange(1, len(values) + 1),
            values,
            color=BLUE if rank == 0 else COLOURS(1 - (1 - PALEST) * rank / max(1, len(ranked) - 1)),
            linewidth=2.6 if rank == 0 else 1.2,
            marker="o",
            markersize=2.5,
            label=f"{percent(results[name])}  {shorten(name, 60)}" if name in named else None,
        )
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], labels[::-1], loc="lower right", frameon=False, labelcolor=INK, fontsize=8.5)
    return figure


def _short(name: str) -> str:
    return name.rpartition(".")[2]


def _heights(values: pd.Series) -> NDArray[np.float64]:
    """Where each value stands on its axis. Few values stand at even distances, numbers by size and anything else in
    order of appearance; many numbers stand to scale, a logarithmic one where they span decades."""
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(float)
    if np.isnan(numbers).any():
        return _scaled(pd.factorize(values)[0].astype(float))
    if len(np.unique(numbers)) <= MOST_TICKS:
        return _scaled(np.unique(numbers, return_inverse=True)[1].astype(float))
    return _scaled(np.log10(numbers) if (numbers > 0).all() and numbers.max() >= 30 * numbers.min() else numbers)


def _scaled(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """To 0 up to 1; all in the middle where they are equal."""
    span = numbers.max() - numbers.min()
    return (numbers - numbers.min()) / span if span else np.full(len(numbers), 0.5)


def _name_values(axes, place: int, values: pd.Series) -> None:
    """Write the values at an axis: all of them where they are few, else the lowest and the highest."""
    heights = _heights(values)
    shown = dict(zip(heights.round(6), values, strict=True))
    if len(shown) > MOST_TICKS:
        shown = {height: shown[height] for height in (min(shown), max(shown))}
    for height, value in shown.items():
        axes.annotate(
            shorten(str(value), LONGEST_TICK),
            (place, height),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            size=9,
            color=INK,
            bbox={"facecolor": "white", "edgecolor": FAINT, "alpha": 0.85, "pad": 1.5, "linewidth": 0.5},
            zorder=4,
        )
