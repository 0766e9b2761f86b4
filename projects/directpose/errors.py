"""Errors that a user can mend."""

import functools
import sys
from collections.abc import Callable


class InputError(ValueError):
    """Bad input, told in one sentence: what is wrong, where, and what to do about it."""


def exit_on_input_error(main: Callable) -> Callable:
    """Let a tool's ``main`` end with the sentence of an InputError, not with its traceback."""

    @functools.wraps(main)
    def wrapped(*args, **kwargs):
        try:
            return main(*args, **kwargs)
        except InputError as error:
            sys.exit(f'error: {error}')

    return wrapped
