"""A process that fills a feature store with rows that follow from their keys, for tests to watch and to kill.

python filler.py MODE CACHE_ROOT COUNT, where MODE is `exclusive`, `together` (what is missing is looked up before any
of them begins) or `endless` (one view after the other). It prints `ready`, waits for
a line, and then prints for every batch how many rows it appended.
"""

import logging
import sys
import time
from hashlib import blake2b
from pathlib import Path

import numpy as np

from ndsc.features.store import FeatureStore

FINGERPRINT = {"backbone": "resnet50", "weights": "0" * 32, "line": "avg_pool", "precision": "float32"}
SHAPE = (8, 256)


def photos(count: int, view: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The content hashes (count, 16) uint8 of made-up photos, and `view` for each."""
    hashes = b"".join(blake2b(str(number).encode(), digest_size=16).digest() for number in range(count))
    return np.frombuffer(hashes, np.uint8).reshape(count, 16), np.full(count, view)


def rows_of(contents: np.ndarray, views: np.ndarray) -> np.ndarray:
    """The only correct rows (n, 8, 256) float16 for these photos in these views."""
    seeds = np.ascontiguousarray(contents).view("<u4")[:, 0].astype(np.int64) + 7919 * views
    numbers = (seeds[:, None] + np.arange(8 * 256) * 31) % 2048
    return numbers.astype(np.float16).reshape(len(contents), *SHAPE)


def open_store(cache_root: Path) -> FeatureStore:
    """The store that all these processes share."""
    return FeatureStore.open(cache_root, FINGERPRINT, SHAPE, "float16")


def fill(store: FeatureStore, contents: np.ndarray, views: np.ndarray, pause: float = 0) -> int:
    """Append what is missing; returns how many rows."""
    missing = ~store.find(contents, views)
    return append(store, contents[missing], views[missing], pause)


def append(store: FeatureStore, contents: np.ndarray, views: np.ndarray, pause: float = 0) -> int:
    """Append the rows in batches of 1 to 40, with pauses of so many seconds; returns and prints how many."""
    start, random = 0, np.random.default_rng()
    while start < len(contents):
        batch = slice(start, start + random.integers(1, 41))
        store.append(contents[batch], views[batch], rows_of(contents[batch], views[batch]))
        print(len(contents[batch]), flush=True)
        start += len(contents[batch])
        time.sleep(pause)
    return start


def main(mode: str, cache_root: str, count: str) -> None:
    """Run one mode."""
    contents, views = photos(int(count))
    with open_store(Path(cache_root)) as store:
        assert mode != "together" or not store.find(contents, views).any()
        print("ready", flush=True)
        sys.stdin.readline()
        if mode == "exclusive":
            with store.exclusive():
                fill(store, contents, views, pause=0.01)
        elif mode == "together":
            append(store, contents, views, pause=0.01)
        else:
            for view in range(2**32):
                fill(store, contents, views + view)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main(*sys.argv[1:])
