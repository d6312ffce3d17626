"""Signals that stop a run, and that wait while it is being closed: Ctrl-C, SIGTERM and their like."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

# From a scheduler or a person, a closed terminal, Ctrl-\, and a limit on the seconds of a processor (`ulimit -t`).
STOPPING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGXCPU)

Handler = Callable[[int, FrameType | None], object]


class Terminated(SystemExit):
    """The process was asked to stop by one of the signals `STOPPING`."""


@contextmanager
def signals_raise() -> Iterator[None]:
    """Turn the signals `STOPPING` into the exception `Terminated`, so that `with` blocks are left in order; the exit
    code is 128 + the number of the signal, as a shell reports it.

    Python runs signal handlers in its main thread only; in any other thread this context changes nothing. The former
    handlers are restored. A signal that the process ignores (`nohup`; Ctrl-C, where a shell started it in the
    background) stays ignored.
    """

    def stop(number: int, _frame: FrameType | None) -> None:
        raise _exception(number)

    with _handlers(stop, *STOPPING):
        yield


@contextmanager
def reraise_signals() -> Iterator[None]:
    """Leave the block by `KeyboardInterrupt` after Ctrl-C and by `Terminated` after other signals, even if another
    exception replaced them: TensorFlow raises an error of its own for what is raised while it traces.
    """
    received: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        raise _exception(number)

    with _handlers(stop, signal.SIGINT, *STOPPING):
        try:
            yield
        except Exception as error:
            if received:
                raise _exception(received[0]) from error
            raise


def _exception(number: int) -> BaseException:
    return KeyboardInterrupt() if number == signal.SIGINT else Terminated(128 + number)


@contextmanager
def defer_signals() -> Iterator[None]:
    """Delay Ctrl-C and other signals until the block has ended.

    People press Ctrl-C twice, and schedulers repeat SIGTERM. Without this, the second one would interrupt the closing
    of the run, and the run would stay RUNNING. If the block raises, its exception replaces the signals.
    """
    waiting: list[int] = []
    signal.alarm(0)  # Ray's handler of SIGTERM has set one that aborts the process after three seconds
    with _handlers(lambda number, _frame: waiting.append(number), signal.SIGINT, *STOPPING):
        yield
    for number in waiting:
        signal.raise_signal(number)


@contextmanager
def _handlers(handler: Handler, *numbers: signal.Signals) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handled = [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]
    previous = {number: signal.signal(number, handler) for number in handled}
    try:
        yield
    finally:
        for number, former in previous.items():
            # None: a handler that a C library installed. Python cannot restore that one.
            signal.signal(number, signal.SIG_DFL if former is None else former)
