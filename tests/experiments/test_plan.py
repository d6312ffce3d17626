"""The sizes of the benchmarks depend on the speed of the machine."""

from experiments.benchmarks.plan import FEWEST, FULL, MOST, sized


def test_a_faster_machine_gets_more_photos_up_to_the_size_of_the_target():
    slow, fast, fastest = (sized(speed, speed / 2, minutes=20).baseline for speed in (15, 60, 5000))
    assert FEWEST < slow < fast < fastest == MOST == FULL.baseline


def test_more_minutes_give_more_photos_and_too_few_minutes_the_minimum():
    assert sized(15, 12, minutes=40).baseline > sized(15, 12, minutes=20).baseline
    assert sized(15, 12, minutes=1).baseline == FEWEST


def test_every_benchmark_is_run_and_int8_only_if_available():
    without, with_int8 = (FULL.commands(int8) for int8 in (False, True))
    assert {name for name, _ in without} == {"archive", "baseline", "sweep", "fidelity", "growth"}
    assert with_int8[: len(without)] == without
    assert all("backbone.precision=int8" in arguments for _, arguments in with_int8[len(without) :])
    assert ("sweep", ["--per-class", "1150"]) in without
