import signal
import threading

import pytest

from ndsc.tracking.signals import Terminated, defer_signals, reraise_signals, signals_raise


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGXCPU])
def test_a_signal_becomes_an_exception_that_ends_the_process_as_a_shell_reports_it(number):
    with pytest.raises(Terminated) as raised, signals_raise():
        signal.raise_signal(number)
    assert raised.value.code == 128 + number


def test_the_previous_handler_is_restored():
    def mine(_number, _frame):
        pass

    original = signal.signal(signal.SIGTERM, mine)
    try:
        with signals_raise():
            assert signal.getsignal(signal.SIGTERM) is not mine
        assert signal.getsignal(signal.SIGTERM) is mine
    finally:
        signal.signal(signal.SIGTERM, original)


@pytest.mark.parametrize(("number", "exception"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGHUP, Terminated)])
def test_a_signal_is_raised_even_if_a_library_replaced_its_exception(number, exception):
    def library():
        try:
            signal.raise_signal(number)
        except BaseException:
            raise RuntimeError("an operation failed") from None

    with pytest.raises(exception) as raised, reraise_signals():
        library()
    assert str(raised.value.__cause__) == "an operation failed"


def test_without_a_signal_exceptions_are_unchanged():
    with pytest.raises(ValueError, match="mine"), reraise_signals():
        raise ValueError("mine")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_an_ignored_signal_stays_ignored(number):
    original = signal.signal(number, signal.SIG_IGN)
    try:
        with signals_raise(), reraise_signals():
            signal.raise_signal(number)
            with defer_signals():
                signal.raise_signal(number)
    finally:
        signal.signal(number, original)


def test_deferred_signals_are_delivered_after_the_block():
    done = []

    def work():
        with defer_signals():
            signal.raise_signal(signal.SIGINT)
            done.append("all of it")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["all of it"]


def test_an_exception_replaces_deferred_signals():
    def work():
        with signals_raise(), defer_signals():
            signal.raise_signal(signal.SIGTERM)
            raise ValueError("first")

    with pytest.raises(ValueError, match="first"):
        work()


def test_other_threads_do_not_change_the_handlers():
    seen = []

    def look():
        with signals_raise(), defer_signals(), reraise_signals():
            seen.append((signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)))

    before = (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT))
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [before]
