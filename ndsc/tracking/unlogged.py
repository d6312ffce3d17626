"""Settings that make a difference between runs although no run logged them: nobody overrode an edited file of conf/."""

from collections.abc import Iterator, Mapping, Sequence

from ndsc.config.hydra_job import PLACES
from ndsc.config.run_key import CALLBACK_PLACES

# Dictionaries of library objects: what one of them lacks is a difference. Elsewhere it is a setting that an older
# version did not have yet.
OPEN = ("augmentation.layers.", "backbone.build.", "optimizer.", "callbacks.")
SHAPES_NOTHING = ("seed", "callbacks.pruning", *PLACES)


def differing(configurations: Sequence[Mapping]) -> set[str]:
    """The keys of all values in which these configurations differ, without seed, tracking and places."""
    flat = [dict(_leaves(one)) for one in configurations]
    return {
        key
        for key in set().union(*flat)
        if (key.startswith(OPEN) or all(key in one for one in flat))
        and len({repr(one.get(key, "absent")) for one in flat}) > 1
        and not _is_place(key)
    }


def _leaves(value: object, *key: str) -> Iterator[tuple[str, object]]:
    """Values that hold no others, keyed as OmegaConf selects them."""
    if isinstance(value, Mapping | list):
        for name, inner in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from _leaves(inner, *key, str(name))
    else:
        yield ".".join(key), value


def _is_place(key: str) -> bool:
    where_a_callback_writes = key.startswith("callbacks.") and key.endswith(CALLBACK_PLACES)
    return where_a_callback_writes or any(key == place or key.startswith(f"{place}.") for place in SHAPES_NOTHING)
