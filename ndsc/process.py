"""What belongs to the whole process: its environment variables, and the cores that it may use."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


def usable_cores() -> int:
    """How many cores this process may use, which on a shared node can be fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for the length of the block, then put back what was there."""
    previous = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in previous.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
