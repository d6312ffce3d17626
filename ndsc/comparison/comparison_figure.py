"""Dots: every seed of every configuration, its mean and its deviation."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ndsc.comparison.comparison_table import VALIDATION, Comparison
from ndsc.evaluation.figures.style import BLUE, INK, MUTED, counted, new_chart, percent, shorten, tidy

# More would not be read, and a picture has an end.
AT_MOST = 40
LABEL_LETTERS = 70
# Rows between a mean and its first and last run: it would cover them, and equal ones each other.
BELOW = (0.2, 0.38)


def comparison_figure(title: str, comparison: Comparison) -> Figure:
    """Validation accuracy of at least one configuration, the best on top, the best 40 where there are more."""
    shown = comparison.configurations[:AT_MOST]
    figure = new_chart(
        f"{title}: {_result(comparison)}", _explanation(comparison), width=10, body=1.1 + 0.36 * len(shown)
    )
    axes = figure.subplots()
    tidy(axes, "Validation accuracy")
    axes.grid(visible=False, axis="y")
    for place, one in enumerate(shown):
        values, spread = one.values(VALIDATION), one.spread(VALIDATION)
        assert spread is not None
        heights = place + np.linspace(*BELOW, len(values))
        axes.plot(values, heights, "o", color="none", markeredgecolor=MUTED, markersize=4.5)
        axes.errorbar(
            spread.mean,
            place,
            xerr=spread.deviation,
            fmt="D",
            color=BLUE,
            markersize=6,
            markeredgecolor="white",
            elinewidth=2,
        )
    labels = [shorten(one.label(comparison.varying), LABEL_LETTERS) for one in shown]
    axes.set_yticks(range(len(shown)), labels, color=INK, parse_math=False)
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.margins(x=0.05)
    axes.set_xlim(right=min(axes.get_xlim()[1], 1.0 + 0.02 * np.ptp(axes.get_xlim())))
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    return figure


def _result(comparison: Comparison) -> str:
    best = comparison.configurations[0]
    spread = best.spread(VALIDATION)
    assert spread is not None
    whose = f" with {best.label(comparison.varying)}" if comparison.varying else ""
    if spread.deviation is None:
        return f"{percent(spread.mean)}{whose}"
    return f"{100 * spread.mean:.1f} ± {percent(spread.deviation)}{whose}"


def _explanation(comparison: Comparison) -> str:
    total = len(comparison.configurations)
    shown = counted(total, "configuration") if total <= AT_MOST else f"The best {AT_MOST} of {total} configurations"
    return (
        f"{shown}. A diamond is the mean over seeds, its line one standard deviation to either side; circles are runs. "
        "The scale does not begin at 0 %."
    )
