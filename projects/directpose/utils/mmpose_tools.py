"""Loading mmpose's command-line tools."""

import importlib.util
import os.path as osp
from types import ModuleType

import mmpose

from .cli import KeyValues


def load_mmpose_tool(name: str) -> ModuleType:
    """The module of ``tools/NAME.py`` of the installed mmpose, for its arguments.

    mim runs the same file, so ours take the same arguments in every version.
    """
    path = osp.join(osp.dirname(mmpose.__file__), '.mim', 'tools', f'{name}.py')
    spec = importlib.util.spec_from_file_location(f'mmpose_tools_{name}', path)
    assert spec is not None and spec.loader is not None  # the path ends in .py
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.DictAction = KeyValues  # type: ignore[attr-defined]
    return module
