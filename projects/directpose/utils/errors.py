"""User errors."""

import _thread
import contextlib
import functools
import sys
import threading
from collections.abc import Callable, Iterator

INTERRUPTED = 130  # what a shell gives a command that Ctrl-C has ended
INCOMPLETE = 3  # everything is written, but some of the inputs could not be read


class InputError(ValueError):
    """Bad input, told in one sentence: what is wrong, where, and what to do about it."""


class StorageError(InputError):
    """A file may be there and whole, but cannot be read now."""


def exit_on_input_error(main: Callable) -> Callable:
    """Let a tool's ``main`` end with the sentence of an InputError, not with its traceback.

    Ctrl-C ends it with a line as well.
    """

    @functools.wraps(main)
    def wrapped(*args, **kwargs):
        try:
            with interrupted_again():
                return main(*args, **kwargs)
        except InputError as error:
            sys.exit(f'error: {sentence_of(error)}')
        except (Exception, KeyboardInterrupt) as error:
            if not was_interrupted(error):
                raise
            print('interrupted', file=sys.stderr)
            sys.exit(INTERRUPTED)

    return wrapped


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


def sentence_of(error: InputError) -> str:
    """What an error says, without the traceback that a process of torch's loader puts before."""
    text = str(error)
    if text.startswith('Caught ') and 'Original Traceback' in text:
        return text.strip().rpartition('Error: ')[2]
    return text


def was_interrupted(error: BaseException) -> bool:
    """Whether it began with Ctrl-C, of which mmengine can make a SyntaxError."""
    return isinstance(error, KeyboardInterrupt) or (
        error.__context__ is not None and was_interrupted(error.__context__)
    )
