"""The key of a run: equal for runs whose configuration, data and source code give the same numbers."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from types import CodeType

from ndsc.caching.digests import combined_hash, content_hash, content_signature
from ndsc.config.keys import flatten, is_compared
from ndsc.config.schema import Config
from ndsc.startup import numeric_variables

PACKAGE = Path(__file__).parents[1]
# Rooms and modules that shape no number of a run. All others count, also those that are new: a run too many costs
# minutes, a run too few gives wrong results.
SHAPE_NO_NUMBERS = (
    # Commands read the configuration and call the run (`experiment.py`), or only read finished runs and data.
    "audit.py",
    "cache.py",
    "compare.py",
    "predict.py",
    "reproduce.py",
    "train.py",
    # Settings are in the key themselves, by their values. Only `config/instantiate.py` builds something from them.
    "config/checks.py",
    "config/command_line.py",
    "config/constraints.py",
    "config/hydra_job.py",
    "config/keys.py",
    "config/run_key.py",
    "config/schema.py",
    "preflight.py",  # refuses a run or lets it pass
    "errors.py",  # shows errors
    "process.py",  # cores and seconds; a run gives the same numbers with any number of threads
    "startup.py",  # imports TensorFlow quietly; which environment variables count is part of the key
    "terminal.py",  # shows progress
    "run_reporter.py",  # logs the results that it is given
    "tracking/",  # records runs
    "comparison/",  # reads finished runs
    "auditing/",  # reads photos and features, and writes a page
    "evaluation/figures/",  # draws what was computed
    "sweeps/",  # chooses which runs to do
)


def run_key(config: Config, data_digest: str) -> str:
    """Return 32 hex digits that identify all that shapes the numbers of a run, and nothing else.

    Environment variables that change how libraries compute count too.

    Args:
        data_digest: of the data that the configuration names, or of a manifest.
    """
    settings = {key: value for key, value in flatten(asdict(config)).items() if is_compared(key)}
    del settings["sampling.exclude"]  # the content of the file is in the digest of the data
    weights = Path(config.backbone.weights).expanduser()
    if weights.is_file():
        settings["backbone.weights"] = content_signature(weights)
    parts = {
        "settings": settings,
        # Layers are applied in this order, which JSON with sorted keys does not keep.
        "layers": list(config.augmentation.layers),
        "data": data_digest,
        "source": source_digest(),
        "environment": numeric_variables(),
    }
    return content_hash(json.dumps(parts, sort_keys=True))


@lru_cache(maxsize=1)  # what is edited while a sweep runs is not what it runs
def source_digest() -> str:
    """Return 32 hex digits of the package's code that shapes numbers, as it was at the first call.

    Docstrings, comments and formatting do not count. Python versions differ in the bytecode that they make.
    """
    files = {path.relative_to(PACKAGE).as_posix(): path for path in sorted(PACKAGE.rglob("*.py"))}
    return combined_hash(
        part
        for name, path in files.items()
        if not name.startswith(SHAPE_NO_NUMBERS)
        for part in (name, *_bytecode(compile(path.read_bytes(), "", "exec", optimize=2)))  # 2: without docstrings
    )


def _bytecode(code: CodeType) -> Iterator[str]:
    """Return what a piece of code does, without its lines, then the same of the functions and classes inside it."""
    inner = [value for value in code.co_consts if isinstance(value, CodeType)]
    # The order of a set differs from process to process.
    values = [sorted(map(repr, value)) if isinstance(value, frozenset) else value for value in code.co_consts]
    yield repr(
        (
            *(code.co_code, code.co_exceptiontable, code.co_flags, code.co_name),
            *(code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount),
            *(code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars),
            [value for value in values if not isinstance(value, CodeType)],
        )
    )
    for one in inner:
        yield from _bytecode(one)
