"""What configs call: the place of our configs, and changes of a base's lists by type.

A config of mmengine cannot have import statements, but it may hold expressions::

    _base_ = __import__('directpose').config_path('directpose/NAME.py')
    train_pipeline = __import__('directpose').override_by_type(
        _base_.train_pipeline, RandomFlip=None, RandomScaleCrop=dict(long_side=2000))
"""

import os.path as osp
from collections.abc import Sequence

from .errors import InputError

PACKAGE = osp.dirname(osp.dirname(osp.abspath(__file__)))
CONFIGS = osp.join(PACKAGE, '.mim', 'configs')


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


def override_by_type(parts: Sequence[dict], **changes: dict | None) -> list[dict]:
    """A list of a config, such as a pipeline or a schedule, changed by the ``type`` of its parts.

    Args:
        parts: each with a ``type``.
        changes: for each type the fields to set, ``type`` among them to exchange a part, or None
            to leave it out.

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
    overrides = [changes.get(name, {}) for name in types]
    return [
        {**part, **override}
        for part, override in zip(parts, overrides, strict=True)
        if override is not None
    ]
