"""Errors of the classes that a config names, told in a sentence."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpose.registry import MODELS
from torch import nn

from .errors import InputError


def build_model(cfg: Config) -> nn.Module:
    """The model of a config, with random weights.

    Raises:
        InputError: see :func:`told_as`.
    """
    with told_as(f'{cfg.filename}: model'):
        return MODELS.build(cfg.model)


@contextmanager
def told_as(part: str) -> Iterator[None]:
    """Build something of a config, and tell in a sentence why that is not possible.

    Args:
        part: of the config, with the name of its file.

    Raises:
        InputError: with the classes on the way, the error, and the line it comes from.
    """
    try:
        with DefaultScope.overwrite_default_scope('mmpose'):
            yield
    except InputError:
        raise
    except Exception as error:  # whatever a class does with values that it does not expect
        raise InputError(
            f'{part} cannot be built: {way_to(error)}{summary(error)}; correct this value'
        ) from error


def way_to(error: Exception) -> str:
    """The classes whose ``__init__`` an error has passed, from the outside."""
    names = []
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_name == '__init__' and 'self' in frame.f_locals:
            name = type(frame.f_locals['self']).__name__
            if name not in names[-1:]:  # the __init__ of a base class
                names.append(name)
    return ' > '.join(names) + ': ' * bool(names)


def summary(error: Exception) -> str:
    """Type and first line of an error, and the line of code that it comes from."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    message = error.args[0] if isinstance(error, KeyError) else error  # which shows it quoted
    text = str(message).strip().split('\n')[0][:200] or place.line
    file = '/'.join(Path(place.filename).parts[-3:])
    return f'{type(error).__name__} ({text}) at {file}:{place.lineno}'
