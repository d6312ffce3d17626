"""A comparison in words: Markdown to paste into experiments/LEADERBOARD.md, and a table for programs."""

import re
import textwrap
from collections.abc import Callable, Iterable, Sequence

import pandas as pd

from ndsc.comparison.comparison_command import command_to_repeat
from ndsc.comparison.comparison_table import TEST, TRAINING, VALIDATION, Comparison, Configuration
from ndsc.comparison.significance import SIGNIFICANCE, TopTwoTest
from ndsc.evaluation.figures.style import counted
from ndsc.tracking.history import RecordedRun

SECONDS, COMPUTED = "time/total_seconds", "cache/misses"
ABSENT = "–"
SHOWN_IDS = 5
EXPLANATION = (
    "Mean ± standard deviation over seeds, in percent; the best validation accuracy first. Seconds: a whole run, on "
    "average; views found in the cache cost none, so the column beside it says how many were computed. A + behind a "
    "commit: the checkout had changes."
)


def summary(title: str, comparison: Comparison, best_two: TopTwoTest | None) -> str:
    """The title, the table, what is the same in all rows, the test of the best two, and what was left out."""
    runs = sum(len(one.runs) for one in comparison.configurations)
    heading = f"## {title}: {counted(len(comparison.configurations), 'configuration')}, {counted(runs, 'run')}"
    fixed = " ".join(f"{key}={value}" for key, value in comparison.fixed.items())
    after = [f"The same in all: `{fixed}`", *comparison.remarks]
    if best_two is not None:
        after.append(_tested(best_two))
    if comparison.left_out:
        reasons = [f"{len(runs)} {reason} ({_ids(runs)})" for reason, runs in comparison.left_out.items()]
        after.append(f"Left out: {'; '.join(reasons)}.")
    return "\n\n".join([heading, _wrap(EXPLANATION), _table(comparison), *map(_wrap, after)]) + "\n"


def appendix(comparison: Comparison) -> str:
    """Every run with its seed, figures, manifest and id, and the command that repeats each row."""
    runs = [
        [str(number), run.seed or ABSENT, *(_percent(run, metric) for metric in (VALIDATION, TRAINING, TEST))]
        + [_code(run.manifest), _commit(run), _code(run.id)]
        for number, one in enumerate(comparison.configurations, 1)
        for run in one.runs
    ]
    header = ["row", "seed", "validation", "training", "test", "manifest", "commit", "run"]
    commands = [
        f"Row {number}:\n\n    {command_to_repeat(one) or 'its runs did not log their command'}"
        for number, one in enumerate(comparison.configurations, 1)
    ]
    return "\n\n".join(["### Runs", markdown_table(header, runs), "### To repeat", *commands]) + "\n"


