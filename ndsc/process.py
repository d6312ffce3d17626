"""The process: its cores, threads and packages, and the seconds that its steps take."""

import importlib.util
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def usable_cores() -> int:
    """Return the number of cores that this process may use. On a shared node there can be more, and
    a container may have a quota."""
    from joblib import cpu_count  # a tenth of a second, which --help does without

    return cpu_count()


def map_ahead(
    threads: ThreadPoolExecutor, function: Callable[[Item], Result], items: Iterable[Item], ahead: int
) -> Generator[Result]:
    """Yield the results in the order of the items, like `threads.map`, but start at most `ahead` calls ahead of need.

    When the iterator is closed, the calls that have not begun are cancelled.
    """
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(threads.submit(function, item))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for unused in waiting:
            unused.cancel()


class Timer:
    """Measures named steps: `with timer("fit"): …`. A step that runs again adds to its seconds."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._started = time.perf_counter()

    @property
    def elapsed(self) -> float:
        """Seconds since the timer was created."""
        return time.perf_counter() - self._started

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[step] = self.seconds.get(step, 0.0) + time.perf_counter() - started


def missing_packages(packages: Mapping[str, str]) -> list[str]:
    """Return those of these packages that are not installed.

    Args:
        packages: by the module that each is imported as (`{"cv2": "opencv-python-headless"}`).
    """
    return [package for module, package in packages.items() if importlib.util.find_spec(module) is None]


def install_command(extra: str) -> str:
    """Return the command that installs an extra of pyproject.toml."""
    if not (Path(__file__).parents[1] / "requirements").is_dir():
        return f"python -m pip install '<folder or wheel of ndsc>[{extra}]'"
    return f"python -m pip install --no-deps --require-hashes -r requirements/{extra}.txt"
