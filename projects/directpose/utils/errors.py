"""User errors."""

import functools
import sys
from collections.abc import Callable

from .interrupts import interrupted_again, was_interrupted

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


def sentence_of(error: InputError) -> str:
    """What an error says, without the traceback that a process of torch's loader puts before."""
    text = str(error)
    if text.startswith('Caught ') and 'Original Traceback' in text:
        return text.strip().rpartition('Error: ')[2]
    return text
