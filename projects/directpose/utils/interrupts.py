"""Ctrl-C: it ends a command once, cleanly, wherever it comes."""

import _thread
import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator


def was_interrupted(error: BaseException) -> bool:
    """Whether it began with Ctrl-C, of which mmengine can make a SyntaxError."""
    return isinstance(error, KeyboardInterrupt) or (
        error.__context__ is not None and was_interrupted(error.__context__)
    )


@contextlib.contextmanager
def interrupted_again() -> Iterator[None]:
    """A Ctrl-C that comes within a destructor, where Python ignores it, comes once more."""
    before = sys.unraisablehook
    timers: list[threading.Timer] = []

    def hook(ignored) -> None:
        if ignored.exc_type is KeyboardInterrupt:
            timers.append(threading.Timer(0.1, _thread.interrupt_main))
            timers[-1].start()
        else:
            before(ignored)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before
        for timer in timers:
            timer.cancel()


def leave_interrupts(then: Callable[[int], None] | None, worker_id: int) -> None:
    """Leave Ctrl-C to the process whose data a worker loads: a ``worker_init_fn``.

    A worker that Ctrl-C ends while it holds a lock that it shares with that process never opens
    the lock again, and the process waits for it for ever.

    Args:
        then: another ``worker_init_fn`` to call.
        worker_id: which worker this is.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if then is not None:
        then(worker_id)
