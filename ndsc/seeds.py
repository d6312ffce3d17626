"""Seeds: one for the whole run, from which each use derives its own."""

import hashlib


def derive(seed: int, use: str) -> int:
    """A 32-bit seed for one use (`"sampling"`, `"initial weights"`, …), independent of the seeds of all other uses.

    Each use has its own stream, so that one more random number in one place does not change another.
    """
    return int.from_bytes(hashlib.blake2b(f"{seed}/{use}".encode(), digest_size=4).digest(), "little")
