"""A comparison as text: Markdown for experiments/LEADERBOARD.md, a table for programs, commands to repeat each row."""

import re
import shlex
import textwrap
from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePath

import pandas as pd

from ndsc.comparison.comparison_table import TEST, TRAINING, VALIDATION, ComparisonTable, Configuration
from ndsc.comparison.significance import SIGNIFICANCE, TopTwoTest
from ndsc.evaluation.figures.style import counted
from ndsc.tracking.history import RecordedRun

SECONDS, COMPUTED = "time/total_seconds", "cache/misses"
ABSENT = "–"
SHOWN_IDS = 5
EXPLANATION = (
    "Mean ± standard deviation over seeds, in percent; the best validation accuracy first. Seconds: mean of whole "
    "runs. Views found in the cache cost no time, so the next column counts those that were computed. A + after a "
    "commit: the checkout had changes."
)
# Beside the choices of config groups, the settings that a reader looks for first. The others are in comparison.csv.
MAIN_SETTINGS = (
    "data.labels",
    "sampling.per_class",
    "augmentation.views",
    "backbone.weights",
    "backbone.freeze",
    "backbone.image_size",
    "head.units",
    "head.dropout",
    "optimizer.learning_rate",
    "optimizer.weight_decay",
    "training.epochs",
    "training.batch_size",
)
# Not part of a command to repeat: they shape no numbers. `cache.dtype` does.
RECORDING = ("tracking", "cache.root", "hydra", "threads", "rerun_finished")
# Files that are usually in the folder of the data.
DATA_FILES = ("data.metadata", "data.table", "sampling.test.list", "sampling.exclude")
# Letters that a shell does not interpret.
DATA_ROOT = "@NDSC_ROOT@"


def summary(title: str, comparison: ComparisonTable, best_two: TopTwoTest | None) -> str:
    """Return the title, the table, the params that all rows share, the test of the best two, and the excluded runs."""
    runs = sum(len(one.runs) for one in comparison.configurations)
    heading = f"## {title}: {counted(len(comparison.configurations), 'configuration')}, {counted(runs, 'run')}"
    paragraphs = [_shared_params(comparison), *comparison.warnings]
    if best_two is not None:
        paragraphs.append(_test_result(best_two))
    if comparison.excluded:
        reasons = [f"{len(runs)} {reason} ({_ids(runs)})" for reason, runs in comparison.excluded.items()]
        paragraphs.append(f"Excluded: {'; '.join(reasons)}.")
    return "\n\n".join([heading, _wrap(EXPLANATION), _table(comparison), *map(_wrap, paragraphs)]) + "\n"


def appendix(comparison: ComparisonTable) -> str:
    """Return every run with its seed, accuracies, manifest and id, and the command that repeats each row."""
    runs = [
        [str(number), run.seed or ABSENT, *(_percent(run, metric) for metric in (VALIDATION, TRAINING, TEST))]
        + [_code(run.manifest), _commit_code(run), _code(run.id)]
        for number, one in enumerate(comparison.configurations, 1)
        for run in one.runs
    ]
    header = ["row", "seed", "validation", "training", "test", "manifest", "commit", "run"]
    commands = [
        f"Row {number}:\n\n    {command_to_repeat(one) or 'its runs did not log their command'}"
        for number, one in enumerate(comparison.configurations, 1)
    ]
    return "\n\n".join(["### Runs", markdown_table(header, runs), "### Commands to repeat", *commands]) + "\n"


