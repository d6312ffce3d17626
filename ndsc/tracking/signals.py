"""Ctrl-C and SIGTERM: they stop a run, and wait while it is being closed."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

# 128 + 15: what a shell reports for a process that SIGTERM ended.
EXIT_CODE = 143

Handler = Callable[[int, FrameType | None], object]


class Terminated(SystemExit):
    """The process was asked to stop (SIGTERM): by a scheduler that wants its node back, or by a person."""


@contextmanager
def sigterm_raises() -> Iterator[None]:
    """Turn SIGTERM into the exception `Terminated`, so that `with` blocks are left in order; exit code 143.

    Python runs signal handlers in its main thread only; in any other thread this context changes nothing. The former
    handlers are restored.
    """

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise Terminated(EXIT_CODE)

    with _handlers(stop, signal.SIGTERM):
        yield


@contextmanager
def reraise_signals() -> Iterator[None]:
    """Leave the block by `KeyboardInterrupt` after Ctrl-C and by `Terminated` after SIGTERM, even if another exception
    replaced them: TensorFlow raises an error of its own for what is raised while it traces. A signal that the process
    ignores (Ctrl-C, where a shell started it in the background) stays ignored.
    """
    received: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        raise _exception(number)

    handled = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) != signal.SIG_IGN]
    with _handlers(stop, *handled):
        try:
            yield
        except Exception as error:
            if received:
                raise _exception(received[0]) from error
            raise


def _exception(number: int) -> BaseException:
    return KeyboardInterrupt() if number == signal.SIGINT else Terminated(EXIT_CODE)


@contextmanager
def defer_signals() -> Iterator[None]:
    """Delay Ctrl-C and SIGTERM until the block has ended.

    People press Ctrl-C twice, and schedulers repeat SIGTERM. Without this, the second one would interrupt the closing
    of the run, and the run would stay RUNNING. If the block raises, its exception replaces the signals.
    """
    waiting: list[int] = []
    with _handlers(lambda number, _frame: waiting.append(number), signal.SIGINT, signal.SIGTERM):
        yield
    for number in waiting:
        signal.raise_signal(number)


@contextmanager
def _handlers(handler: Handler, *numbers: signal.Signals) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, former in previous.items():
            # None: a handler that a C library installed. Python cannot restore that one.
            signal.signal(number, signal.SIG_DFL if former is None else former)
