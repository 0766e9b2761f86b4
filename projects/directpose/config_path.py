"""Where our configs are, in a clone as well as after ``pip install``."""

import os.path as osp

from .errors import InputError

CONFIGS = osp.join(osp.dirname(osp.abspath(__file__)), '.mim', 'configs')


def config_path(name: str) -> str:
    """Path of one of our configs, for the ``_base_`` of a config in any folder.

    mmengine finds a ``package::name`` only in the packages that it knows. A config cannot have
    import statements, but ``_base_`` may be an expression::

        _base_ = __import__('directpose').config_path('directpose/NAME.py')

    Args:
        name: relative to ``configs/``.

    Raises:
        InputError: there is no such config.
    """
    path = osp.join(CONFIGS, name)
    if not osp.isfile(path):
        raise InputError(f'directpose has no config {name}; see {CONFIGS}')
    return path