def data_table(comparison: Comparison) -> pd.DataFrame:
    """A row a configuration, the best first: all its params, accuracies as shares of one with their deviations
    (missing for one run), mean seconds, and seeds, manifests, commits and run ids separated by spaces."""
    rows = []
    for number, one in enumerate(comparison.configurations, 1):
        row: dict[str, object] = {"row": number} | {key: one.params.get(key) for key in comparison.varying}
        row["runs"] = len(one.runs)
        for metric in (VALIDATION, TRAINING, TEST, SECONDS, COMPUTED):
            spread = one.spread(metric)
            row[metric] = spread.mean if spread else None
            row[f"{metric}_deviation"] = spread.deviation if spread else None
        row["seeds"] = " ".join(one.seeds)
        for name, words in (("manifests", _manifests(one)), ("commits", _commits(one))):
            row[name] = " ".join(words)
        row["run_ids"] = " ".join(run.id for run in one.runs)
        rows.append(row | {"command": command_to_repeat(one)} | dict(comparison.fixed))
    return pd.DataFrame(rows)


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose columns stand below each other in a terminal, too."""
    cells = [[cell.replace("|", "\\|") for cell in row] for row in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in cells]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _wrap(paragraph: str) -> str:
    return textwrap.fill(paragraph, 120, break_long_words=False, break_on_hyphens=False)


def _table(comparison: Comparison) -> str:
    header = ["row", *comparison.varying, "seeds", "validation", "training", "test", "seconds", "views computed"]
    rows = [
        [str(number), *(one.params.get(key, ABSENT) for key in comparison.varying), str(len(one.seeds))]
        + [_spread(one, metric) for metric in (VALIDATION, TRAINING, TEST)]
        + [_mean(one, SECONDS, ".1f"), _mean(one, COMPUTED, ",.0f"), _one_or_count(_manifests(one)), _listed(one)]
        for number, one in enumerate(comparison.configurations, 1)
    ]
    return markdown_table([*header, "manifest", "commit"], rows)


def _tested(best_two: TopTwoTest) -> str:
    if best_two.result is None:
        return f"McNemar's test of rows 1 and 2 cannot be done: {best_two.obstacle}."
    seeds = ", ".join(dict.fromkeys("/".join(dict.fromkeys((a.seed, b.seed))) for a, b in best_two.pairs))
    only_first, only_second, p_value = best_two.result
    several = len(best_two.pairs) > 1
    unit = "a photo counts once, for the row that is right about it in more pairs; " if several else ""
    verdict = "more than chance explains" if p_value < SIGNIFICANCE else "chance alone can explain it"
    return (
        f"McNemar's exact test of rows 1 and 2, over {counted(len(best_two.pairs), 'pair')} of runs with the same "
        f"validation photos (seed {seeds}; {counted(best_two.photos, 'different photo')}): {unit}{only_first} for "
        f"row 1 alone, {only_second} for row 2 alone, p = {p_value:.2g}: {verdict}. It speaks of these trained "
        "classifiers, not of other seeds."
    )


def _spread(one: Configuration, metric: str) -> str:
    spread = one.spread(metric)
    if spread is None:
        return ABSENT
    return f"{100 * spread.mean:.2f}" + ("" if spread.deviation is None else f" ± {100 * spread.deviation:.2f}")


def _mean(one: Configuration, metric: str, shape: str) -> str:
    spread = one.spread(metric)
    return ABSENT if spread is None else format(spread.mean, shape)


def _percent(run: RecordedRun, metric: str) -> str:
    return f"{100 * run.metrics[metric]:.2f}" if metric in run.metrics else ABSENT


def _manifests(one: Configuration) -> list[str]:
    return _different(one, lambda run: run.manifest)


def _commits(one: Configuration) -> list[str]:
    return _different(one, _plain_commit)


def _different(one: Configuration, of: Callable[[RecordedRun], str]) -> list[str]:
    return [text for text in dict.fromkeys(map(of, one.runs)) if text]


def _one_or_count(manifests: Sequence[str]) -> str:
    return _code(manifests[0]) if len(manifests) == 1 else f"{len(manifests)}, by run" if manifests else ABSENT


def _listed(one: Configuration) -> str:
    return ", ".join(dict.fromkeys(map(_commit, one.runs)))


def _commit(run: RecordedRun) -> str:
    """Seven digits, as git shows them, and a + outside the code's quotes."""
    plain = _plain_commit(run)
    return _code(plain.rstrip("+")) + ("+" if plain.endswith("+") else "")


def _plain_commit(run: RecordedRun) -> str:
    """Empty where the code was no checkout: then the tag holds the reason."""
    commit = run.tags.get("git.commit", "")
    if not re.fullmatch("[0-9a-f]{40,64}", commit):
        return ""
    return commit[:7] + ("+" if run.tags.get("git.dirty") == "true" else "")


def _code(text: str) -> str:
    return f"`{text}`" if text else ABSENT


def _ids(runs: Iterable[RecordedRun]) -> str:
    short = [run.id[:8] for run in runs]
    return ", ".join(short[:SHOWN_IDS]) + (", …" if len(short) > SHOWN_IDS else "")
