"""Figures of many runs: configurations with their seeds, the settings of a sweep, and learning curves."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from ndsc.comparison.comparison_table import VALIDATION, ComparisonTable
from ndsc.evaluation.figures.style import BLUE, FAINT, INK, MUTED, counted, new_chart, percent, shorten, tidy

# More rows would not be readable.
MAX_ROWS = 40
MAX_LABEL = 70  # letters
# Distance in rows from a mean to its first and last run, so that neither the mean nor equal runs cover a run.
RUN_OFFSETS = (0.2, 0.38)
# Perceptually uniform and readable with every kind of colour blindness; its palest part would vanish on white.
COLOURS = colormaps["viridis_r"]
PALEST = 0.15
MAX_TICK = 18  # letters
MAX_TICKS = 9


def comparison_figure(title: str, comparison: ComparisonTable) -> Figure:
    """Draw the validation accuracy of the best 40 configurations (at least one), the best on top."""
    shown = comparison.configurations[:MAX_ROWS]
    total = len(comparison.configurations)
    number = counted(total, "configuration") if total <= MAX_ROWS else f"The best {MAX_ROWS} of {total} configurations"
    figure = new_chart(
        f"{title}: {_best_result(comparison)}",
        f"{number}. A diamond is the mean over seeds, its line one standard deviation to each side; circles are single "
        "runs. The scale does not start at 0 %.",
        width=10,
        body=1.1 + 0.36 * len(shown),
    )
    axes = figure.subplots()
    tidy(axes, "Validation accuracy")
    axes.grid(visible=False, axis="y")
    mean = {"fmt": "D", "color": BLUE, "markersize": 6, "markeredgecolor": "white", "elinewidth": 2}
    for row, one in enumerate(shown):
        values, found = one.values(VALIDATION), one.statistics(VALIDATION)
        assert found is not None
        heights = row + np.linspace(*RUN_OFFSETS, len(values))
        axes.plot(values, heights, "o", color="none", markeredgecolor=MUTED, markersize=4.5)
        axes.errorbar(found.mean, row, xerr=found.deviation, **mean)
    labels = [shorten(one.label(comparison.varying), MAX_LABEL) for one in shown]
    axes.set_yticks(range(len(shown)), labels, color=INK, parse_math=False)
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.margins(x=0.05)
    axes.set_xlim(right=min(axes.get_xlim()[1], 1.0 + 0.02 * np.ptp(axes.get_xlim())))
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    return figure


def _best_result(comparison: ComparisonTable) -> str:
    best = comparison.configurations[0]
    found = best.statistics(VALIDATION)
    assert found is not None
    label = f" with {best.label(comparison.varying)}" if comparison.varying else ""
    if found.deviation is None:
        return f"{percent(found.mean)}{label}"
    return f"{100 * found.mean:.1f} ± {percent(found.deviation)}{label}"


def parallel_coordinates(runs: pd.DataFrame, swept: Sequence[str], metric: str) -> Figure:
    """Draw each run as a line through one axis per setting to its result on the last axis; the best run is thick.

    Args:
        runs: one row per run; the columns `swept` hold values as typed, the column `metric` a share from 0 to 1.
    """
    best = runs.loc[runs[metric].idxmax()]
    settings = ", ".join(f"{_short(name)} {best[name]}" for name in swept)
    figure = new_chart(
        f"Best of {counted(len(runs), 'run')}: {percent(best[metric])} with {settings}",
        "Each line is a run: its settings from left to right, validation accuracy on the right. Darker is better.",
        width=max(6.5, 2.2 * (len(swept) + 1)),
        body=4.2,
    )
    axes = figure.subplots()
    results = runs[metric].to_numpy(float)
    _draw_runs(axes, np.stack([*(_heights(runs[name]) for name in swept), _scaled(results)]), results)
    for position, name in enumerate(swept):
        _write_values(axes, position, runs[name])
    low, high = results.min(), results.max()
    for height, value in {0.0: low, 1.0: high}.items() if high > low else {0.5: high}.items():
        _write(axes, percent(value), len(swept), height)
    positions = np.arange(len(swept) + 1)
    axes.set_xticks(positions, [*(_short(name) for name in swept), "validation accuracy"], color=INK, size=9)
    axes.set_yticks([])
    axes.vlines(positions, -0.03, 1.03, color=MUTED, linewidth=1, zorder=1)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_xlim(-0.35, len(swept) + 0.35)
    return figure


def _draw_runs(axes: Axes, heights: NDArray[np.float64], results: NDArray[np.float64]) -> None:
    """Draw the heights, (axes, runs), of each run; the best is drawn last."""
    shade = Normalize(results.min(), results.max() + 1e-9)
    best = int(results.argmax())
    for run in np.argsort(results):
        is_best = run == best
        axes.plot(
            np.arange(len(heights)),
            heights[:, run],
            color=BLUE if is_best else COLOURS(PALEST + (1 - PALEST) * shade(float(results[run]))),
            linewidth=3 if is_best else 1.2,
            alpha=1 if is_best else 0.75,
            zorder=3 if is_best else 2,
        )


def all_curves(curves: Mapping[str, Sequence[float]], results: Mapping[str, float]) -> Figure:
    """Draw validation accuracy by epoch, a line per run; the best, the median and the worst run are named.

    Args:
        curves: one value per epoch, by the name of the run.
        results: the accuracy of each run at its best epoch, which is the one with the lowest loss.
    """
    ranked = sorted(curves, key=lambda name: results[name], reverse=True)
    figure = new_chart(
        f"Validation accuracy of {counted(len(curves), 'run')}: {percent(results[ranked[0]])} at best, "
        f"{percent(results[ranked[-1]])} at worst",
        f"Best: {ranked[0]}. Each line ends with the last epoch of its run.",
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
    """Return the position of each value on its axis, from 0 to 1.

    Few values are evenly spaced: numbers by size, anything else in order of appearance. Many numbers are to scale, on a
    logarithmic scale if they span decades.
    """
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(float)
    if np.isnan(numbers).any():
        return _scaled(pd.factorize(values)[0].astype(float))
    if len(np.unique(numbers)) <= MAX_TICKS:
        return _scaled(np.unique(numbers, return_inverse=True)[1].astype(float))
    return _scaled(np.log10(numbers) if (numbers > 0).all() and numbers.max() >= 30 * numbers.min() else numbers)


def _scaled(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale to 0 to 1; equal numbers to the middle."""
    span = numbers.max() - numbers.min()
    return (numbers - numbers.min()) / span if span else np.full(len(numbers), 0.5)


def _write_values(axes: Axes, position: int, values: pd.Series) -> None:
    """Write the values at an axis: all of them if there are few, otherwise the lowest and the highest."""
    shown = dict(zip(_heights(values).round(6), values, strict=True))
    if len(shown) > MAX_TICKS:
        shown = {height: shown[height] for height in (min(shown), max(shown))}
    box = {"facecolor": "white", "edgecolor": FAINT, "alpha": 0.85, "pad": 1.5, "linewidth": 0.5}
    for height, value in shown.items():
        _write(axes, shorten(str(value), MAX_TICK), position, height, bbox=box, zorder=4)


def _write(axes: Axes, text: str, position: int, height: float, **style: object) -> None:
    """Write a text to the right of a point."""
    axes.annotate(
        text, (position, height), xytext=(6, 0), textcoords="offset points", va="center", size=9, color=INK, **style
    )
