"""Settings that make a difference between runs although no run logged them: nobody overrode an edited file of conf/."""

from collections.abc import Iterator, Mapping, Sequence

from ndsc.config.keys import is_compared

# Dictionaries of library objects: what one of them lacks is a difference. Elsewhere it is a setting that an older
# version did not have yet.
OPEN = ("augmentation.layers.", "backbone.build.", "optimizer.", "callbacks.")


def differing(configurations: Sequence[Mapping]) -> set[str]:
    """The keys of all values in which these configurations differ, without seed, tracking and places."""
    flat = [dict(_leaves(one)) for one in configurations]
    return {
        key
        for key in set().union(*flat)
        if (key.startswith(OPEN) or all(key in one for one in flat))
        and len({repr(one.get(key, "absent")) for one in flat}) > 1
        and key != "seed"
        and is_compared(key)
    }


def _leaves(value: object, *key: str) -> Iterator[tuple[str, object]]:
    """Values that hold no others, keyed as OmegaConf selects them."""
    if isinstance(value, Mapping | list):
        for name, inner in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from _leaves(inner, *key, str(name))
    else:
        yield ".".join(key), value
