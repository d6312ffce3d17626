"""The key of a run: equal for runs whose configuration, data and source code give the same numbers."""

import json
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

from ndsc.caching.digests import combined_hash, content_hash, content_signature
from ndsc.config.keys import flatten, is_compared
from ndsc.config.schema import Config

PACKAGE = Path(__file__).parents[1]


def run_key(config: Config, data_digest: str) -> str:
    """Return 32 hex digits that identify all that shapes the numbers of a run, and nothing else.

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
    }
    return content_hash(json.dumps(parts, sort_keys=True))


@lru_cache(maxsize=1)  # what is edited while a sweep runs is not what it runs
def source_digest() -> str:
    """32 hex digits of the package's Python files, names and contents, as they were when first asked for."""
    parts: list[bytes | str] = []
    for path in sorted(PACKAGE.rglob("*.py")):
        content = path.read_bytes()
        parts += [f"{path.relative_to(PACKAGE).as_posix()} {len(content)}\n", content]
    return combined_hash(parts)
