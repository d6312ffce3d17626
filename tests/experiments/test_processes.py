"""Processes are measured from outside."""

import sys

import pytest

from experiments.benchmarks.processes import measured

ALLOCATE = "import time; held = bytearray(300_000_000); held[::4096] = b'1' * len(held[::4096]); time.sleep(0.2)"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells a process' anonymous memory")
def test_the_peak_of_anonymous_memory_is_what_a_process_allocates():
    small, large = (measured([sys.executable, "-c", code]).megabytes for code in ("pass", ALLOCATE))
    assert 280 < large - small < 330


def test_what_a_process_says_and_how_long_it_takes_are_kept():
    finished = measured([sys.executable, "-c", "import sys, time; print('out'); time.sleep(0.3); sys.exit()"])
    assert finished.output == "out\n"
    assert finished.seconds >= 0.3


def test_a_process_that_fails_ends_the_benchmark_with_the_last_it_said():
    with pytest.raises(SystemExit, match="no such thing"):
        measured([sys.executable, "-c", "raise ValueError('no such thing')"])
