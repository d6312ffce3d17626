"""One seed for all, and a stream of its own for each use."""

import hashlib


def derive(seed: int, use: str) -> int:
    """A 32-bit seed for one use (`"sampling"`, `"initial weights"`, …), independent of the seeds of all other uses.

    Uses draw from streams of their own, so that one more random number here does not change what happens there.
    """
    return int.from_bytes(hashlib.blake2b(f"{seed}/{use}".encode(), digest_size=4).digest(), "little")
