"""The command that repeats a configuration anywhere: seeds joined, and no path of the machine that ran it."""

import shlex
from pathlib import PurePath

from ndsc.comparison.comparison_table import Configuration

# Where runs are recorded and features are cached shapes no numbers; the type they are cached in does.
PLACES = ("tracking", "cache.root", "hydra", "threads", "rerun_finished")
# Files that usually lie in the data's folder.
DATA_FILES = ("data.metadata", "data.table", "sampling.test.list", "sampling.exclude")
# Made of letters that a shell leaves alone.
MARK = "@NDSC_ROOT@"


def command_to_repeat(configuration: Configuration) -> str | None:
    """The command of the first run, for all seeds; the data's folder is `$NDSC_ROOT`, and of other paths of that
    machine there are only the names (`…/weights.h5`). None where the run did not log its command."""
    tags = configuration.runs[0].tags
    if "command" not in tags:
        return None
    words = shlex.split(tags["command"])
    program, overrides = words[:3], words[3:]
    if tags.get("weights", "").startswith("random"):
        # Where ImageNet's can be had, the same command would find them.
        overrides = [one for one in overrides if not _is_below(one, "backbone.weights")] + ["backbone.weights=random"]
    kept = [one for one in overrides if not any(_is_below(one, place) for place in ("seed", *PLACES))]
    kept = [_without_machine(one, tags.get("data.root", "rendered")) for one in kept]
    seeds = [seed for seed in configuration.seeds if seed]
    if len(seeds) > 1:
        program.append("-m")
    if seeds:
        kept.append(f"seed={','.join(seeds)}")
    return " ".join(_quoted(word) for word in (*program, *kept))


def _is_below(override: str, place: str) -> bool:
    name = override.lstrip("+~").partition("=")[0]
    return name == place or name.startswith((f"{place}.", f"{place}/"))


def _without_machine(override: str, data_root: str) -> str:
    key, equals, value = override.partition("=")
    path = PurePath(value)
    if key == "data.root":
        return f"{key}={MARK}"
    if path.is_relative_to(data_root) and (key in DATA_FILES or path.is_absolute()):
        return f"{key}={MARK}/{path.relative_to(data_root)}"
    return f"{key}=…/{path.name}" if path.is_absolute() else f"{key}{equals}{value}"


def _quoted(word: str) -> str:
    """As the shell wants it. The variable must not stand between single quotation marks."""
    quoted = shlex.quote(word)
    return quoted.replace(MARK, "$NDSC_ROOT" if quoted == word else "'\"$NDSC_ROOT\"'")
