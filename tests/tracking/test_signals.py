import signal
import threading

import pytest

from ndsc.tracking.signals import EXIT_CODE, Terminated, signals_held_off, sigterm_raises


def test_sigterm_becomes_an_exception_that_ends_the_process_with_143():
    with pytest.raises(Terminated) as raised, sigterm_raises():
        signal.raise_signal(signal.SIGTERM)
    assert raised.value.code == EXIT_CODE == 143


def test_the_former_handler_comes_back():
    def mine(_number, _frame):
        pass

    original = signal.signal(signal.SIGTERM, mine)
    try:
        with sigterm_raises():
            assert signal.getsignal(signal.SIGTERM) is not mine
        assert signal.getsignal(signal.SIGTERM) is mine
    finally:
        signal.signal(signal.SIGTERM, original)


def test_signals_that_are_held_off_arrive_afterwards():
    done = []

    def work():
        with signals_held_off():
            signal.raise_signal(signal.SIGINT)
            done.append("all of it")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["all of it"]


def test_an_exception_comes_before_signals_that_are_held_off():
    def work():
        with sigterm_raises(), signals_held_off():
            signal.raise_signal(signal.SIGTERM)
            raise ValueError("first")

    with pytest.raises(ValueError, match="first"):
        work()


def test_other_threads_leave_the_handlers_alone():
    seen = []

    def look():
        with sigterm_raises(), signals_held_off():
            seen.append((signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)))

    before = (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT))
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [before]
