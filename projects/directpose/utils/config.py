"""Reading and building configs, and helpers for use inside of configs.

A config of mmengine cannot have import statements, but it may hold expressions::

    _base_ = __import__('directpose').config_path('directpose/NAME.py')
    train_pipeline = __import__('directpose').override_by_type(
        _base_.train_pipeline, RandomFlip=None, RandomScaleCrop=dict(long_side=2000))
"""

import difflib
import inspect
import os.path as osp
import traceback
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmpose.registry import MODELS
from torch import nn

from .errors import InputError

PACKAGE = osp.dirname(osp.dirname(osp.abspath(__file__)))
CONFIGS = osp.join(PACKAGE, '.mim', 'configs')
# What is read at the top of a config after it was loaded; anything else is a variable of the file
TOP_KEYS = {
    *inspect.signature(Runner.__init__).parameters,
    'activation_checkpointing',
    'compile',
    'efficient_conv_bn_eval',
    'find_unused_parameters',
    'model_wrapper_cfg',
    'runner_type',
    'strategy',
    'sync_bn',
    'tta_model',
    'tta_pipeline',
}


def config_path(name: str) -> str:
    """Path of one of our configs, in a clone as well as after ``pip install``.

    mmengine finds a ``package::name`` only in the packages that it knows.

    Args:
        name: relative to ``configs/``.

    Raises:
        InputError: there is no such config.
    """
    path = osp.join(CONFIGS, name)
    if not osp.isfile(path):
        raise InputError(f'directpose has no config {name}; see {CONFIGS}')
    return path


def override_by_type(parts: Sequence[dict], **changes: dict | list[dict] | None) -> list[dict]:
    """A list of a config, such as a pipeline or a schedule, changed by the ``type`` of its parts.

    Args:
        parts: each with a ``type``.
        changes: for each type the fields to set, ``type`` among them to exchange a part; a list
            of parts to stand in its place; or None to leave it out.

    Raises:
        InputError: no part has that type, or several have it.
    """
    types = [part['type'] for part in parts]
    for name in changes:
        if types.count(name) != 1:
            raise InputError(
                f'override_by_type: {name} is there {types.count(name)} times, not once, among '
                f'{", ".join(types)}'
            )
    result: list[dict] = []
    for part in parts:
        change = changes.get(part['type'], {})
        if isinstance(change, list):
            result += change
        elif change is not None:
            result.append({**part, **change})
    return result


def read_config(path: str) -> Config:
    """A config file of a model.

    Raises:
        InputError: it is missing, no config, or has no model.
    """
    try:
        cfg = Config.fromfile(path)
    except OSError as error:
        raise InputError(f'cannot read the config {path} ({error}); check the path') from error
    except InputError:
        raise
    except Exception as error:  # a config is code, which may end in anything
        raise InputError(f'{path} is no config that mmengine can read ({error})') from error
    if not isinstance(cfg.get('model'), dict):
        raise InputError(f'{path} has no model; compare with the configs of directpose')
    return cfg


def merge_options(cfg: Config, options: dict | None) -> None:
    """Merge the ``--cfg-options`` of a command line into a config.

    Raises:
        InputError: they do not fit it, for example a field of None, or they seem to be misspelt.
    """
    fields = cfg.to_dict()
    for option in options or {}:
        problem = misspelling(option, fields)
        if problem:
            raise InputError(f'--cfg-options {option}: {problem}')
    try:
        cfg.merge_from_dict(options or {})
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise InputError(f'--cfg-options do not fit the config: {error}') from error


def misspelling(option: str, fields: dict) -> str | None:
    """Why an option, such as ``train_cfg.max_epoch``, would change nothing, if that is so.

    Below its top, a config may get new fields; those that are almost there are taken for typos.
    """
    names = option.split('.')
    if names[0] not in TOP_KEYS:
        found = [place for place in places(fields, option) if place != option][:3]
        found = found or difflib.get_close_matches(option, TOP_KEYS, 1)
        hint = f'; did you mean {" or ".join(found)}?' if found else ''
        return f'nothing reads {names[0]} at the top of a config{hint}'
    for name in names:
        if isinstance(fields, list | tuple) and name.isdecimal() and int(name) < len(fields):
            fields = fields[int(name)]
            continue
        if not isinstance(fields, dict):
            return None
        if name not in fields:
            similar = difflib.get_close_matches(name, fields, 1, 0.85)
            return f'there is no {name}; did you mean {similar[0]}?' if similar else None
        fields = fields[name]
    return None


def places(fields: dict, option: str) -> Iterator[str]:
    """The full names, as in ``--cfg-options``, of the fields that an option may mean."""
    for name, value in fields.items():
        if name == option:
            yield name
        if isinstance(value, dict):
            yield from (f'{name}.{place}' for place in places(value, option))


def build_model(cfg: Config) -> nn.Module:
    """The model of a config, with random weights.

    Raises:
        InputError: see :func:`config_error_context`.
    """
    with config_error_context(f'{cfg.filename}: model'), mmpose_scope():
        return MODELS.build(cfg.model)


def mmpose_scope() -> AbstractContextManager:
    """Find classes in the registries of mmpose, and what those import, as its runner does."""
    return DefaultScope.overwrite_default_scope('mmpose')


@contextmanager
def config_error_context(part: str) -> Iterator[None]:
    """Build something of a config, and tell in a sentence why that is not possible.

    Args:
        part: of the config, with the name of its file.

    Raises:
        InputError: with the classes on the way, the error, and the line it comes from.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # whatever a class does with values that it does not expect
        raise InputError(
            f'{part} cannot be built: {way_to(error)}{summary(error)}; correct this value'
        ) from error


def way_to(error: Exception) -> str:
    """The classes whose ``__init__`` an error has passed, from the outside."""
    names: list[str] = []
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