def data_table(comparison: ComparisonTable) -> pd.DataFrame:
    """Return one row per configuration, the best first.

    Columns: the params that vary, accuracies as shares of one with their deviations (missing for a single run), mean
    seconds, seeds, manifests, commits and run ids separated by spaces, and all other params.
    """
    rows = []
    for number, one in enumerate(comparison.configurations, 1):
        row: dict[str, object] = {"row": number} | {key: one.params.get(key) for key in comparison.varying}
        row["runs"] = len(one.runs)
        for metric in (VALIDATION, TRAINING, TEST, SECONDS, COMPUTED):
            row[metric], row[f"{metric}_deviation"] = one.statistics(metric) or (None, None)
        row["seeds"] = " ".join(one.seeds)
        row["manifests"] = " ".join(_manifests(one))
        row["commits"] = " ".join(_distinct(one, _commit))
        row["run_ids"] = " ".join(run.id for run in one.runs)
        row["command"] = command_to_repeat(one)
        rows.append(row | {key: one.params[key] for key in sorted(one.params.keys() - row.keys())})
    return pd.DataFrame(rows)


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table whose columns are aligned in a terminal, too."""
    cells = [[cell.replace("|", "\\|") for cell in row] for row in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in cells]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def command_to_repeat(configuration: Configuration) -> str | None:
    """Return the command of the first run for all seeds, without paths of the machine that ran it.

    The folder of the data becomes `$NDSC_ROOT`, any other path its name (`…/weights.h5`). None if the run did not log
    its command.
    """
    tags = configuration.runs[0].tags
    if "command" not in tags:
        return None
    words = shlex.split(tags["command"])
    program, overrides = words[:3], words[3:]
    if tags.get("weights", "").startswith("random"):
        # Where ImageNet's weights are available, the same command would use them.
        overrides = [one for one in overrides if not _is_below(one, "backbone.weights")] + ["backbone.weights=random"]
    overrides = [one for one in overrides if not any(_is_below(one, key) for key in ("seed", *RECORDING))]
    overrides = [_without_machine(one, tags.get("data.root", "rendered")) for one in overrides]
    seeds = [seed for seed in configuration.seeds if seed]
    if len(seeds) > 1:
        program.append("-m")
    if seeds:
        overrides.append(f"seed={','.join(seeds)}")
    return " ".join(_quoted(word) for word in (*program, *overrides))


def _is_below(override: str, key: str) -> bool:
    name = override.lstrip("+~").partition("=")[0]
    return name == key or name.startswith((f"{key}.", f"{key}/"))


def _without_machine(override: str, data_root: str) -> str:
    key, equals, value = override.partition("=")
    path = PurePath(value)
    if key == "data.root":
        return f"{key}={DATA_ROOT}"
    if path.is_relative_to(data_root) and (key in DATA_FILES or path.is_absolute()):
        return f"{key}={DATA_ROOT}/{path.relative_to(data_root)}"
    return f"{key}=…/{path.name}" if path.is_absolute() else f"{key}{equals}{value}"


def _quoted(word: str) -> str:
    """Quote a word for the shell. The variable must not be inside single quotes."""
    quoted = shlex.quote(word)
    return quoted.replace(DATA_ROOT, "$NDSC_ROOT" if quoted == word else "'\"$NDSC_ROOT\"'")


def _wrap(paragraph: str) -> str:
    return textwrap.fill(paragraph, 120, break_long_words=False, break_on_hyphens=False)


def _shared_params(comparison: ComparisonTable) -> str:
    shown = {key: value for key, value in comparison.fixed.items() if "." not in key or key in MAIN_SETTINGS}
    text = f"The same in all rows: `{' '.join(f'{key}={value}' for key, value in shown.items())}`"
    others = len(comparison.fixed) - len(shown)
    return f"{text} and {counted(others, 'other setting')} (comparison.csv)" if others else text


def _table(comparison: ComparisonTable) -> str:
    header = ["row", *comparison.varying, "seeds", "validation", "training", "test", "seconds", "views computed"]
    rows = [
        [str(number), *(one.params.get(key, ABSENT) for key in comparison.varying), str(len(one.seeds))]
        + [_accuracy(one, metric) for metric in (VALIDATION, TRAINING, TEST)]
        + [_mean(one, SECONDS, ".1f"), _mean(one, COMPUTED, ",.0f"), _one_or_count(_manifests(one))]
        + [", ".join(_distinct(one, _commit_code))]
        for number, one in enumerate(comparison.configurations, 1)
    ]
    return markdown_table([*header, "manifest", "commit"], rows)


def _test_result(best_two: TopTwoTest) -> str:
    if best_two.result is None:
        return f"McNemar's test of rows 1 and 2 is not possible: {best_two.obstacle}."
    seeds = ", ".join(dict.fromkeys("/".join(dict.fromkeys((a.seed, b.seed))) for a, b in best_two.pairs))
    only_first, only_second, p_value = best_two.result
    several = len(best_two.pairs) > 1
    unit = "a photo counts once, for the row that is right about it in more pairs; " if several else ""
    conclusion = "more than chance explains" if p_value < SIGNIFICANCE else "chance alone can explain it"
    return (
        f"McNemar's exact test of rows 1 and 2, over {counted(len(best_two.pairs), 'pair')} of runs with the same "
        f"validation photos (seed {seeds}; {counted(best_two.photos, 'different photo')}): {unit}{only_first} for "
        f"row 1 alone, {only_second} for row 2 alone, p = {p_value:.2g}: {conclusion}. This applies to these trained "
        "classifiers, not to other seeds."
    )


def _accuracy(one: Configuration, metric: str) -> str:
    found = one.statistics(metric)
    if found is None:
        return ABSENT
    return f"{100 * found.mean:.2f}" + ("" if found.deviation is None else f" ± {100 * found.deviation:.2f}")


def _mean(one: Configuration, metric: str, shape: str) -> str:
    found = one.statistics(metric)
    return ABSENT if found is None else format(found.mean, shape)


def _percent(run: RecordedRun, metric: str) -> str:
    return f"{100 * run.metrics[metric]:.2f}" if metric in run.metrics else ABSENT


def _manifests(one: Configuration) -> list[str]:
    return _distinct(one, lambda run: run.manifest)


def _distinct(one: Configuration, text: Callable[[RecordedRun], str]) -> list[str]:
    return [found for found in dict.fromkeys(map(text, one.runs)) if found]


def _one_or_count(manifests: Sequence[str]) -> str:
    return _code(manifests[0]) if len(manifests) == 1 else f"{len(manifests)}, by run" if manifests else ABSENT


def _commit(run: RecordedRun) -> str:
    """Return seven digits, as git shows them; an empty text if the code was no checkout (the tag holds the reason)."""
    commit = run.tags.get("git.commit", "")
    if not re.fullmatch("[0-9a-f]{40,64}", commit):
        return ""
    return commit[:7] + ("+" if run.tags.get("git.dirty") == "true" else "")


def _commit_code(run: RecordedRun) -> str:
    """Return the commit as code, with the + behind it."""
    commit = _commit(run)
    return _code(commit.rstrip("+")) + ("+" if commit.endswith("+") else "")


def _code(text: str) -> str:
    return f"`{text}`" if text else ABSENT


def _ids(runs: Iterable[RecordedRun]) -> str:
    short = [run.id[:8] for run in runs]
    return ", ".join(short[:SHOWN_IDS]) + (", …" if len(short) > SHOWN_IDS else "")
