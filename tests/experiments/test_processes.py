"""Duration, memory and output of processes are measured from outside."""

import sys

import pytest

from experiments.benchmarks.processes import measured

ALLOCATE = "import time; held = bytearray(300_000_000); held[::4096] = b'1' * len(held[::4096]); time.sleep(0.2)"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux reports the anonymous memory of a process")
def test_the_peak_of_anonymous_memory_matches_what_a_process_allocates():
    small, large = (measured([sys.executable, "-c", code]).megabytes for code in ("pass", ALLOCATE))
    assert 280 < large - small < 330


def test_output_and_duration_of_a_process_are_returned():
    finished = measured([sys.executable, "-c", "import sys, time; print('out'); time.sleep(0.3); sys.exit()"])
    assert finished.output == "out\n"
    assert finished.seconds >= 0.3


def test_a_failed_process_ends_the_benchmark_with_its_error_output():
    with pytest.raises(SystemExit, match="no such thing"):
        measured([sys.executable, "-c", "raise ValueError('no such thing')"])
