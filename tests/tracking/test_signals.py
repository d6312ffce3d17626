import signal
import threading

import pytest

from ndsc.tracking.signals import EXIT_CODE, Terminated, signals_come_first, signals_held_off, sigterm_raises


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


@pytest.mark.parametrize(("number", "exception"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)])
def test_a_signal_is_heard_though_a_library_made_something_else_of_it(number, exception):
    def library():
        try:
            signal.raise_signal(number)
        except BaseException:
            raise RuntimeError("an operation failed") from None

    with pytest.raises(exception) as raised, signals_come_first():
        library()
    assert str(raised.value.__cause__) == "an operation failed"


def test_without_a_signal_exceptions_are_what_they_were():
    with pytest.raises(ValueError, match="mine"), signals_come_first():
        raise ValueError("mine")


def test_a_signal_that_is_ignored_stays_so():
    original = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with signals_come_first():
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, original)


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
        with sigterm_raises(), signals_held_off(), signals_come_first():
            seen.append((signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)))

    before = (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT))
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [before]
